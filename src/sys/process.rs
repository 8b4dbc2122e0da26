//! Programs that etcdha is told to run: the one place that starts a process.
//!
//! Invariant: a program is started with a list of words, never through a shell, and with an empty
//! environment; it ends with the run that started it, whatever becomes of that run.
//!
//! The kernel kills a process whose parent dies only where the process itself has asked for it
//! (`PR_SET_PDEATHSIG` of prctl(2)). Therefore etcdha starts itself, [`become_program`] asks, and
//! replaces itself by the program. The kernel means the parent's *thread*: [`Kept::start`] is for
//! threads that outlive the program.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getppid, getrlimit, kill_process,
    set_parent_process_death_signal, setrlimit,
};

use super::files::{FileError, failed};

/// The hidden command that calls [`become_program`].
pub const KEPT_COMMAND: &str = "kept-program";

/// This very program, also where its file was replaced meanwhile.
const SELF: &str = "/proc/self/exe";

/// Longest answer that is read.
const ANSWER_BYTES: u64 = 64 * 1024;

/// A running program. Dropping it kills the program and waits until it is gone.
#[derive(Debug)]
pub struct Kept {
    child: Child,
}

/// What a program said before it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its exit code; none where a signal ended it, or where it was ended for taking too long.
    pub code: Option<i32>,
    /// The beginning of what it wrote to stdout and stderr.
    pub text: String,
}

impl Kept {
    /// Starts a program in `directory`; its stdout and stderr go to `output`.
    ///
    /// # Errors
    /// Where no process can be made. That the program can't be started is told by its output and its end.
    pub fn start(
        program: &Path,
        words: &[OsString],
        directory: &Path,
        output: &File,
    ) -> Result<Self, FileError> {
        let child = own_stdio(output).and_then(|(stdout, stderr)| {
            kept(program, words)
                .current_dir(directory)
                .stdout(stdout)
                .stderr(stderr)
                .spawn()
        });
        child
            .map(|child| Self { child })
            .map_err(failed("start", program))
    }

    /// How the program ended; none while it runs.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Both fail only where it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program that answers and ends; one that takes longer than `patience` is killed.
///
/// # Errors
/// Where no process can be made.
pub fn ask(program: &Path, words: &[&str], patience: Duration) -> Result<Answer, FileError> {
    let fail = failed("start", program);
    let (mut reader, writer) = io::pipe().map_err(fail)?;
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    let writer = File::from(std::os::fd::OwnedFd::from(writer));
    let mut kept = Kept::start(program, &words, Path::new("/"), &writer)?;
    drop(writer);
    let (tell, told) = mpsc::channel();
    // On a thread, since something that the program has left behind may hold the pipe open.
    thread::spawn(move || {
        let mut text = Vec::new();
        let _ = (&mut reader).take(ANSWER_BYTES).read_to_end(&mut text);
        // Nobody listens any more where it took too long.
        let _ = tell.send(text);
    });
    let text = told.recv_timeout(patience);
    let code = match text.is_ok() {
        // Its output has ended, so it is about to.
        true => settle(&mut kept),
        false => None,
    };
    Ok(Answer {
        code,
        text: String::from_utf8_lossy(&text.unwrap_or_default()).into_owned(),
    })
}

/// The exit code of a program that is about to end.
fn settle(kept: &mut Kept) -> Option<i32> {
    const ATTEMPTS: u32 = 200;
    for _ in 0..ATTEMPTS {
        match kept.ended() {
            Ok(Some(status)) => return status.code(),
            Ok(None) => thread::sleep(Duration::from_millis(5)),
            Err(_) => return None,
        }
    }
    None
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that starts a process"
)]
fn kept(program: &Path, words: &[OsString]) -> Command {
    let mut command = Command::new(SELF);
    command
        .arg(KEPT_COMMAND)
        .arg(std::process::id().to_string())
        .arg("--")
        .arg(program)
        .args(words)
        // The program's settings are its words: a variable of the caller's must not change them.
        .env_clear()
        // Ctrl-C on the terminal is for etcdha, which ends the program.
        .process_group(0)
        .stdin(Stdio::null());
    command
}

fn own_stdio(output: &File) -> io::Result<(File, File)> {
    Ok((output.try_clone()?, output.try_clone()?))
}

/// Makes this process another program that ends when `parent` does, and leaves no core file: its
/// memory may hold secrets. Returns only where that fails.
pub fn become_program(parent: u32, program: &Path, words: &[OsString]) -> FileError {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that starts a process"
    )]
    let replace = || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have died before that was heard.
        if getppid().map(Pid::as_raw_pid) != i32::try_from(parent).ok() {
            return Err(io::Error::other("the run that wanted it has ended"));
        }
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        setrlimit(Resource::Core, none)?;
        Err(Command::new(program).args(words).exec())
    };
    let result: io::Result<()> = replace();
    let error = result.err();
    failed("start", program)(error.unwrap_or_else(|| io::Error::other("it came back")))
}

/// Lets this process leave no core file, whatever ends it: its memory may hold private keys.
pub fn leave_no_core() {
    let none = Rlimit {
        current: Some(0),
        maximum: getrlimit(Resource::Core).maximum,
    };
    // A limit may always be lowered.
    let _ = setrlimit(Resource::Core, none);
}

/// The first executable file of this name in a list of directories such as `PATH`.
pub fn find_in_path(name: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    std::env::split_paths(path?)
        // A relative entry would depend on where etcdha is started.
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|file| {
            let about = fs::metadata(file);
            about.is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
        })
}

/// Kills this user's processes that have a word which begins so, such as `--data-dir=/tmp/x/`: what
/// a dead run has left. Returns how many; best effort, since a process may end meanwhile.
pub fn kill_with_word(beginning: &OsStr) -> usize {
    let me = rustix::process::geteuid().as_raw();
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let mut killed = 0;
    for entry in entries.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let is_mine = entry.metadata().is_ok_and(|about| about.uid() == me);
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let mut words = words.split(|byte| *byte == 0);
        if is_mine
            && words.any(|word| word.starts_with(beginning.as_bytes()))
            && let Some(pid) = Pid::from_raw(pid)
            && kill_process(pid, Signal::KILL).is_ok()
        {
            killed += 1;
        }
    }
    killed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_of_absolute_directories_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let first = dir.path().join("a");
        let second = dir.path().join("b");
        for (place, mode) in [(&first, 0o644), (&second, 0o755)] {
            fs::create_dir(place).unwrap();
            super::super::files::write_atomic(&place.join("etcd"), b"x", mode).unwrap();
        }
        let path = std::env::join_paths([Path::new("."), &first, &second]).unwrap();
        let found = find_in_path("etcd", Some(&path));
        assert_eq!(found, Some(second.join("etcd")));
        assert_eq!(find_in_path("etcdx", Some(&path)), None);
        assert_eq!(find_in_path("etcd", None), None);
    }

    #[test]
    fn a_program_is_not_started_for_a_run_that_is_gone() {
        // Nobody is the child of process 0 but the first one.
        let error = become_program(0, Path::new("/bin/true"), &[]);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "the run that wanted it has ended");
    }
}
