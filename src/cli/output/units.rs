//! Numbers with their units, as tables and sentences show them.

use std::time::Duration;

/// A count with thousands separated: `1,097,611`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A stretch of time, its two largest parts: `12ms`, `0.3s`, `2m 3s`, `2h 11m`, `3d 4h`.
pub fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    if time < Duration::from_millis(100) {
        return format!("{}ms", time.as_millis());
    }
    if seconds < 60 {
        return format!("{}.{}s", seconds, time.subsec_millis() / 100);
    }
    let (large, small, units) = match seconds {
        0..3_600 => (seconds / 60, seconds % 60, ("m", "s")),
        3_600..86_400 => (seconds / 3_600, seconds % 3_600 / 60, ("h", "m")),
        _ => (seconds / 86_400, seconds % 86_400 / 3_600, ("d", "h")),
    };
    format!("{large}{} {small}{}", units.0, units.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_times_read_well() {
        assert_eq!(
            [0, 999, 1_000, 1_097_611].map(count),
            ["0", "999", "1,000", "1,097,611"]
        );
        assert_eq!(
            [12, 300, 59_999, 123_000, 7_860_000, 273_600_000]
                .map(|ms| elapsed(Duration::from_millis(ms))),
            ["12ms", "0.3s", "59.9s", "2m 3s", "2h 11m", "3d 4h"]
        );
    }
}
