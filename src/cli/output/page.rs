//! A page for a person: lines and tables, put together by a report and written by [`super::Output`].

use std::fmt::Display;

use super::table::Table;

/// Text under construction.
#[derive(Debug)]
pub struct Page {
    text: String,
    wide: bool,
    hints: bool,
}

impl Page {
    /// An empty page. `wide` shows more columns, `hints` keeps the lines that only give advice.
    pub fn new(wide: bool, hints: bool) -> Self {
        Self {
            text: String::new(),
            wide,
            hints,
        }
    }

    /// Adds a line. Foreign values in it should be painted or cleaned by the table; a line break
    /// inside is kept.
    pub fn line(&mut self, line: impl Display) {
        let line = line.to_string();
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Adds an empty line, unless the page is empty.
    pub fn blank(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// Adds a table; one without rows leaves no trace.
    pub fn table(&mut self, table: &Table) {
        if table.is_empty() {
            return;
        }
        for line in table.lines(self.wide) {
            self.line(line);
        }
    }

    /// Adds advice such as `Next: …`, which `--quiet` leaves out.
    pub fn hint(&mut self, line: impl Display) {
        if self.hints {
            self.line(line);
        }
    }

    /// True when more detail is wanted.
    pub fn is_wide(&self) -> bool {
        self.wide
    }

    /// The text with its marks for colours.
    pub(super) fn into_text(self) -> String {
        self.text
    }
}
