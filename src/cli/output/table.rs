//! Tables: no borders, upper-case headers, two spaces between columns, no wrapping.

use comfy_table::{ContentArrangement, presets};

use super::tone::{clean, strip_marks};

/// A table under construction. Cells may be painted with [`super::Tone`]; an empty one shows `-`.
#[derive(Clone, Debug)]
pub struct Table {
    narrow: Vec<&'static str>,
    wide: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headers, upper case.
    pub fn new<const N: usize>(headers: [&'static str; N]) -> Self {
        Self {
            narrow: headers.to_vec(),
            wide: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Adds columns that only `-o wide` shows, behind the others.
    #[must_use]
    pub fn wide<const N: usize>(mut self, headers: [&'static str; N]) -> Self {
        self.wide = headers.to_vec();
        self
    }

    /// Adds a row: a cell for each header, those of the wide columns last.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(
            N,
            self.narrow.len() + self.wide.len(),
            "a cell for each header"
        );
        self.rows.push(cells.into());
    }

    /// True without any row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, without trailing spaces.
    pub(super) fn lines(&self, wide: bool) -> Vec<String> {
        let mut table = comfy_table::Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        let extra: &[_] = if wide { &self.wide } else { &[] };
        let columns = self.narrow.len() + extra.len();
        table.set_header(self.narrow.iter().chain(extra));
        for row in &self.rows {
            table.add_row(row.iter().take(columns).map(|cell| shown(cell)));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let lines = table.lines();
        lines.map(|line| line.trim_end().to_owned()).collect()
    }
}

/// Cleans a cell and keeps the marks of its tone.
fn shown(cell: &str) -> String {
    let plain = strip_marks(cell);
    if plain.is_empty() {
        return "-".to_owned();
    }
    if plain.len() == cell.len() {
        clean(cell).into_owned()
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::Tone;

    #[test]
    fn columns_line_up_whatever_is_in_them() {
        let mut table = Table::new(["NODE", "STATE"]).wide(["ID"]);
        table.row(["m1".into(), Tone::Good.paint("ready"), "8e".into()]);
        table.row(["größer-名".into(), String::new(), "9\n".into()]);
        let plain = |wide| strip_marks(&table.lines(wide).join("\n"));
        insta::assert_snapshot!(plain(false), @r"
        NODE       STATE
        m1         ready
        größer-名  -
        ");
        insta::assert_snapshot!(plain(true), @r"
        NODE       STATE  ID
        m1         ready  8e
        größer-名  -      9\n
        ");
    }
}
