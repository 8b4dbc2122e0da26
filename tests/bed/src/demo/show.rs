//! How does the demo look?
//!
//! Invariant: everything goes to standard output in the order in which it happened, the programs'
//! standard error included; colours appear on a terminal only, and carry no meaning.

use std::cell::Cell;
use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

const STRONG: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const HEAD: Style = AnsiColor::Cyan.on_default().bold();

/// Prints the demo. A blank line stands between things of two kinds, and nowhere else.
#[derive(Debug, Default)]
pub(super) struct Show {
    last: Cell<Option<Kind>>,
    scenes: Cell<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Headline,
    Words,
    Command,
    Table,
    Proof,
}

impl Show {
    /// Opens a scene.
    pub(super) fn headline(&self, text: &str) {
        let number = self.scenes.get() + 1;
        self.scenes.set(number);
        self.line(Kind::Headline, format!("{HEAD}━━ {number}  {text}{HEAD:#}"));
    }

    /// Says something on the way.
    pub(super) fn say(&self, text: impl Display) {
        self.line(Kind::Words, text);
    }

    /// Shows a command as it is typed; what it prints follows.
    pub(super) fn typed(&self, command: &str) {
        // Two commands in a row are two things, too.
        if self.last.get() == Some(Kind::Command) {
            self.last.set(Some(Kind::Words));
        }
        let line = format!("{QUIET}${QUIET:#} {STRONG}{command}{STRONG:#}");
        self.line(Kind::Command, line);
    }

    /// States what was proven.
    pub(super) fn proven(&self, text: impl Display) {
        self.line(Kind::Proof, format!("{GOOD}✓{GOOD:#} {text}"));
    }

    /// Prints a table without borders.
    pub(super) fn table<const N: usize>(&self, head: [&str; N], rows: &[[String; N]]) {
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([head[column].len()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..N).map(width).collect();
        let rows = rows.iter().map(|row| row.each_ref().map(String::as_str));
        for row in [head].into_iter().chain(rows) {
            let cells = row.iter().zip(&widths);
            let cells: Vec<String> = cells
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            self.line(Kind::Table, cells.join("  ").trim_end());
        }
    }

    /// Prints at once, so that what a started program prints comes after it. That nobody reads it
    /// is no reason to stop before everything is cleaned up.
    fn line(&self, kind: Kind, text: impl Display) {
        let mut out = anstream::stdout().lock();
        if self
            .last
            .replace(Some(kind))
            .is_some_and(|last| last != kind)
        {
            let _ = writeln!(out);
        }
        let _ = writeln!(out, "{text}");
        let _ = out.flush();
    }
}

/// Writes a duration as a person says it.
pub(super) fn span(duration: Duration) -> String {
    match duration.as_millis() {
        0 => "less than 1 ms".to_owned(),
        millis @ 1..1000 => format!("{millis} ms"),
        _ => format!("{:.1} s", duration.as_secs_f64()),
    }
}

/// Writes a number with a comma before each group of three digits.
pub(super) fn count(number: impl Display) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_from_the_right() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(span(Duration::from_micros(3)), "less than 1 ms");
        assert_eq!(span(Duration::from_millis(42)), "42 ms");
        assert_eq!(span(Duration::from_millis(1260)), "1.3 s");
    }
}
