//! Writes a string so that it reads back as the same string.

use super::scalar::Scalar;
use super::tree::Style;

/// Writes `value` in the style of the scalar it replaces, falling back to double quotes where that
/// style can't hold it. `flow` is true inside `[…]` and `{…}`.
pub(crate) fn like(style: Style, value: &str, flow: bool) -> String {
    match style {
        Style::Plain if plain_fits(value, flow) => value.to_owned(),
        Style::SingleQuoted if value.chars().all(is_printable) => {
            format!("'{}'", value.replace('\'', "''"))
        }
        _ => double_quoted(value),
    }
}

/// Writes `value` in double quotes; what comes out is JSON too.
pub(crate) fn double_quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for character in value.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_printable(c) => out.push(c),
            c => {
                let mut units = [0_u16; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
    out
}

fn is_printable(character: char) -> bool {
    let outside = character.is_control()
        || matches!(
            character,
            '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}'
        );
    !outside
}

/// True where `value` without quotes reads back as the string `value`.
pub(crate) fn plain_fits(value: &str, flow: bool) -> bool {
    let Some(first) = value.chars().next() else {
        return false;
    };
    let starts_safely = match first {
        '-' | '?' | ':' => value[1..].starts_with(|c: char| !c.is_whitespace() && c != ','),
        c => !c.is_whitespace() && !"!&*|>%@`\"'#{}[],~".contains(c),
    };
    let marks_document =
        value.starts_with("---") && !value.starts_with("----") || value.starts_with("...");
    starts_safely
        && (!marks_document || value[3..].starts_with(|c: char| !c.is_whitespace()))
        && !value.ends_with(char::is_whitespace)
        && !value.ends_with(':')
        && !value.contains(": ")
        && !value.contains(" #")
        && value.chars().all(is_printable)
        && !(flow && value.contains(['[', ']', '{', '}', ',']))
        && value != "<<"
        && matches!(Scalar::plain(value), Scalar::Text(_))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::yaml::parse;

    fn reads_back(written: &str, value: &str) {
        for text in [format!("- {written}\n"), format!("- {written} # c\n")] {
            let tree = parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text:?}: {e}"));
            let item = tree.items(tree.root())[0];
            assert_eq!(
                tree.scalar(item),
                Some(Scalar::Text(value.to_owned())),
                "{text:?}"
            );
        }
    }

    #[test]
    fn flags_stay_plain_and_the_rest_gets_quotes() {
        for (value, flow, written) in [
            (
                "--a=https://[::1]:1,https://b:2",
                false,
                "--a=https://[::1]:1,https://b:2",
            ),
            ("--a=b,c", true, "\"--a=b,c\""),
            ("2", false, "\"2\""),
            ("yes", false, "\"yes\""),
            ("", false, "\"\""),
            ("a: b", false, "\"a: b\""),
            ("a #b", false, "\"a #b\""),
            ("*a", false, "\"*a\""),
            ("-", false, "\"-\""),
        ] {
            assert_eq!(like(Style::Plain, value, flow), written);
        }
        assert_eq!(like(Style::SingleQuoted, "it's", false), "'it''s'");
    }

    proptest! {
        #[test]
        fn every_string_reads_back(value in any::<String>(), pick in 0..3_usize) {
            let style = [Style::Plain, Style::SingleQuoted, Style::DoubleQuoted][pick];
            reads_back(&like(style, &value, false), &value);
        }

        #[test]
        fn near_syntax_reads_back(value in "[-:?#,&*!|>%@'\"{}\\[\\] a=~.\t]{0,8}", pick in 0..3_usize) {
            let style = [Style::Plain, Style::SingleQuoted, Style::DoubleQuoted][pick];
            reads_back(&like(style, &value, false), &value);
            let flow = format!("[{}, x]", like(style, &value, true));
            let tree = parse(flow.as_bytes()).unwrap();
            let items = tree.items(tree.root());
            prop_assert_eq!(items.len(), 2);
            prop_assert_eq!(tree.scalar(items[0]), Some(Scalar::Text(value)));
        }
    }
}
