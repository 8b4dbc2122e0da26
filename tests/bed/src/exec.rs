//! How a program is run so that its failure explains itself?
//!
//! Invariant: a program that fails is reported with its command line, status and both outputs.

use std::io;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// What a finished program left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to standard output, invalid UTF-8 replaced.
    pub stdout: String,
    /// What it wrote to standard error, invalid UTF-8 replaced.
    pub stderr: String,
}

impl From<std::process::Output> for Output {
    fn from(output: std::process::Output) -> Output {
        Output {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs a program to its end and returns what it left, whatever its exit status.
///
/// # Errors
/// The program cannot be started; a missing one is named together with its Debian package.
pub fn capture(command: &mut Command) -> Result<Output> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| explain_start(command, error))?;
    Ok(Output::from(output))
}

/// Runs a program that must succeed.
///
/// # Errors
/// It cannot be started, or ends with another status than 0.
pub fn run(command: &mut Command) -> Result<Output> {
    let output = capture(command)?;
    if !output.status.success() {
        bail!(
            "{command:?} ended with {}\nstdout: {}\nstderr: {}",
            output.status,
            output.stdout.trim_end(),
            output.stderr.trim_end()
        );
    }
    Ok(output)
}

/// Runs `ip -batch` in the namespace `netns`, or in the machine's own when there is none: one
/// process for many changes.
pub(crate) fn ip_batch(netns: Option<&str>, lines: &[String]) -> Result<()> {
    let mut file = tempfile::NamedTempFile::new().context("make a batch file")?;
    io::Write::write_all(&mut file, lines.join("\n").as_bytes()).context("write a batch file")?;
    let mut command = Command::new("ip");
    if let Some(netns) = netns {
        command.args(["-n", netns]);
    }
    run(command.arg("-batch").arg(file.path()))
        .with_context(|| format!("ip commands were:\n{}", lines.join("\n")))?;
    Ok(())
}

/// Turns "no such file" into the name of the package that brings the program.
pub(crate) fn explain_start(command: &Command, error: io::Error) -> anyhow::Error {
    let program = command.get_program().to_string_lossy().into_owned();
    let package = match program.as_str() {
        "ip" | "tc" | "bridge" => "iproute2",
        "unshare" | "nsenter" | "setpriv" => "util-linux",
        "openssl" => "openssl",
        "curl" => "curl",
        "ldd" => "libc-bin",
        _ => return anyhow::Error::new(error).context(format!("start {program}")),
    };
    anyhow::Error::new(error).context(format!(
        "start {program}: install it with apt-get install {package} (scripts/fetch does)"
    ))
}
