//! Which etcd is booted, and is it one?

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::EtcdVersion;
use crate::ops::Refusal;
use crate::sys::process::{Answer, ask, find_in_path};

use super::DrillRequest;

/// How long `etcd --version` may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What etcd's answer to `--version` begins with (`server/etcdmain/config.go`).
const VERSION: &str = "etcd Version: ";

/// Where etcd comes from. Installing Debian's package starts a service, so unpacking comes first.
const SOURCES: &str = "name one: --etcd PATH. Debian's package is etcd-server; without installing it (which \
                       starts a service): apt-get download etcd-server && dpkg -x etcd-server_*.deb DIR, then \
                       --etcd DIR/usr/bin/etcd";

/// An etcd that can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdProgram {
    /// The program.
    pub path: PathBuf,
    /// Its release, as it says itself.
    pub version: EtcdVersion,
}

/// Finds the program and asks it for its version.
///
/// # Errors
/// A [`Refusal`] where there is none, or it is none.
pub fn find_program(request: &DrillRequest) -> Result<EtcdProgram, Refusal> {
    let path = match &request.etcd {
        Some(path) => existing(path)?,
        None => find_in_path("etcd", request.search.as_deref()).ok_or_else(|| {
            Refusal::new("etcd-missing", "no directory of PATH holds etcd", SOURCES)
        })?,
    };
    let answer = ask(&path, &["--version"], PATIENCE).map_err(|error| {
        let why = std::error::Error::source(&error).map_or(String::new(), |why| format!(": {why}"));
        not_etcd(&path, &format!("it can't be started{why}"))
    })?;
    let version = version_of(&answer).map_err(|why| not_etcd(&path, &why))?;
    Ok(EtcdProgram { path, version })
}

/// It is started in another directory.
fn existing(path: &Path) -> Result<PathBuf, Refusal> {
    let missing = |what: String| Refusal::new("etcd-missing", what, SOURCES);
    let path = std::path::absolute(path)
        .map_err(|error| missing(format!("--etcd {}: {error}", path.display())))?;
    match path.is_file() {
        true => Ok(path),
        false => Err(missing(format!("--etcd {}: no such file", path.display()))),
    }
}

fn not_etcd(path: &Path, why: &str) -> Refusal {
    let what = format!("{} is no etcd that can be run: {why}", path.display());
    Refusal::new("not-etcd", what, SOURCES)
}

fn version_of(answer: &Answer) -> Result<EtcdVersion, String> {
    let mut lines = answer.text.lines();
    let Some(version) = lines.find_map(|line| line.strip_prefix(VERSION)) else {
        let said = first_words(&answer.text);
        return Err(match answer.code {
            Some(code) => format!(
                "to --version it said {said} and ended with {code}; expected {VERSION:?} and a number"
            ),
            None => format!("to --version it said {said} and did not end by itself"),
        });
    };
    version.trim().parse().map_err(|error| format!("{error}"))
}

/// The first two lines that say something: an error of ours has its cause in the second.
fn first_words(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<_> = lines.take(2).collect();
    match lines.is_empty() {
        true => "nothing".to_owned(),
        false => format!(
            "{:?}",
            lines.join("; ").chars().take(300).collect::<String>()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str, code: Option<i32>) -> Result<String, String> {
        let text = text.to_owned();
        version_of(&Answer { code, text }).map(|version| version.to_string())
    }

    #[test]
    fn etcd_says_who_it_is() {
        let answer = "etcd Version: 3.5.16\nGit SHA: Not provided\nGo Version: go1.23\n";
        assert_eq!(version(answer, Some(0)).unwrap(), "3.5.16");
        let other = version("true (GNU coreutils) 9.7\n", Some(0)).unwrap_err();
        assert!(
            other.contains("\"true (GNU coreutils) 9.7\" and ended with 0"),
            "{other}"
        );
        let mute = version("", None).unwrap_err();
        assert!(mute.contains("said nothing and did not end"), "{mute}");
        let new = version("etcd Version: 4.0.0\n", Some(0)).unwrap_err();
        assert!(new.contains("expected 3.4.x, 3.5.x or 3.6.x"), "{new}");
    }
}
