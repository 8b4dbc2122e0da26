//! What does systemd do with a unit, as far as a test host without systemd can?
//!
//! The program of `ExecStart=` runs as `User=` with the variables of `EnvironmentFile=`, and is started
//! again a second after each failure (`Restart=on-failure`).
//! Source of the formats: systemd.service(5), systemd.syntax(7), systemd.exec(5).
//!
//! Invariant: a line that is not understood is an error, never left out.

use std::fs;

use anyhow::{Context, Result, bail};

use super::daemon::Daemon;
use super::machine::Host;

impl Host {
    /// Starts the service of a unit file of the host, as `systemctl start` would.
    ///
    /// # Errors
    /// The unit can't be read, or the host lacks its user or `setpriv` (Debian's util-linux).
    pub fn start_service(&self, unit: &str) -> Result<Daemon> {
        let text = fs::read_to_string(self.path(unit)).with_context(|| format!("read {unit}"))?;
        let command = words(field(&text, "ExecStart")?)?;
        let (uid, gid) = self.account(field(&text, "User")?)?;
        let file = field(&text, "EnvironmentFile")?.replace("%%", "%");
        let variables = fs::read_to_string(self.path(&file)).context("read the variables")?;
        let mut argv: Vec<String> = [
            "sh",
            "-c",
            // systemd goes on until the program ends well.
            "until \"$@\"; do sleep 1; done",
            "service",
            "setpriv",
        ]
        .map(str::to_owned)
        .to_vec();
        argv.extend([format!("--reuid={uid}"), format!("--regid={gid}")]);
        argv.extend(["--clear-groups", "--", "env", "-i"].map(str::to_owned));
        for line in variables.lines() {
            let (name, value) = line.split_once('=').context("a line without =")?;
            let value = words(value)?;
            argv.push(format!(
                "{name}={}",
                value.first().map_or("", String::as_str)
            ));
        }
        argv.extend(command);
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let log = unit.rsplit('/').next().unwrap_or(unit);
        self.spawn(log, &argv)
    }

    /// An account of the host's own `/etc/passwd`.
    fn account(&self, user: &str) -> Result<(u32, u32)> {
        let passwd = fs::read_to_string(self.path("/etc/passwd")).context("read /etc/passwd")?;
        let line = passwd
            .lines()
            .find(|line| line.split(':').next() == Some(user));
        let line = line.with_context(|| format!("{} has no user {user}", self.name()))?;
        let fields: Vec<&str> = line.split(':').collect();
        match fields.as_slice() {
            [_, _, uid, gid, ..] => Ok((uid.parse()?, gid.parse()?)),
            _ => bail!("{line:?} is no account"),
        }
    }
}

/// The only value of a key.
fn field<'a>(unit: &'a str, key: &str) -> Result<&'a str> {
    let start = format!("{key}=");
    let mut values = unit.lines().filter_map(|line| line.strip_prefix(&start));
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        (found, _) => bail!(
            "{key}= stands {} in the unit",
            found.map_or("nowhere", |_| "twice")
        ),
    }
}

/// Words parted at blanks, double quotes and backslashes taken away, `%%` and `$$` made single.
fn words(line: &str) -> Result<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    let (mut open, mut inside) = (false, false);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if !inside && character.is_whitespace() {
            open = false;
            continue;
        }
        if !open {
            words.push(String::new());
            open = true;
        }
        let word = words.last_mut().context("a word was begun")?;
        match character {
            '"' => inside = !inside,
            '\\' => word.extend(characters.next()),
            '\'' => bail!("single quotes are not understood: {line}"),
            other => word.push(other),
        }
    }
    if inside {
        bail!("a quote is not closed: {line}");
    }
    let single = |word: String| word.replace("%%", "%").replace("$$", "$");
    Ok(words.into_iter().map(single).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_read_as_systemd_reads_it() {
        let line = r#"/usr/bin/etcd --a=b "--log=/x/50%% $$HOME \"y\".log""#;
        assert_eq!(
            words(line).unwrap(),
            ["/usr/bin/etcd", "--a=b", "--log=/x/50% $HOME \"y\".log"]
        );
        assert!(words("\"open").is_err() && words("'x'").is_err());
        assert!(field("User=a\nUser=b\n", "User").is_err());
        assert_eq!(field("[Service]\nUser=etcd\n", "User").unwrap(), "etcd");
    }
}
