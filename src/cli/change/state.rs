//! Where receipts, backups and locks are kept, and which words a receipt may remember.

use std::path::{Path, PathBuf};

use clap::Args;

/// Where etcdha keeps its own records.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Behaviour")]
pub(in crate::cli) struct StateArgs {
    /// Directory for receipts, backups and locks
    #[arg(long, value_name = "DIR", default_value = "/var/lib/etcdha")]
    pub(in crate::cli) state_dir: PathBuf,
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
