//! Sizes as sentences and tables show them.

/// A size in bytes: `512 B`, `2.1 MiB`, `38 GiB`.
pub fn bytes(size: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if size < 1024 {
        return format!("{size} B");
    }
    // Tenths of the unit, rounded down, so that a full disk never looks as if it had room.
    let mut tenths = u128::from(size) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    if tenths < 100 {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        format!("{} {}", tenths / 10, UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        assert_eq!(
            [0, 1023, 1024, 2_202_010, 222_298_112, u64::MAX].map(bytes),
            [
                "0 B",
                "1023 B",
                "1.0 KiB",
                "2.1 MiB",
                "212 MiB",
                "16383 PiB"
            ]
        );
    }
}
