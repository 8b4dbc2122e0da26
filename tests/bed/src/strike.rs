//! Killing a program exactly where it enters a system call.
//!
//! strace counts the calls of each thread for itself, so the first thread that makes its Nth call of a
//! kind is where the program is struck. Whoever goes on until no call is left to strike has been at
//! every call of the busiest thread.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::debs::require_tool;
use crate::exec::{Output, capture};

/// A kind of system call: every name that machines have for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call(&'static str);

impl Call {
    /// Makes a directory.
    pub const MKDIR: Call = Call("?mkdir,?mkdirat");
    /// Sets a mode.
    pub const CHMOD: Call = Call("?chmod,?fchmod,?fchmodat");
    /// Reserves room in a file.
    pub const FALLOCATE: Call = Call("?fallocate");
    /// Makes something durable.
    pub const SYNC: Call = Call("?fsync,?fdatasync,?syncfs");
    /// Gives a name.
    pub const RENAME: Call = Call("?rename,?renameat,?renameat2,?link,?linkat");
    /// Takes a name away.
    pub const UNLINK: Call = Call("?unlink,?unlinkat,?rmdir");
    /// Locks a file.
    pub const LOCK: Call = Call("?flock");
}

/// Runs a command, whose environment must be one of its own, and kills it as it enters the call of
/// this number, from 1 on. Returns what it said where it ended before; `None` where it was killed.
///
/// # Errors
/// strace is missing, or the command can't be run.
pub fn strike(command: &Command, call: Call, number: usize) -> Result<Option<Output>> {
    let strace = require_tool("strace", "strace")?;
    let Call(names) = call;
    let mut struck = Command::new(strace);
    struck
        .args(["-f", "-qqq", "-o", "/dev/null", "-e"])
        .arg(format!("trace={names}"))
        .arg("-e")
        .arg(format!("inject={names}:signal=SIGKILL:when={number}"))
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            struck.env(name, value);
        }
    }
    if let Some(directory) = command.get_current_dir() {
        struck.current_dir(directory);
    }
    let output = capture(&mut struck).context("run strace")?;
    // strace ends as what it traces did.
    Ok(match output.status.signal() {
        Some(9) => None,
        _ => Some(output),
    })
}
