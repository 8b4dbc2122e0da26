//! How long is `43800h`, `1h30m` or `5y`?
//!
//! Invariant: Go's durations, which cfssl reads, mean here what they mean there; days and years,
//! which it refuses, are accepted and marked, so that nobody believes cfssl would read them.

use jiff::SignedDuration;

/// What a text of a duration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsedDuration {
    /// Its length, never negative, in whole seconds.
    pub length: SignedDuration,
    /// Whether `d` or `y` occurs, which cfssl does not read.
    pub beyond_go: bool,
}

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no duration: {reason}; expected one such as 8760h, 1h30m, 365d or 5y")]
pub struct DurationError {
    /// The text that was given.
    pub found: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// A year as operators of cfssl count it: 8760 hours.
const YEAR: u64 = 365 * DAY;
const DAY: u64 = 24 * HOUR;
const HOUR: u64 = 3600;

/// No certificate can be valid for longer: dates end with the year 9999.
const MAX_SECONDS: u64 = 8000 * YEAR;

/// Reads a sequence of numbers with units `y`, `d`, `h`, `m`, `s`, `ms`, `us`, `µs`, `ns`, or `0`.
/// Parts of a second are cut off: certificates know none.
pub fn parse_duration(text: &str) -> Result<ParsedDuration, DurationError> {
    let fail = |reason| DurationError {
        found: text.to_owned(),
        reason,
    };
    if text.starts_with('-') {
        return Err(fail("it is negative"));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(ParsedDuration {
            length: SignedDuration::ZERO,
            beyond_go: false,
        });
    }
    if rest.is_empty() {
        return Err(fail("it is empty"));
    }
    let mut nanoseconds = 0_u128;
    let mut beyond_go = false;
    while !rest.is_empty() {
        let (part, after) = take_part(rest).map_err(fail)?;
        nanoseconds += part.nanoseconds;
        beyond_go |= part.beyond_go;
        rest = after;
    }
    let seconds = nanoseconds / 1_000_000_000;
    if seconds > u128::from(MAX_SECONDS) {
        return Err(fail("it is longer than 8000 years"));
    }
    Ok(ParsedDuration {
        length: SignedDuration::from_secs(seconds as i64),
        beyond_go,
    })
}

struct Part {
    nanoseconds: u128,
    beyond_go: bool,
}

fn take_part(text: &str) -> Result<(Part, &str), &'static str> {
    let number_end = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .ok_or("a number has no unit")?;
    let (number, rest) = text.split_at(number_end);
    let unit_end = rest
        .find(|letter: char| letter.is_ascii_digit() || letter == '.')
        .unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    let (nanoseconds, beyond_go) = match unit {
        "ns" => (1, false),
        "us" | "µs" | "μs" => (1_000, false),
        "ms" => (1_000_000, false),
        "s" => (1_000_000_000, false),
        "m" => (60 * 1_000_000_000, false),
        "h" => (u128::from(HOUR) * 1_000_000_000, false),
        "d" => (u128::from(DAY) * 1_000_000_000, true),
        "y" => (u128::from(YEAR) * 1_000_000_000, true),
        _ => return Err("a unit is unknown"),
    };
    let nanoseconds = scale(number, nanoseconds)?;
    let part = Part {
        nanoseconds,
        beyond_go,
    };
    Ok((part, rest))
}

/// Multiplies a decimal number, with a fraction or without, by a unit.
fn scale(number: &str, unit: u128) -> Result<u128, &'static str> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err("a number is missing");
    }
    // More digits could not name a length below the limit, nor a longer fraction a nanosecond.
    if whole.len() > 18 {
        return Err("it is longer than 8000 years");
    }
    if fraction.contains('.') {
        return Err("a number has two dots");
    }
    let whole: u128 = if whole.is_empty() {
        0
    } else {
        whole.parse().map_err(|_| "a number is malformed")?
    };
    let digits = &fraction[..fraction.len().min(12)];
    let numerator: u128 = if digits.is_empty() {
        0
    } else {
        digits.parse().map_err(|_| "a number is malformed")?
    };
    let denominator = 10_u128.pow(digits.len() as u32);
    Ok(whole * unit + numerator * unit / denominator)
}

/// Writes a length as cfssl reads it, in hours where it is whole hours.
pub fn format_duration(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    if seconds % 3600 == 0 {
        format!("{}h", seconds / 3600)
    } else if seconds % 60 == 0 {
        format!("{}m", seconds / 60)
    } else {
        format!("{seconds}s")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn go_s_durations_mean_what_they_mean_in_go() {
        for (text, seconds, beyond_go) in [
            ("8760h", 8760 * 3600, false),
            ("8760h0m0s", 8760 * 3600, false),
            ("1h30m", 5400, false),
            ("1.5h", 5400, false),
            (".5m", 30, false),
            ("1.m", 60, false),
            ("+5m", 300, false),
            ("1500ms", 1, false),
            ("0", 0, false),
            ("0s", 0, false),
            ("365d", 8760 * 3600, true),
            ("1y", 8760 * 3600, true),
            ("1y12h", 8772 * 3600, true),
            ("99y", 99 * 8760 * 3600, true),
        ] {
            let parsed = parse_duration(text).unwrap();
            assert_eq!(
                (parsed.length.as_secs(), parsed.beyond_go),
                (seconds, beyond_go),
                "{text}"
            );
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for (text, reason) in [
            ("", "it is empty"),
            ("-5m", "it is negative"),
            ("30", "a number has no unit"),
            ("h", "a number is missing"),
            ("1w", "a unit is unknown"),
            ("1 h", "a unit is unknown"),
            ("1H", "a unit is unknown"),
            (".h", "a number is missing"),
            ("1.2.3h", "a number has two dots"),
            ("9000y", "it is longer than 8000 years"),
            ("99999999999999999999h", "it is longer than 8000 years"),
        ] {
            assert_eq!(parse_duration(text).unwrap_err().reason, reason, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String, near in "[+-]?[0-9.hmsdyn]{0,40}") {
            let _ = parse_duration(&text);
            let _ = parse_duration(&near);
        }

        #[test]
        fn what_is_written_is_read_again(seconds in 0_i64..8_000_000_000) {
            let length = SignedDuration::from_secs(seconds);
            prop_assert_eq!(parse_duration(&format_duration(length)).unwrap().length, length);
        }
    }
}
