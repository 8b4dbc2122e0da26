//! Which line and column is a byte in?

use serde::Serialize;

/// A place in a file as editors count it: both numbers start at 1, columns count characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The offsets at which the lines of a text start.
#[derive(Clone, Debug)]
pub(crate) struct LineIndex {
    starts: Vec<usize>,
    /// Bytes at the start of the file that no editor shows: a byte order mark.
    hidden: usize,
}

impl LineIndex {
    pub(crate) fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0)
            .chain(breaks.map(|(at, _)| at + 1))
            .collect();
        let hidden = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        Self { starts, hidden }
    }

    /// The position of the byte at `offset`, which may be one past the end.
    pub(crate) fn position(&self, text: &str, offset: usize) -> Position {
        let line = self.starts.partition_point(|&start| start <= offset).max(1);
        let start = self.starts[line - 1];
        let from = if line == 1 {
            self.hidden.min(offset)
        } else {
            start
        };
        let column = text
            .get(from..offset)
            .map_or(0, |before| before.chars().count())
            + 1;
        Position { line, column }
    }

    /// The offset at which the line holding `offset` starts.
    pub(crate) fn line_start(&self, offset: usize) -> usize {
        let line = self.starts.partition_point(|&start| start <= offset).max(1);
        let start = self.starts[line - 1];
        if line == 1 {
            self.hidden.min(offset)
        } else {
            start
        }
    }

    /// The offset just behind the line break that ends the line holding `offset`.
    pub(crate) fn line_end(&self, text: &str, offset: usize) -> usize {
        let line = self.starts.partition_point(|&start| start <= offset).max(1);
        self.starts.get(line).copied().unwrap_or(text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_skip_the_byte_order_mark() {
        let text = "\u{feff}ä: b\r\nc: d\n";
        let index = LineIndex::new(text);
        let at = |needle: &str| index.position(text, text.find(needle).unwrap()).to_string();
        assert_eq!(at("ä"), "1:1");
        assert_eq!(at("b"), "1:4");
        assert_eq!(at("d"), "2:4");
        assert_eq!(index.position(text, text.len()).to_string(), "3:1");
        assert_eq!(
            &text[index.line_start(12)..index.line_end(text, 12)],
            "c: d\n"
        );
    }
}
