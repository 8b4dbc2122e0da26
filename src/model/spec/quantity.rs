//! Quantities as Kubernetes writes them: `100m`, `0.5`, `1Gi`, `2e3` (apimachinery's `Quantity`).

/// Reads a quantity as thousandths; `None` for anything that is not a positive quantity or too large.
pub(super) fn thousandths(text: &str) -> Option<u128> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, suffix) = text.split_at(end.unwrap_or(text.len()));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || digits.len() > 20 {
        return None;
    }
    let value: u128 = digits.parse().ok()?;
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    // Twenty digits hold every u64.
    value
        .checked_mul(multiplier(suffix)?)
        .map(|scaled| scaled / scale)
}

/// The factor of a suffix, in thousandths.
fn multiplier(suffix: &str) -> Option<u128> {
    const DECIMAL: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    if suffix == "m" {
        return Some(1);
    }
    if let Some(power) = DECIMAL.iter().position(|known| *known == suffix) {
        return Some(1000 * 1000_u128.pow(u32::try_from(power).ok()?));
    }
    if let Some(power) = BINARY.iter().position(|known| *known == suffix) {
        return Some(1000 * 1024_u128.pow(u32::try_from(power + 1).ok()?));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    let exponent: u32 = exponent.parse().ok()?;
    (exponent <= 18).then(|| 1000 * 10_u128.pow(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantities_read_as_kubernetes_does() {
        for (text, value) in [
            ("100m", Some(100)),
            ("0.5", Some(500)),
            ("2", Some(2000)),
            ("1k", Some(1_000_000)),
            ("1Ki", Some(1_024_000)),
            ("2e3", Some(2_000_000)),
            ("100MB", None),
            ("", None),
            ("m", None),
            ("-1", None),
            ("1.2.3", None),
            ("1 Gi", None),
        ] {
            assert_eq!(thousandths(text), value, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9.eEkKMGTPimn -]{0,40}|\\PC*") {
            let _ = thousandths(&text);
        }
    }
}
