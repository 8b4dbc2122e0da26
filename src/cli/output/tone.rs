//! Colour as an afterthought: text carries invisible marks that become colours, or nothing, when it
//! is written. Foreign text is cleaned, so that a certificate's subject can't drive the terminal.
//!
//! Invariant: taking all marks out leaves the whole meaning.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};

/// What a piece of text means, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Headlines and names to be found at a glance.
    Strong,
    /// Asides.
    Quiet,
    /// Things are as they should be.
    Good,
    /// Somebody should look at it.
    Warn,
    /// Something is wrong.
    Bad,
}

/// Ends a painted stretch. The marks are the deprecated format characters U+206A to U+206F: of width
/// zero for every layout, and of no use in any text.
const END: char = '\u{206f}';

const TONES: [(Tone, char); 5] = [
    (Tone::Strong, '\u{206a}'),
    (Tone::Quiet, '\u{206b}'),
    (Tone::Good, '\u{206c}'),
    (Tone::Warn, '\u{206d}'),
    (Tone::Bad, '\u{206e}'),
];

impl Tone {
    /// Marks `text`, cleaned, to be shown in this tone.
    pub fn paint(self, text: &str) -> String {
        format!("{}{}{END}", self.mark(), clean(text))
    }

    fn mark(self) -> char {
        match self {
            Self::Strong => TONES[0].1,
            Self::Quiet => TONES[1].1,
            Self::Good => TONES[2].1,
            Self::Warn => TONES[3].1,
            Self::Bad => TONES[4].1,
        }
    }

    fn of_mark(mark: char) -> Option<Self> {
        TONES
            .iter()
            .find(|(_, known)| *known == mark)
            .map(|(tone, _)| *tone)
    }

    fn style(self) -> Style {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Self::Strong => Style::new().bold(),
            Self::Quiet => Style::new().dimmed(),
            Self::Good => colour(AnsiColor::Green),
            Self::Warn => colour(AnsiColor::Yellow),
            Self::Bad => colour(AnsiColor::Red).bold(),
        }
    }
}

/// Escapes what could move the cursor, change colours or reorder text: control characters,
/// bidirectional overrides and our own marks.
pub fn clean(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}')
    };
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| {
        if harmful(c) {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    Cow::Owned(text.chars().map(escape).collect())
}

/// Turns marks into ANSI sequences.
pub(super) fn colour_marks(text: &str) -> String {
    let mut coloured = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        if c == END {
            coloured.push_str(&anstyle::Reset.render().to_string());
        } else if let Some(tone) = Tone::of_mark(c) {
            coloured.push_str(&tone.style().render().to_string());
        } else {
            coloured.push(c);
        }
    }
    coloured
}

/// Takes the marks out.
pub(crate) fn strip_marks(text: &str) -> String {
    text.chars()
        .filter(|c| *c != END && Tone::of_mark(*c).is_none())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tone_becomes_a_colour_or_nothing() {
        for (tone, mark) in TONES {
            assert_eq!(Tone::of_mark(mark), Some(tone));
            assert_eq!(tone.mark(), mark);
            let painted = tone.paint("ok");
            assert_eq!(strip_marks(&painted), "ok");
            assert!(colour_marks(&painted).starts_with("\u{1b}["));
            assert!(colour_marks(&painted).ends_with("ok\u{1b}[0m"));
        }
    }

    #[test]
    fn foreign_text_can_t_drive_the_terminal() {
        assert_eq!(
            clean("a\u{1b}[31mb\nc\u{202e}d"),
            "a\\u{1b}[31mb\\nc\\u{202e}d"
        );
        assert_eq!(clean("Größe ✓"), "Größe ✓");
    }
}
