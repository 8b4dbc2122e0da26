//! Which processes live where, read from /proc.
//!
//! Invariant: a process that vanishes while it is looked at is not an error.

use std::fs;
use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};

/// Returns the numbers of all processes that this PID namespace sees.
pub(crate) fn all() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Returns the state letter and the parent of a process (proc(5), `/proc/PID/stat`).
fn state_and_parent(pid: i32) -> Option<(char, i32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the name in parentheses, may itself hold blanks and parentheses.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    Some((state, parent))
}

/// Returns the children of a process.
pub(crate) fn children(parent: i32) -> Vec<i32> {
    all()
        .into_iter()
        .filter(|pid| state_and_parent(*pid).is_some_and(|(_, found)| found == parent))
        .collect()
}

/// Returns whether the process is stopped by a signal, or dead and not yet reaped.
pub(crate) fn is_stopped_or_dead(pid: i32) -> bool {
    state_and_parent(pid).is_none_or(|(state, _)| matches!(state, 'T' | 't' | 'Z' | 'X'))
}

/// Returns the processes of the host whose first process is `init`, itself included: those on its
/// network that live in a PID namespace of their own, be it the host's or, below that, a container's.
/// The `nsenter` that waits for one of them is on the network too, but in the machine's namespace.
pub(crate) fn inhabitants(init: i32) -> Vec<i32> {
    let namespace = |pid: &str, kind: &str| -> Option<PathBuf> {
        fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()
    };
    let machine = namespace("self", "pid");
    let Some(wanted) = namespace(&init.to_string(), "net") else {
        return Vec::new();
    };
    all()
        .into_iter()
        .filter(|pid| {
            let pid = pid.to_string();
            namespace(&pid, "net").as_ref() == Some(&wanted) && namespace(&pid, "pid") != machine
        })
        .collect()
}

/// Wakes the programs outside a PID namespace that wait for a process inside it. `nsenter` stops
/// itself when its child is stopped, and then would never collect it.
pub(crate) fn wake_parents(inside: &[i32]) {
    for parent in inside.iter().filter_map(|pid| state_and_parent(*pid)) {
        if let (_, parent) = parent
            && !inside.contains(&parent)
        {
            signal(parent, Signal::CONT);
        }
    }
}

/// Sends a signal; a process that is gone already is fine.
pub(crate) fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // The only failures are "gone" and "not permitted", and the bed runs as root.
        let _ = kill_process(pid, signal);
    }
}
