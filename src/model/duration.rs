//! Durations as people and Go programs write them: `5m`, `1h30m`, `8760h`, and also `30d`, `5y`.
//!
//! Go (so cfssl, kubeadm and etcd) has no `d` and no `y`; here a day is 24 hours and a year 365 days.

use std::time::Duration;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is no duration: {reason}; expected a number and a unit (y d h m s ms us ns), such as 8760h, 1h30m, 5y"
)]
pub struct DurationError {
    /// The text that was given.
    pub found: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Reads a duration such as `1h30m`, `1.5h`, `250ms`, `365d` or `5y`. There is no negative one.
///
/// # Errors
/// [`DurationError`] for an empty text, a number without a unit, an unknown unit, or more than fits.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let fail = |reason| DurationError {
        found: text.to_owned(),
        reason,
    };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err(fail("empty"));
    }
    if text.starts_with('-') {
        return Err(fail("it is negative"));
    }
    // Go takes a sign in front, and nothing but a sign is none.
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return Err(fail("no number before the unit"));
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (nanos, after) = parse_part(rest).map_err(fail)?;
        total = total.checked_add(nanos).ok_or_else(|| fail("too long"))?;
        rest = after;
    }
    let seconds = u64::try_from(total / NANOS_PER_SECOND).map_err(|_| fail("too long"))?;
    let nanos = u32::try_from(total % NANOS_PER_SECOND).map_err(|_| fail("too long"))?;
    Ok(Duration::new(seconds, nanos))
}

/// Reads one number with its unit: nanoseconds, and what follows.
fn parse_part(text: &str) -> Result<(u128, &str), &'static str> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, rest) = text.split_at(end.unwrap_or(text.len()));
    let end = rest.find(|c: char| c.is_ascii_digit() || c == '.');
    let (unit, rest) = rest.split_at(end.unwrap_or(rest.len()));
    let unit = nanos_of(unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err("no number before the unit");
    }
    let digits = |text: &str| -> Result<u128, &'static str> {
        if text.is_empty() {
            return Ok(0);
        }
        if !text.bytes().all(|byte| byte.is_ascii_digit()) || text.len() > 18 {
            return Err("a number that can't be read");
        }
        text.parse().map_err(|_| "a number that can't be read")
    };
    // At most 18 digits each, so neither product nor power overflows 128 bits.
    let scale = 10_u128.pow(
        u32::try_from(fraction.len())
            .map_err(|_| "too many digits")?
            .min(18),
    );
    Ok((
        digits(whole)? * unit + digits(fraction)? * unit / scale,
        rest,
    ))
}

fn nanos_of(unit: &str) -> Result<u128, &'static str> {
    Ok(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => NANOS_PER_SECOND,
        "m" => 60 * NANOS_PER_SECOND,
        "h" => 3_600 * NANOS_PER_SECOND,
        "d" => 86_400 * NANOS_PER_SECOND,
        "y" => 365 * 86_400 * NANOS_PER_SECOND,
        "" => return Err("no unit"),
        _ => return Err("unknown unit"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn go_s_notation_and_days_and_years_are_read() {
        for (text, millis) in [
            ("0", 0),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("1.m", 60_000),
            ("+5m", 300_000),
            ("1y12h", 31_579_200_000),
            ("99y", 99 * 31_536_000_000),
            ("250ms", 250),
            ("8760h0m0s", 31_536_000_000),
            ("365d", 31_536_000_000),
            ("1y", 31_536_000_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_told_why() {
        for (text, reason) in [
            ("", "empty"),
            ("30", "no unit"),
            ("5w", "unknown unit"),
            ("-5m", "it is negative"),
            ("h", "no number before the unit"),
            ("+", "no number before the unit"),
            (".h", "no number before the unit"),
            ("1H", "unknown unit"),
            ("1 h", "unknown unit"),
            ("1.2.3h", "a number that can't be read"),
            ("999999999999999999y", "too long"),
        ] {
            assert_eq!(parse_duration(text).unwrap_err().reason, reason, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9.yhdmsnu\u{b5} -]{0,60}|\\PC*") {
            let _ = parse_duration(&text);
        }
    }
}
