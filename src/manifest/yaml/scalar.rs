//! What a plain scalar means to the kubelet.
//!
//! The kubelet turns YAML into JSON with sigs.k8s.io/yaml, whose scalars follow YAML 1.1: `yes` and
//! `on` are booleans, `0x10` and `010` are numbers. Whether `{"value": 2}` then fits a string field
//! is decided by the JSON decoder, and it says no. So the kinds here must be theirs.

/// A resolved scalar.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    /// Any other number; its text decides equality.
    Number(String),
    Text(String),
}

impl Scalar {
    /// Resolves an unquoted scalar.
    pub(crate) fn plain(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Self::Null,
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => {
                return Self::Bool(true);
            }
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n"
            | "N" => return Self::Bool(false),
            _ => {}
        }
        if let Some(number) = integer(text) {
            return Self::Int(number);
        }
        if is_number(text) {
            Self::Number(text.to_owned())
        } else {
            Self::Text(text.to_owned())
        }
    }

    /// What it is, for a message.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Null => "nothing".into(),
            Self::Bool(value) => format!("the boolean {value}"),
            Self::Int(value) => format!("the number {value}"),
            Self::Number(text) => format!("the number {text}"),
            Self::Text(text) => format!("{text:?}"),
        }
    }
}

/// Reads a whole number: decimal, `0x`, `0o`, `0b`, or a leading zero for octal.
fn integer(text: &str) -> Option<i64> {
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.as_bytes().first()? {
        b'-' => (true, &plain[1..]),
        b'+' => (false, &plain[1..]),
        _ => (false, plain.as_str()),
    };
    let (radix, digits) = if let Some(hex) = digits.strip_prefix("0x") {
        (16, hex)
    } else if let Some(octal) = digits.strip_prefix("0o") {
        (8, octal)
    } else if let Some(binary) = digits.strip_prefix("0b") {
        (2, binary)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, &digits[1..])
    } else {
        (10, digits)
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let number = i64::from_str_radix(digits, radix).ok()?;
    Some(if negative { -number } else { number })
}

fn is_number(text: &str) -> bool {
    let bare = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(bare, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let starts_like_one = bare.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    starts_like_one && bare.replace('_', "").parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_resolve_as_the_kubelet_resolves_them() {
        let text = |t: &str| Scalar::Text(t.to_owned());
        for (plain, expected) in [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("yes", Scalar::Bool(true)),
            ("Off", Scalar::Bool(false)),
            ("2381", Scalar::Int(2381)),
            ("-7", Scalar::Int(-7)),
            ("010", Scalar::Int(8)),
            ("0x10", Scalar::Int(16)),
            ("1.5", Scalar::Number("1.5".into())),
            ("1e3", Scalar::Number("1e3".into())),
            ("3.5.16", text("3.5.16")),
            ("10.0.0.1", text("10.0.0.1")),
            ("100m", text("100m")),
            ("--name=m1", text("--name=m1")),
            ("inf", text("inf")),
            ("etcd", text("etcd")),
            ("089", Scalar::Number("089".into())),
            (
                "99999999999999999999",
                Scalar::Number("99999999999999999999".into()),
            ),
        ] {
            assert_eq!(Scalar::plain(plain), expected, "{plain:?}");
        }
    }
}
