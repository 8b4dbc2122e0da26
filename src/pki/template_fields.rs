//! How are the fields of a template read?
//!
//! Invariant: every member of an object is asked for, reported as unknown, or reported as repeated;
//! nothing is passed over in silence. Key names match whatever their case, as in Go's JSON.

use jiff::SignedDuration;

use super::lifetime::{format_lifetime, parse_lifetime};
use super::san::San;
use super::template::{Strictness, TemplateFinding, TemplateProblem};
use super::template_json::{self, Member, Node, Position, Value};

/// One file while it is read.
pub(crate) struct Reading<'a> {
    file: &'a str,
    strictness: Strictness,
    pub(crate) warnings: Vec<TemplateFinding>,
}

pub(crate) type Read<T> = Result<T, TemplateFinding>;

impl<'a> Reading<'a> {
    /// Parses the JSON.
    pub(crate) fn begin(
        file: &'a str,
        contents: &[u8],
        strictness: Strictness,
    ) -> Read<(Self, Value)> {
        let reading = Self {
            file,
            strictness,
            warnings: Vec::new(),
        };
        match template_json::parse(contents) {
            Ok(value) => Ok((reading, value)),
            Err(error) => {
                let (found, expected) = (error.found, error.expected);
                let problem = TemplateProblem::Syntax { found, expected };
                Err(reading.finding(error.at, problem))
            }
        }
    }

    pub(crate) fn finding(&self, at: Position, problem: TemplateProblem) -> TemplateFinding {
        TemplateFinding {
            file: self.file.to_owned(),
            line: at.line,
            column: at.column,
            problem,
        }
    }

    /// Keeps a warning, or fails with it when strict.
    pub(crate) fn warn(&mut self, at: Position, problem: TemplateProblem) -> Read<()> {
        let finding = self.finding(at, problem);
        match self.strictness {
            Strictness::Strict => Err(finding),
            Strictness::Lenient => {
                self.warnings.push(finding);
                Ok(())
            }
        }
    }

    pub(crate) fn note(&mut self, at: Position, field: &str, note: impl Into<String>) -> Read<()> {
        let (field, note) = (field.to_owned(), note.into());
        self.warn(at, TemplateProblem::Note { field, note })
    }

    pub(crate) fn invalid(
        &self,
        value: &Value,
        field: &str,
        expected: impl Into<String>,
    ) -> TemplateFinding {
        self.finding(
            value.at,
            TemplateProblem::Invalid {
                field: field.to_owned(),
                found: value.to_string(),
                expected: expected.into(),
            },
        )
    }

    pub(crate) fn missing(
        &self,
        at: Position,
        field: String,
        expected: impl Into<String>,
    ) -> TemplateFinding {
        let expected = expected.into();
        self.finding(at, TemplateProblem::Missing { field, expected })
    }

    /// The members of an object whose keys are names of the operator's: each once, exact case.
    pub(crate) fn entries<'v>(&mut self, value: &'v Value, path: &str) -> Read<Vec<&'v Member>> {
        let Node::Object(members) = &value.node else {
            return Err(self.invalid(value, path, "an object {…}"));
        };
        self.distinct(members, path, |member| member.key.clone())
    }

    /// Keeps the last of members with one key and reports the others.
    fn distinct<'v>(
        &mut self,
        members: &'v [Member],
        path: &str,
        key: impl Fn(&Member) -> String,
    ) -> Read<Vec<&'v Member>> {
        let mut kept: Vec<&Member> = Vec::new();
        for member in members {
            let earlier = kept.iter().position(|other| key(other) == key(member));
            if let Some(index) = earlier {
                let lost = kept.remove(index);
                let problem = TemplateProblem::Repeated {
                    field: join(path, &member.key),
                    first_line: lost.at.line,
                    lost: lost.value.to_string(),
                };
                self.warn(member.at, problem)?;
            }
            kept.push(member);
        }
        Ok(kept)
    }
}

/// The fields of one object.
pub(crate) struct Fields<'v> {
    pub(crate) at: Position,
    path: String,
    members: Vec<&'v Member>,
}

impl<'v> Fields<'v> {
    /// Takes an object whose keys are among `known`; others are reported.
    pub(crate) fn new(
        reading: &mut Reading<'_>,
        value: &'v Value,
        path: &str,
        known: &[&str],
    ) -> Read<Self> {
        let Node::Object(members) = &value.node else {
            let name = if path.is_empty() { "the file" } else { path };
            return Err(reading.invalid(value, name, "an object {…}"));
        };
        let members = reading.distinct(members, path, |member| member.key.to_lowercase())?;
        for member in &members {
            if !known.iter().any(|key| is_key(member, key)) {
                let problem = TemplateProblem::Unknown {
                    field: join(path, &member.key),
                    nearest: nearest(&member.key, known),
                };
                reading.warn(member.at, problem)?;
            }
        }
        Ok(Self {
            at: value.at,
            path: path.to_owned(),
            members,
        })
    }

    /// The path of a field, for messages.
    pub(crate) fn path(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// A field's value; `null` counts as absent, as in Go.
    pub(crate) fn value(&self, key: &str) -> Option<&'v Value> {
        let member = self.members.iter().find(|member| is_key(member, key))?;
        (member.value.node != Node::Null).then_some(&member.value)
    }

    /// A text.
    pub(crate) fn text(&self, reading: &Reading<'_>, key: &str) -> Read<Option<&'v str>> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        match &value.node {
            Node::Text(text) => Ok(Some(text)),
            _ => Err(reading.invalid(value, &self.path(key), "a text in double quotes")),
        }
    }

    /// A text; an empty one counts as absent, as it does in cfssl.
    pub(crate) fn filled(&self, reading: &Reading<'_>, key: &str) -> Read<Option<&'v str>> {
        Ok(self.text(reading, key)?.filter(|text| !text.is_empty()))
    }

    /// A text of one's own, if it is not empty.
    pub(crate) fn owned(&self, reading: &Reading<'_>, key: &str) -> Read<Option<String>> {
        Ok(self.filled(reading, key)?.map(str::to_owned))
    }

    /// `true` or `false`; absent is false.
    pub(crate) fn flag(&self, reading: &Reading<'_>, key: &str) -> Read<bool> {
        match self.value(key).map(|value| (value, &value.node)) {
            None => Ok(false),
            Some((_, Node::Bool(flag))) => Ok(*flag),
            Some((value, _)) => Err(reading.invalid(value, &self.path(key), "true or false")),
        }
    }

    /// A whole number from 0.
    pub(crate) fn number(&self, reading: &Reading<'_>, key: &str) -> Read<Option<u32>> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        let number = match &value.node {
            Node::Number(text) => text.parse().ok(),
            _ => None,
        };
        let fail = || reading.invalid(value, &self.path(key), "a whole number, 0 or more");
        number.map(Some).ok_or_else(fail)
    }

    /// The elements of a list.
    pub(crate) fn list(&self, reading: &Reading<'_>, key: &str) -> Read<&'v [Value]> {
        match self.value(key).map(|value| (value, &value.node)) {
            None => Ok(&[]),
            Some((_, Node::List(values))) => Ok(values),
            Some((value, _)) => Err(reading.invalid(value, &self.path(key), "a list […]")),
        }
    }

    /// A list of texts with their places.
    pub(crate) fn texts(
        &self,
        reading: &Reading<'_>,
        key: &str,
    ) -> Read<Vec<(&'v Value, &'v str)>> {
        let values = self.list(reading, key)?.iter();
        values
            .map(|value| match &value.node {
                Node::Text(text) => Ok((value, text.as_str())),
                _ => Err(reading.invalid(value, &self.path(key), "a list of texts")),
            })
            .collect()
    }

    /// A duration; one that cfssl does not read is pointed out.
    pub(crate) fn duration(
        &self,
        reading: &mut Reading<'_>,
        key: &str,
    ) -> Read<Option<SignedDuration>> {
        let (Some(value), Some(text)) = (self.value(key), self.filled(reading, key)?) else {
            return Ok(None);
        };
        let path = self.path(key);
        let parsed = parse_lifetime(text).map_err(|error| {
            let expected = format!("a duration such as 8760h or 5y ({})", error.reason);
            reading.invalid(value, &path, expected)
        })?;
        if parsed.beyond_go {
            let hours = format_lifetime(parsed.length);
            let note = format!("{text:?} is read as {hours}; cfssl does not read days and years");
            reading.note(value.at, &path, note)?;
        }
        Ok(Some(parsed.length))
    }

    /// A URL with its scheme, as certificates carry them.
    pub(crate) fn url(&self, reading: &Reading<'_>, key: &str) -> Read<Option<String>> {
        let (Some(value), Some(text)) = (self.value(key), self.filled(reading, key)?) else {
            return Ok(None);
        };
        check_url(reading, value, text, &self.path(key)).map(Some)
    }

    /// Whether a field says something: not `null`, `false`, `0`, `""`, `[]` or `{}`.
    pub(crate) fn is_set(&self, key: &str) -> bool {
        self.value(key).is_some_and(|value| match &value.node {
            Node::Null | Node::Bool(false) => false,
            Node::Bool(true) => true,
            Node::Number(text) => text.parse::<f64>() != Ok(0.0),
            Node::Text(text) => !text.is_empty(),
            Node::List(values) => !values.is_empty(),
            Node::Object(members) => !members.is_empty(),
        })
    }

    /// The finding for a field that is set and not acted on.
    pub(crate) fn refusal(
        &self,
        reading: &Reading<'_>,
        key: &str,
        reason: &str,
    ) -> Option<TemplateFinding> {
        let value = self.value(key).filter(|_| self.is_set(key))?;
        let (field, reason) = (self.path(key), reason.to_owned());
        let problem = TemplateProblem::Refused { field, reason };
        Some(reading.finding(value.at, problem))
    }
}

pub(crate) fn check_url(
    reading: &Reading<'_>,
    value: &Value,
    text: &str,
    field: &str,
) -> Read<String> {
    match text.parse() {
        Ok(San::Uri(url)) => Ok(url),
        _ => Err(reading.invalid(value, field, "a URL such as http://pki.example/ca.crl")),
    }
}

fn is_key(member: &Member, key: &str) -> bool {
    member.key.to_lowercase() == key.to_lowercase()
}

pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn nearest(found: &str, known: &[&str]) -> Option<String> {
    let found = found.to_lowercase();
    let distance = |key: &str| strsim::damerau_levenshtein(&key.to_lowercase(), &found);
    let scored = known.iter().map(|key| (distance(key), *key));
    let (distance, key) = scored.min()?;
    // "ca" is two letters away from everything short.
    (distance <= 3 && distance < found.chars().count()).then(|| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, strictness: Strictness) -> Read<(Vec<String>, Option<u32>)> {
        let (mut reading, value) = Reading::begin("t.json", text.as_bytes(), strictness)?;
        let fields = Fields::new(&mut reading, &value, "", &["Number", "text"])?;
        let number = fields.number(&reading, "number")?;
        let warnings = reading.warnings.iter().map(ToString::to_string);
        Ok((warnings.collect(), number))
    }

    #[test]
    fn repeated_and_unknown_keys_are_reported_and_strictly_refused() {
        let text = "{\"number\": 1,\n \"NUMBER\": 2,\n \"txet\": \"\"}";
        let (warnings, number) = read(text, Strictness::Lenient).unwrap();
        assert_eq!(number, Some(2));
        assert_eq!(
            warnings,
            [
                "t.json:2:2: NUMBER is given twice: the value 1 on line 1 is lost; remove one",
                "t.json:3:2: txet is not known and has no effect; did you mean \"text\"?",
            ]
        );
        let error = read(text, Strictness::Strict).unwrap_err();
        assert!(matches!(error.problem, TemplateProblem::Repeated { .. }));
    }

    #[test]
    fn wrong_types_name_what_was_found_and_expected() {
        let error = |text| read(text, Strictness::Lenient).unwrap_err().to_string();
        assert_eq!(
            error("{\"number\": -1}"),
            "t.json:1:12: number: found -1, expected a whole number, 0 or more"
        );
        assert_eq!(
            error("[]"),
            "t.json:1:1: the file: found [], expected an object {…}"
        );
        assert_eq!(
            error("{\"number\": 1"),
            "t.json:1:13: not JSON: found the end of the file, expected ',' or '}'"
        );
        assert_eq!(
            read("{\"number\": null}", Strictness::Strict).unwrap().1,
            None
        );
    }
}
