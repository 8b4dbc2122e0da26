//! What is seen while something takes its time: a spinner or bar on a terminal, otherwise one line
//! at the start and one at the end, without control characters.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::tone::Tone;
use super::units::elapsed;
use super::writer::Output;

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// One running piece of work. Dropping it unfinished takes it off the terminal.
#[derive(Debug)]
pub struct Progress {
    output: Output,
    label: String,
    since: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn start(output: Output, label: String) -> Self {
        let on_terminal = io::stderr().is_terminal() && !output.quiet;
        let bar = on_terminal.then(|| spinner(&label));
        if bar.is_none() {
            output.note(format!("{label} …"));
        }
        Self {
            output,
            label,
            since: Instant::now(),
            bar,
        }
    }

    /// Turns the spinner into a bar of this length.
    pub fn length(&self, length: u64) {
        if let Some(bar) = &self.bar {
            bar.set_style(style("{spinner} {prefix}  {bar:16} {percent:>3} %  {msg}"));
            bar.set_length(length);
        }
    }

    /// Moves the bar.
    pub fn position(&self, position: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
        }
    }

    /// Says how far it is, in words; only a terminal shows it.
    pub fn message(&self, text: impl Into<String>) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.into());
        }
    }

    /// Ends well.
    pub fn done(self) {
        self.end(Tone::Good, "✓", "done");
    }

    /// Ends badly; the error itself is shown by whoever handles it.
    pub fn failed(self) {
        self.end(Tone::Bad, "✗", "failed");
    }

    fn end(mut self, tone: Tone, mark: &str, word: &str) {
        let time = elapsed(self.since.elapsed());
        let line = match self.bar.take() {
            Some(bar) => {
                bar.finish_and_clear();
                format!("{} {}  {time}", tone.paint(mark), self.label)
            }
            None => format!("{}: {word} in {time}", self.label),
        };
        self.output.note(line);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn spinner(label: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_prefix(label.to_owned());
    bar.set_style(style("{spinner} {prefix}  {msg}"));
    bar.enable_steady_tick(TICK);
    bar
}

/// A template of ours; one that indicatif can't read would only look plain.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .progress_chars("█░░")
}
