//! A sandbox: an empty directory, no inherited environment, and output with what changes from run to
//! run replaced by names.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{self, Child, Stdio};

use assert_cmd::Command;
use tempfile::TempDir;

/// A directory of its own to run etcdha in.
pub(crate) struct Sandbox {
    dir: TempDir,
    variables: Vec<(String, String)>,
}

/// What a run left behind.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    /// A sandbox with a state directory of its own, as every change needs one.
    pub(crate) fn with_state() -> Self {
        let sandbox = Self::new();
        let state = sandbox.path().join("state").display().to_string();
        sandbox.variable("ETCDHA_STATE_DIR", &state)
    }

    /// Sets an environment variable for the runs that follow.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file of the sandbox, with its directories.
    pub(crate) fn file(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        let parent = path.parent().unwrap();
        etcdha::sys::files::ensure_dir(parent, 0o755).unwrap();
        etcdha::sys::files::write_atomic(&path, text.as_bytes(), 0o644).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.path().join(name).exists()
    }

    /// The permission bits of a file.
    pub(crate) fn mode(&self, name: &str) -> u32 {
        let metadata = fs::metadata(self.path().join(name)).unwrap();
        metadata.permissions().mode() & 0o7777
    }

    /// Every file below a directory, relative to it and sorted; dotfiles too.
    pub(crate) fn files_below(&self, dir: &str) -> Vec<String> {
        let root = self.path().join(dir);
        let mut files = Vec::new();
        let mut open = vec![root.clone()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(dir).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    files.push(path.strip_prefix(&root).unwrap().display().to_string());
                }
            }
        }
        files.sort();
        files
    }

    /// The command with its scrubbed environment, for what [`Sandbox::run`] can't express.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcdha"));
        command
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("HOME", self.path())
            .current_dir(self.path());
        command
    }

    /// The command as the plain process type, for runs that are to be killed.
    #[expect(
        clippy::disallowed_methods,
        reason = "a run that is killed needs the plain process type"
    )]
    pub(crate) fn plain_command(&self, words: &[&str]) -> process::Command {
        let mut command = process::Command::new(env!("CARGO_BIN_EXE_etcdha"));
        command
            .args(words)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    /// Starts a run that is to be killed.
    pub(crate) fn start(&self, words: &[&str]) -> Child {
        let mut command = self.plain_command(words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// Runs `etcdha` with these words, parted at spaces.
    pub(crate) fn run(&self, words: &str) -> Run {
        self.run_words(&words.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn run_words(&self, words: &[&str]) -> Run {
        let output = self.command().args(words).output().unwrap();
        Run {
            code: output.status.code().unwrap(),
            stdout: self.scrub(&output.stdout),
            stderr: self.scrub(&output.stderr),
        }
    }

    fn scrub(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let here = self.path().to_str().unwrap();
        let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
        text.replace(here, "[DIR]")
            .replace(&platform, "[PLATFORM]")
            .replace(env!("CARGO_PKG_VERSION"), "[VERSION]")
    }
}

/// Demands an exit code, and hands the run on.
pub(crate) fn expect(code: i32, run: Run) -> Run {
    assert_eq!(run.code, code, "{}", run.all());
    run
}

impl Run {
    /// Everything in one text, for a snapshot.
    pub(crate) fn all(&self) -> String {
        format!(
            "exit {}\n--- stdout\n{}--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

/// Compares a generated document with the one in the tree; `ETCDHA_BLESS=1` writes it instead.
pub(crate) fn check_document(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("ETCDHA_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        etcdha::sys::files::write_atomic(&path, text.as_bytes(), 0o644).unwrap();
        return;
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "{name} is out of date: run ETCDHA_BLESS=1 cargo test --test cli docs\n{text}"
    );
}
