//! Which program runs inside the test hosts?
//!
//! The hosts need a program of the bed's own: their first process, the kubelet stand-in, and the
//! step that enters a pod's root directory. Cargo does not build the binaries of a development
//! dependency, so a test binary serves as that program itself: one of its tests calls [`entry`],
//! and is run again with an environment variable that holds the arguments.
//!
//! Invariant: the program is always the running executable, so it can never be stale.

use std::env;
use std::ffi::OsString;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};

/// Carries the arguments, as a JSON list, to a test binary that is to act as the bed's program.
const ARGUMENTS: &str = "ETCDHA_TESTBED_ARGS";

/// What this process is, once it acts as the bed's program.
static CURRENT: OnceLock<Program> = OnceLock::new();

/// How the running executable is started as the bed's program.
#[derive(Debug, Clone)]
pub enum Program {
    /// It is the `testbed` binary, or another whose `main` hands its arguments to
    /// [`crate::cli::main`].
    Itself,
    /// It is a test binary; the test of this full name calls [`entry`].
    Test(&'static str),
}

impl Program {
    /// Returns how this process, acting as the bed's program, starts itself again.
    pub(crate) fn current() -> Program {
        CURRENT.get().cloned().unwrap_or(Program::Itself)
    }

    /// Returns the command that runs the bed's program with `args`.
    ///
    /// # Errors
    /// The running executable has no path, because it was deleted meanwhile.
    pub fn command<const N: usize>(&self, args: [&str; N]) -> Result<Command> {
        let (program, arguments, environment) = self.parts(&args)?;
        let mut command = Command::new(program);
        command.args(arguments);
        command.envs(environment);
        Ok(command)
    }

    /// Returns the executable, its arguments and its environment for wrapping in other commands.
    pub(crate) fn parts(&self, args: &[&str]) -> Result<Parts> {
        let executable = env::current_exe().context("find the running executable")?;
        match self {
            Program::Itself => Ok((
                executable.into(),
                args.iter().map(OsString::from).collect(),
                Vec::new(),
            )),
            Program::Test(name) => Ok((
                executable.into(),
                ["--exact", name, "--nocapture", "--test-threads=1"]
                    .map(OsString::from)
                    .to_vec(),
                vec![(
                    OsString::from(ARGUMENTS),
                    serde_json::to_string(args)
                        .context("encode the arguments")?
                        .into(),
                )],
            )),
        }
    }
}

type Parts = (OsString, Vec<OsString>, Vec<(OsString, OsString)>);

/// Acts as the bed's program if the test binary was started for that, and does not return then.
/// Otherwise checks that this binary, started so, does answer as the bed's program.
///
/// # Panics
/// The answer is not the bed's version line.
pub fn entry(test_name: &'static str) {
    if let Some(arguments) = env::var(ARGUMENTS)
        .ok()
        .and_then(|json| serde_json::from_str::<Vec<String>>(&json).ok())
    {
        let arguments = std::iter::once("testbed".to_owned()).chain(arguments);
        CURRENT.get_or_init(|| Program::Test(test_name));
        let code = crate::cli::run(arguments.map(OsString::from));
        std::process::exit(i32::from(code));
    }
    let output = Program::Test(test_name)
        .command(["--version"])
        .and_then(|mut command| crate::exec::run(&mut command));
    let answer = output.map(|output| output.stdout);
    assert!(
        answer
            .as_ref()
            .is_ok_and(|text| text.contains(concat!("testbed ", env!("CARGO_PKG_VERSION")))),
        "the test binary does not act as the bed's program: {answer:?}"
    );
}
