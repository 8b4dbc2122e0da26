//! How long is a certificate to live?
//!
//! Invariant: a lifetime is a duration of the model in whole seconds, and one that certificates can
//! express. Days and years, which cfssl does not read, are marked, so that nobody believes it would.

use jiff::SignedDuration;

use crate::model::{DurationError, parse_duration};

/// What a text of a lifetime says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsedLifetime {
    /// Its length, never negative, in whole seconds.
    pub length: SignedDuration,
    /// Whether `d` or `y` occurs, which cfssl does not read.
    pub beyond_go: bool,
}

/// No certificate can be valid for longer: dates end with the year 9999.
const MAX_SECONDS: u64 = 8000 * 365 * 24 * 3600;

/// Reads a duration as a lifetime. Parts of a second are cut off: certificates know none.
///
/// # Errors
/// No duration, or more than 8000 years.
pub fn parse_lifetime(text: &str) -> Result<ParsedLifetime, DurationError> {
    let seconds = parse_duration(text)?.as_secs();
    match i64::try_from(seconds) {
        Ok(length) if seconds <= MAX_SECONDS => Ok(ParsedLifetime {
            length: SignedDuration::from_secs(length),
            beyond_go: text.contains(['d', 'y']),
        }),
        _ => Err(DurationError {
            found: text.to_owned(),
            reason: "it is longer than 8000 years",
        }),
    }
}

/// Writes a length as cfssl reads it, in hours where it is whole hours.
pub fn format_lifetime(length: SignedDuration) -> String {
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
    fn seconds_are_whole_and_days_and_years_are_marked() {
        for (text, seconds, beyond_go) in [
            ("8760h", 8760 * 3600, false),
            ("1500ms", 1, false),
            ("0", 0, false),
            ("365d", 8760 * 3600, true),
            ("1y12h", 8772 * 3600, true),
            ("99y", 99 * 8760 * 3600, true),
        ] {
            let parsed = parse_lifetime(text).unwrap();
            let found = (parsed.length.as_secs(), parsed.beyond_go);
            assert_eq!(found, (seconds, beyond_go), "{text}");
        }
    }

    #[test]
    fn what_certificates_can_t_express_is_refused() {
        for (text, reason) in [
            ("9000y", "it is longer than 8000 years"),
            ("one year", "unknown unit"),
        ] {
            assert_eq!(parse_lifetime(text).unwrap_err().reason, reason, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(seconds in 0_i64..8_000_000_000) {
            let length = SignedDuration::from_secs(seconds);
            prop_assert_eq!(parse_lifetime(&format_lifetime(length)).unwrap().length, length);
        }
    }
}
