//! The one place that writes to stdout and stderr.
//!
//! Invariant: a result goes to stdout in the form that was asked for; everything else goes to stderr.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};

use super::format::Format;
use super::json;
use super::page::Page;
use super::progress::Progress;
use super::report::Report;
use super::tone::{Tone, colour_marks};
use crate::cli::error::CliError;

/// How this run talks: form, volume and colour.
#[derive(Clone, Debug)]
pub struct Output {
    /// The form of results.
    pub format: Format,
    /// True when only results and errors are wanted.
    pub quiet: bool,
    colour: ColorChoice,
}

impl Output {
    /// An output with the choices of the command line.
    pub fn new(format: Format, quiet: bool, colour: clap::ColorChoice) -> Self {
        let colour = match colour {
            clap::ColorChoice::Auto => ColorChoice::Auto,
            clap::ColorChoice::Always => ColorChoice::Always,
            clap::ColorChoice::Never => ColorChoice::Never,
        };
        Self {
            format,
            quiet,
            colour,
        }
    }

    /// Prints a result to stdout in the form that was asked for.
    ///
    /// # Errors
    /// A closed pipe, which ends the run quietly, or the stream's own failure.
    pub fn emit<R: Report>(&self, report: &R) -> Result<(), CliError> {
        let text = match self.format {
            Format::Table | Format::Wide => self.page(report),
            Format::Json => json::to_json(report)?,
            Format::Yaml => json::to_yaml(report)?,
        };
        self.raw(&text)
    }

    /// Prints a result for a person to stderr, where stdout is kept for a document.
    pub(super) fn emit_aside<R: Report>(&self, report: &R) {
        self.aside(&self.page(report));
    }

    fn page<R: Report>(&self, report: &R) -> String {
        let mut page = Page::new(self.format == Format::Wide, !self.quiet);
        report.page(&mut page);
        page.into_text()
    }

    /// Prints a text as it is to stdout: a generated file, a manifest, a schema.
    ///
    /// # Errors
    /// As [`Output::emit`].
    pub fn raw(&self, text: &str) -> Result<(), CliError> {
        let stdout = io::stdout().lock();
        let mut stream = AutoStream::new(stdout, self.colour);
        let written = stream
            .write_all(colour_marks(text).as_bytes())
            .and_then(|()| stream.flush());
        match written {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(CliError::closed_pipe()),
            Err(error) => Err(CliError::failed("write the result to stdout").cause(&error)),
        }
    }

    /// Tells something on the way to stderr, unless quiet.
    pub fn note(&self, line: impl Display) {
        if !self.quiet {
            self.aside(&format!("{line}\n"));
        }
    }

    /// Warns on stderr.
    pub fn warn(&self, line: impl Display) {
        self.aside(&format!("{} {line}\n", Tone::Warn.paint("warning:")));
    }

    /// Shows an error on stderr.
    pub fn error(&self, error: &CliError) {
        self.aside(&error.render());
    }

    /// Writes to stderr. That nobody reads it is no reason to stop.
    pub(super) fn aside(&self, text: &str) {
        let mut stream = AutoStream::new(io::stderr().lock(), self.colour);
        let _ = stream.write_all(colour_marks(text).as_bytes());
        let _ = stream.flush();
    }

    /// Starts to show that something takes its time.
    pub fn progress(&self, label: impl Into<String>) -> Progress {
        Progress::start(self.clone(), label.into())
    }

    /// True when a person can be asked: questions go to stderr, answers come from stdin.
    pub fn is_interactive(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// True when stderr shows colours.
    pub(in crate::cli) fn colours_stderr(&self) -> bool {
        let chosen = match self.colour {
            ColorChoice::Auto => AutoStream::choice(&io::stderr()),
            chosen => chosen,
        };
        chosen != ColorChoice::Never
    }
}
