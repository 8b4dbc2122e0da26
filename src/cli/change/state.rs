//! Where receipts, backups and locks are kept, and which words a receipt may remember.

use std::path::{Path, PathBuf};

use clap::Args;

/// Where etcdha keeps its own records.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Behaviour")]
pub(in crate::cli) struct StateArgs {
    /// Directory for receipts, backups and locks [default: /var/lib/etcdha for root,
    /// $XDG_STATE_HOME/etcdha or ~/.local/state/etcdha for others]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

impl StateArgs {
    /// The directory that was named, or the one that this user may write to.
    pub(in crate::cli) fn dir(&self) -> PathBuf {
        let named = self.state_dir.clone();
        named.unwrap_or_else(|| {
            default_dir(rustix::process::geteuid().is_root(), |name| {
                std::env::var_os(name).map(PathBuf::from)
            })
        })
    }
}

/// Root's records are the host's; those of anybody else are in their home, as the XDG base
/// directory specification 0.8 has it, which wants relative paths to be ignored.
fn default_dir(is_root: bool, variable: impl Fn(&str) -> Option<PathBuf>) -> PathBuf {
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    let of_host = PathBuf::from("/var/lib/etcdha");
    if is_root {
        return of_host;
    }
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    state.map_or(of_host, |state| state.join("etcdha"))
}

pub(in crate::cli) fn receipts(state: &Path) -> PathBuf {
    state.join("receipts")
}

/// Where copies of files that were replaced or taken away are kept, on the host they came from.
pub(in crate::cli) fn backups(state: &Path) -> PathBuf {
    state.join("backups")
}

/// The command line as a receipt keeps it: without the program and without passwords.
pub(in crate::cli) fn arguments() -> Vec<String> {
    redact(
        std::env::args_os()
            .skip(1)
            .map(|word| word.to_string_lossy().into_owned()),
    )
}

fn redact(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut hide_next = false;
    words
        .map(|word| {
            if std::mem::take(&mut hide_next) {
                return "REDACTED".to_owned();
            }
            if word.starts_with("--user=") {
                return "--user=REDACTED".to_owned();
            }
            hide_next = word == "--user";
            word
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_user_keeps_records_at_home() {
        let none = |_: &str| None;
        let home = |name: &str| (name == "HOME").then(|| PathBuf::from("/home/ada"));
        let relative = |name: &str| match name {
            "XDG_STATE_HOME" => Some(PathBuf::from("state")),
            name => home(name),
        };
        let both = |name: &str| match name {
            "XDG_STATE_HOME" => Some(PathBuf::from("/state")),
            name => home(name),
        };
        let host = Path::new("/var/lib/etcdha");
        assert_eq!(default_dir(true, both), host);
        assert_eq!(default_dir(false, none), host);
        let at_home = Path::new("/home/ada/.local/state/etcdha");
        assert_eq!(default_dir(false, home), at_home);
        assert_eq!(default_dir(false, relative), at_home);
        assert_eq!(default_dir(false, both), Path::new("/state/etcdha"));
    }

    #[test]
    fn passwords_never_reach_a_receipt() {
        for words in [
            ["--user", "root:hush", "m2"],
            ["--user=root:hush", "m2", "m3"],
        ] {
            let kept = redact(words.iter().map(|word| (*word).to_owned())).join(" ");
            assert!(kept.contains("m2") && !kept.contains("hush"), "{kept}");
        }
    }
}
