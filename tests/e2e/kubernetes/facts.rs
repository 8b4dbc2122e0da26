//! What does a container's process see? Read from outside, in /proc of its host.
//!
//! Invariant: what differs between two hosts by nature (name, address, process number) is replaced.

use std::collections::BTreeMap;

use etcdha_testbed::{Host, wait};

use super::pair::SOON;

/// What a process was given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Its command line.
    pub(super) argv: Vec<String>,
    /// Its whole environment.
    pub(super) env: BTreeMap<String, String>,
    /// Its working directory.
    pub(super) directory: String,
    /// Each place that was asked for, with its kind, its mode and whether it can be written.
    pub(super) places: BTreeMap<String, String>,
}

/// Runs on the host with the process and the places; empty lines part the answers.
const LOOK: &str = r#"
pid=$1; shift
readlink "/proc/$pid/cwd"
for place in "$@"; do
    if [ ! -e "/proc/$pid/root$place" ]; then echo "nothing"; continue; fi
    options=$(awk -v place="$place" '$5 == place { options = $6 } END { print options }' "/proc/$pid/mountinfo")
    case ",$options," in ,,) mount=image ;; *,ro,*) mount=read-only ;; *) mount=writable ;; esac
    echo "$(stat -L -c '%F %a' "/proc/$pid/root$place") $mount"
done
"#;

impl Facts {
    /// Looks at the process `pid` of a host, and at these absolute paths as it sees them.
    pub(super) fn of(host: &Host, pid: u32, places: &[&str]) -> Facts {
        let pid = pid.to_string();
        // Until it becomes the program it is the runtime's, and sees what that sees.
        wait::until("the container's program to run", SOON, || {
            let exe = host.run(&["readlink", &format!("/proc/{pid}/exe")])?;
            anyhow::ensure!(exe.stdout.trim().ends_with("/etcd"), "found {exe:?}");
            Ok(())
        })
        .unwrap();
        let mut command = vec!["sh", "-c", LOOK, "look", &pid];
        command.extend(places);
        let answer = host.run(&command).unwrap();
        assert!(answer.status.success(), "{answer:?}");
        let mut lines = answer.stdout.lines().map(str::to_owned);
        let directory = lines.next().unwrap();
        Facts {
            argv: words(host, &format!("/proc/{pid}/cmdline")),
            env: words(host, &format!("/proc/{pid}/environ"))
                .iter()
                .filter_map(|word| word.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            directory,
            places: places
                .iter()
                .map(|place| (*place).to_owned())
                .zip(lines)
                .collect(),
        }
    }
}

/// Reads a list of words, each of which ends with a zero.
fn words(host: &Host, path: &str) -> Vec<String> {
    let text = host.run(&["cat", path]).unwrap().stdout;
    let text = text.trim_end_matches('\0');
    text.split('\0').map(|word| neutral(host, word)).collect()
}

/// Replaces what is the host's own.
pub(super) fn neutral(host: &Host, text: &str) -> String {
    text.replace(&host.address().to_string(), "ADDRESS")
        .replace(host.name(), "NAME")
}
