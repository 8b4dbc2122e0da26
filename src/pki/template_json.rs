//! What does a JSON file say, and on which line?
//!
//! Invariant: the file is JSON (RFC 8259) or an error with its line and column, and no member of an
//! object is lost on the way: a key given twice is kept twice, for the caller to report. serde_json
//! drops both, the place and the repetition.

use std::fmt;

/// Objects and lists inside each other; templates need five levels.
const MAX_DEPTH: usize = 64;

/// Bytes of a template; real ones have a few hundred.
const MAX_BYTES: usize = 1024 * 1024;

/// A place in a file, both counted from 1; columns are characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    pub(crate) at: Position,
    pub(crate) node: Node,
}

/// What a value is. Numbers keep their text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Value>),
    Object(Vec<Member>),
}

/// A key with its value; keys may repeat.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) at: Position,
    pub(crate) value: Value,
}

/// Why a text is no JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) at: Position,
    pub(crate) found: String,
    pub(crate) expected: &'static str,
}

/// Reads a whole file.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, SyntaxError> {
    let start = Position { line: 1, column: 1 };
    if bytes.len() > MAX_BYTES {
        return Err(SyntaxError {
            at: start,
            found: format!("a file of {} bytes", bytes.len()),
            expected: "a JSON template of at most 1 MiB",
        });
    }
    // Some editors put a byte order mark in front.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| SyntaxError {
        at: position_of(bytes, error.valid_up_to()),
        found: "bytes that are not UTF-8".to_owned(),
        expected: "JSON in UTF-8",
    })?;
    let mut parser = Parser {
        rest: text,
        at: start,
    };
    let value = parser.value(0)?;
    parser.skip_space();
    if parser.rest.is_empty() {
        Ok(value)
    } else {
        Err(parser.unexpected("the end of the file"))
    }
}

fn position_of(bytes: &[u8], offset: usize) -> Position {
    let before = String::from_utf8_lossy(&bytes[..offset]);
    let mut at = Position { line: 1, column: 1 };
    before.chars().for_each(|letter| at.advance(letter));
    at
}

impl Position {
    fn advance(&mut self, letter: char) {
        if letter == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    at: Position,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let mut letters = self.rest.chars();
        let letter = letters.next()?;
        self.rest = letters.as_str();
        self.at.advance(letter);
        Some(letter)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.bump();
        }
    }

    fn take_if(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.bump();
        }
        found
    }

    fn error(&self, found: impl Into<String>, expected: &'static str) -> SyntaxError {
        SyntaxError {
            at: self.at,
            found: found.into(),
            expected,
        }
    }

    fn unexpected(&self, expected: &'static str) -> SyntaxError {
        let found = match self.peek() {
            None => "the end of the file".to_owned(),
            Some('/' | '#') => "a comment, which JSON does not have".to_owned(),
            Some(letter) => format!("{letter:?}"),
        };
        self.error(found, expected)
    }

    fn value(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        self.skip_space();
        if depth > MAX_DEPTH {
            return Err(self.error("more than 64 levels", "a flatter structure"));
        }
        let at = self.at;
        let node = match self.peek() {
            Some('{') => self.object(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Node::Text(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            Some('a'..='z' | 'A'..='Z') => self.word()?,
            _ => return Err(self.unexpected("a JSON value")),
        };
        Ok(Value { at, node })
    }

    fn object(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        self.bump();
        let mut members = Vec::new();
        self.skip_space();
        if self.take_if('}') {
            return Ok(Node::Object(members));
        }
        loop {
            self.skip_space();
            if self.peek() != Some('"') {
                let after_comma = !members.is_empty() && self.peek() == Some('}');
                return Err(if after_comma {
                    self.error("'}' after a comma", "a key, or no comma before '}'")
                } else {
                    self.unexpected("a key in double quotes")
                });
            }
            let at = self.at;
            let key = self.string()?;
            self.skip_space();
            if !self.take_if(':') {
                return Err(self.unexpected("':' after the key"));
            }
            let value = self.value(depth + 1)?;
            members.push(Member { key, at, value });
            self.skip_space();
            if self.take_if('}') {
                return Ok(Node::Object(members));
            }
            if !self.take_if(',') {
                return Err(self.unexpected("',' or '}'"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        self.bump();
        let mut values = Vec::new();
        self.skip_space();
        if self.take_if(']') {
            return Ok(Node::List(values));
        }
        loop {
            self.skip_space();
            if !values.is_empty() && self.peek() == Some(']') {
                return Err(self.error("']' after a comma", "a value, or no comma before ']'"));
            }
            values.push(self.value(depth + 1)?);
            self.skip_space();
            if self.take_if(']') {
                return Ok(Node::List(values));
            }
            if !self.take_if(',') {
                return Err(self.unexpected("',' or ']'"));
            }
        }
    }

    fn word(&mut self) -> Result<Node, SyntaxError> {
        let end = self
            .rest
            .find(|letter: char| !letter.is_ascii_alphanumeric())
            .unwrap_or(self.rest.len());
        let node = match &self.rest[..end] {
            "null" => Node::Null,
            "true" => Node::Bool(true),
            "false" => Node::Bool(false),
            other => {
                let shown: String = other.chars().take(40).collect();
                return Err(self.error(
                    shown,
                    "true, false, null, a number, or a text in double quotes",
                ));
            }
        };
        self.skip(end);
        Ok(node)
    }

    fn skip(&mut self, bytes: usize) {
        let (taken, rest) = self.rest.split_at(bytes);
        taken.chars().for_each(|letter| self.at.advance(letter));
        self.rest = rest;
    }

    fn digits(&self, from: usize) -> usize {
        let rest = &self.rest.as_bytes()[from..];
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    }

    fn number(&mut self) -> Result<Node, SyntaxError> {
        let bytes = self.rest.as_bytes();
        let mut end = usize::from(bytes[0] == b'-');
        let whole = self.digits(end);
        let leading_zero = whole > 1 && bytes[end] == b'0';
        if whole == 0 || leading_zero {
            return Err(self.unexpected("a number without leading zeros"));
        }
        end += whole;
        if bytes.get(end) == Some(&b'.') {
            let fraction = self.digits(end + 1);
            if fraction == 0 {
                return Err(self.error("a number that ends in '.'", "digits after it"));
            }
            end += 1 + fraction;
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = self.digits(end + 1 + sign);
            if exponent == 0 {
                return Err(self.error("an exponent without digits", "digits after it"));
            }
            end += 1 + sign + exponent;
        }
        let text = self.rest[..end].to_owned();
        self.skip(end);
        Ok(Node::Number(text))
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        self.bump();
        let mut text = String::new();
        loop {
            match self.peek() {
                Some('"') => {
                    self.bump();
                    return Ok(text);
                }
                Some('\\') => text.push(self.escape()?),
                Some(letter) if letter < ' ' => {
                    return Err(self.error("a line break or control character", "'\"'"));
                }
                Some(letter) => {
                    self.bump();
                    text.push(letter);
                }
                None => return Err(self.unexpected("'\"' at the end of the text")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        const EXPECTED: &str = r#"one of \" \\ \/ \b \f \n \r \t \u"#;
        let start = self.at;
        self.bump();
        let letter = match self.bump() {
            Some(letter @ ('"' | '\\' | '/')) => letter,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode(),
            other => {
                let found = other.map_or_else(String::new, String::from);
                return Err(SyntaxError {
                    at: start,
                    found: format!("\\{found}"),
                    expected: EXPECTED,
                });
            }
        };
        Ok(letter)
    }

    /// What follows `\u`; a lone half of a surrogate pair becomes U+FFFD, as in Go.
    fn unicode(&mut self) -> Result<char, SyntaxError> {
        let first = self.four_hex_digits()?;
        if !(0xd800..0xdc00).contains(&first) || !self.rest.starts_with("\\u") {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let (rest, at) = (self.rest, self.at);
        self.skip(2);
        let second = self.four_hex_digits()?;
        if (0xdc00..0xe000).contains(&second) {
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        (self.rest, self.at) = (rest, at);
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn four_hex_digits(&mut self) -> Result<u32, SyntaxError> {
        let digits = self.rest.get(..4).filter(|digits| {
            let mut bytes = digits.bytes();
            bytes.all(|byte| byte.is_ascii_hexdigit())
        });
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.unexpected("four hexadecimal digits after \\u"))?;
        self.skip(4);
        Ok(code)
    }
}

impl fmt::Display for Value {
    /// A short form for messages: long texts, lists and objects are cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compact = compact(self);
        if compact.chars().count() <= 60 {
            f.write_str(&compact)
        } else {
            let start: String = compact.chars().take(57).collect();
            write!(f, "{start}…")
        }
    }
}

fn compact(value: &Value) -> String {
    match &value.node {
        Node::Null => "null".to_owned(),
        Node::Bool(flag) => flag.to_string(),
        Node::Number(text) => text.clone(),
        Node::Text(text) => format!("{text:?}"),
        Node::List(values) => {
            let values: Vec<String> = values.iter().map(compact).collect();
            format!("[{}]", values.join(", "))
        }
        Node::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|member| format!("{:?}: {}", member.key, compact(&member.value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_keep_their_places_and_repeated_keys_stay() {
        let value = parse("{\n  \"ä\": [1, true],\n  \"ä\": null }".as_bytes()).unwrap();
        let Node::Object(members) = &value.node else {
            panic!("no object: {value:?}");
        };
        let places: Vec<(usize, usize)> = members
            .iter()
            .map(|member| (member.value.at.line, member.value.at.column))
            .collect();
        assert_eq!(places, [(2, 8), (3, 8)]);
        assert_eq!(value.to_string(), "{\"ä\": [1, true], \"ä\": null}");
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, place, found, expected) in [
            ("", (1, 1), "the end of the file", "a JSON value"),
            ("{\"a\":1,}", (1, 8), "'}' after a comma", "a key, or no"),
            ("[1,\n]", (2, 1), "']' after a comma", "a value, or no"),
            ("{a:1}", (1, 2), "'a'", "a key in double quotes"),
            ("{'a':1}", (1, 2), "'\\''", "a key in double quotes"),
            ("{\"a\" 1}", (1, 6), "'1'", "':' after the key"),
            ("{\"a\":1 \"b\":2}", (1, 8), "'\"'", "',' or '}'"),
            ("// x\n{}", (1, 1), "a comment", "a JSON value"),
            ("{} {}", (1, 4), "'{'", "the end of the file"),
            ("[tru]", (1, 2), "tru", "true, false"),
            ("[01]", (1, 2), "'0'", "a number"),
            ("[1.]", (1, 2), "a number that ends", "digits"),
            ("\"a\nb\"", (1, 3), "a line break", "'\"'"),
            ("\"\\x\"", (1, 2), "\\x", "one of"),
            ("\"\\u12\"", (1, 4), "'1'", "four hex"),
            ("\"a", (1, 3), "the end of the file", "'\"'"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert_eq!((error.at.line, error.at.column), place, "{text}");
            assert!(error.found.starts_with(found), "{text}: {}", error.found);
            assert!(error.expected.starts_with(expected), "{text}");
        }
        let error = parse(b"{\n\"\xff\"").unwrap_err();
        assert_eq!((error.at.line, error.at.column), (2, 2));
        assert!(parse("[".repeat(100).as_bytes()).is_err());
    }

    #[test]
    fn surrogates_are_joined_as_go_does() {
        let text = |json: &str| match parse(json.as_bytes()).unwrap().node {
            Node::Text(text) => text,
            other => panic!("no text: {other:?}"),
        };
        assert_eq!(text(r#""\ud83d\ude00\u00e4""#), "😀ä");
        assert_eq!(text(r#""\ud83dx""#), "\u{fffd}x");
        assert_eq!(text(r#""\ud83d\u0041""#), "\u{fffd}A");
    }

    fn same(ours: &Value, theirs: &serde_json::Value) -> bool {
        match (&ours.node, theirs) {
            (Node::Null, serde_json::Value::Null) => true,
            (Node::Bool(a), serde_json::Value::Bool(b)) => a == b,
            (Node::Number(a), serde_json::Value::Number(b)) => a.parse::<f64>().ok() == b.as_f64(),
            (Node::Text(a), serde_json::Value::String(b)) => a == b,
            (Node::List(a), serde_json::Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Node::Object(a), serde_json::Value::Object(b)) => a.iter().all(|member| {
                let last = a.iter().rfind(|other| other.key == member.key);
                let ours = last.map(|member| &member.value);
                ours.zip(b.get(&member.key))
                    .is_some_and(|(a, b)| same(a, b))
            }),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn serde_json_agrees(text in r#"([\[\]{}:,0-9eE.+\-" \n]|"a"|"\\u00e4"|true|null){0,24}"#) {
            let ours = parse(text.as_bytes());
            match serde_json::from_str::<serde_json::Value>(&text) {
                Ok(theirs) => prop_assert!(same(&ours.unwrap(), &theirs)),
                // It refuses numbers that a float cannot hold.
                Err(error) if error.to_string().contains("out of range") => {}
                Err(_) => prop_assert!(ours.is_err(), "{}", text),
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, text: String) {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
        }
    }
}
