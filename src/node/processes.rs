//! Processes of a node, where they can be seen from here.

use std::fs;
use std::path::{Path, PathBuf};

use super::LocalNode;

/// A process and the words it was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id as seen from here.
    pub pid: u32,
    /// Its command line.
    pub argv: Vec<String>,
    /// When it started, in clock ticks since the machine did; 0 where that can't be read.
    pub started: u64,
}

impl LocalNode {
    /// The processes whose first word is a program of that name, or that have it as their second.
    ///
    /// They are read from the node's own `/proc`, or from this host's where the node's root has
    /// none mounted: then processes of other hosts may be among them. Best effort, because a
    /// process may end while it is looked at.
    pub fn processes(&self, program: &str) -> Vec<Process> {
        let own = read_all(&self.local(Path::new("/proc")), program);
        match own {
            Some(found) => found,
            None => read_all(Path::new("/proc"), program).unwrap_or_default(),
        }
    }
}

/// `None` where the directory shows no process at all.
fn read_all(proc: &Path, program: &str) -> Option<Vec<Process>> {
    let entries = fs::read_dir(proc).ok()?;
    let numbers = entries.filter_map(|entry| {
        let name = entry.ok()?.file_name();
        name.to_str()?.parse::<u32>().ok()
    });
    let mut pids: Vec<u32> = numbers.collect();
    pids.sort_unstable();
    if pids.is_empty() {
        return None;
    }
    let read = |pid: u32| read_one(&proc.join(pid.to_string()), pid);
    let is_wanted = |process: &Process| {
        let mut heads = process.argv.iter().take(2);
        heads.any(|word| word.rsplit('/').next() == Some(program))
    };
    Some(
        pids.into_iter()
            .filter_map(read)
            .filter(is_wanted)
            .collect(),
    )
}

fn read_one(directory: &Path, pid: u32) -> Option<Process> {
    let path: PathBuf = directory.join("cmdline");
    let bytes = fs::read(path).ok()?;
    let words = bytes.split(|byte| *byte == 0);
    let mut argv: Vec<String> = words
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    // The last word ends with a zero, too.
    if argv.last().is_some_and(String::is_empty) {
        argv.pop();
    }
    let stat = fs::read_to_string(directory.join("stat")).unwrap_or_default();
    (!argv.is_empty()).then_some(Process {
        pid,
        argv,
        started: started(&stat).unwrap_or_default(),
    })
}

/// The 22nd field of `/proc/PID/stat` (proc(5)). The second, the program's name in parentheses, may
/// hold blanks and parentheses itself.
fn started(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::files;

    #[test]
    fn a_start_is_read_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 10 11 12";
        assert_eq!(started(stat), Some(4711));
        assert_eq!(started("7 (a"), None);
    }

    #[test]
    fn a_nodes_own_proc_counts_and_this_hosts_stands_in() {
        let root = tempfile::tempdir().unwrap();
        let node = LocalNode {
            name: "m1".parse().unwrap(),
            root: root.path().to_owned(),
        };
        // This test itself is a process of this host.
        let own = std::env::args().next().unwrap();
        let own = own.rsplit('/').next().unwrap().to_owned();
        assert!(
            node.processes(&own)
                .iter()
                .any(|p| p.pid == std::process::id())
        );
        for (pid, line) in [("12", "/bin/kube-apiserver\0--v=2\0"), ("13", "sleep\0")] {
            let path = root.path().join("proc").join(pid).join("cmdline");
            files::ensure_dir(path.parent().unwrap(), 0o755).unwrap();
            files::write_atomic(&path, line.as_bytes(), 0o644).unwrap();
        }
        let found = node.processes("kube-apiserver");
        assert_eq!(
            found,
            [Process {
                pid: 12,
                argv: vec!["/bin/kube-apiserver".into(), "--v=2".into()],
                started: 0,
            }]
        );
        assert!(node.processes(&own).is_empty());
    }
}
