//! What the exit status says: one table, which `docs/exit-codes.md` shows too.

use std::fmt::Write as _;

/// How a run ended, as the status a shell sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// Everything asked for is so, whether or not something had to be done for it.
    Done,
    /// Something broke.
    Failed,
    /// The command line, the cluster file or another input is wrong.
    Usage,
    /// etcdha looked and chose not to act.
    Refused,
    /// Some steps are done and others are not.
    Partial,
    /// A check found problems.
    Problems,
    /// A person or the system ended the run.
    Interrupted,
}

impl ExitCode {
    /// Every code, ascending.
    pub const ALL: [Self; 7] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Refused,
        Self::Partial,
        Self::Problems,
        Self::Interrupted,
    ];

    /// The number.
    pub fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Partial => 4,
            Self::Problems => 5,
            Self::Interrupted => 130,
        }
    }

    /// What the number means, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done, or nothing to do",
            Self::Failed => "failed",
            Self::Usage => "wrong usage or bad input",
            Self::Refused => "refused, nothing was changed",
            Self::Partial => "partly applied",
            Self::Problems => "a check found problems",
            Self::Interrupted => "interrupted",
        }
    }

    /// What a script may conclude and do.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Done => "Everything asked for is so. Running the command again changes nothing.",
            Self::Failed => {
                "The error names what broke. What had been changed was undone, or nothing had been."
            }
            Self::Usage => {
                "Correct the command line, the cluster file or the file named in the error. \
                 Also: a change without a terminal and without `--yes`."
            }
            Self::Refused => {
                "The message carries a stable id in brackets and what to do first. \
                 Also: the question was answered with no."
            }
            Self::Partial => {
                "The message names the receipt. Run the same command again to go on, or undo it."
            }
            Self::Problems => {
                "Checks end so (`config check`, `certs check`, `manifest lint`, `status` …), with the \
                 findings on stdout, and a restore from a snapshot that is damaged."
            }
            Self::Interrupted => {
                "SIGINT, SIGTERM or SIGHUP arrived. Run the same command again to go on."
            }
        }
    }

    /// The document `docs/exit-codes.md`.
    pub fn document() -> String {
        let mut text = String::from(
            "# Exit codes\n\nThe same for every command. A closed pipe (`etcdha status | head -1`) \
             ends quietly with 0.\n\n| Code | Meaning | What it tells a script |\n|---|---|---|\n",
        );
        for code in Self::ALL {
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "| {} | {} | {} |",
                code.number(),
                code.meaning(),
                code.advice()
            );
        }
        text
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}
