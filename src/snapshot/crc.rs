//! CRC-32C of a text of which a part is left out later: checksums of pieces, joined.
//!
//! A checksum is a remainder of polynomials over GF(2), so that of `a ‖ b` is that of `a` times x^(8·|b|)
//! plus that of `b`. Source: Mark Adler's note on `crc32_combine` in zlib.

/// The polynomial of CRC-32C, bits reflected.
const POLYNOMIAL: u32 = 0x82F6_3B78;
/// x^0, bits reflected.
const ONE: u32 = 1 << 31;

/// x^(8·2^k) modulo the polynomial, for every k that a 64-bit length needs.
const POWERS: [u32; 64] = powers();

const fn powers() -> [u32; 64] {
    let mut powers = [0; 64];
    // x^8: eight steps from x^0.
    let mut power = ONE >> 8;
    let mut k = 0;
    while k < powers.len() {
        powers[k] = power;
        power = multiply(power, power);
        k += 1;
    }
    powers
}

/// a·b modulo the polynomial.
const fn multiply(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    let mut bit = ONE;
    while bit != 0 {
        if a & bit != 0 {
            product ^= b;
        }
        b = (b >> 1) ^ (POLYNOMIAL & (b & 1).wrapping_neg());
        bit >>= 1;
    }
    product
}

/// Joins checksums; remembers the power for the last length, because neighbours are of a size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joiner {
    length: u64,
    power: u32,
}

impl Joiner {
    pub(super) fn new() -> Self {
        Self {
            length: 0,
            power: ONE,
        }
    }

    /// The checksum of `a ‖ b` from those of `a` and `b` and the length of `b`.
    pub(super) fn join(&mut self, a: u32, b: u32, length: u64) -> u32 {
        if length != self.length {
            self.length = length;
            self.power = (0..64)
                .filter(|k| length & (1 << k) != 0)
                .fold(ONE, |power, k| multiply(power, POWERS[k]));
        }
        multiply(self.power, a) ^ b
    }
}

/// The checksum of bytes, and how many they are: what joining it to another takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) crc: u32,
    bytes: u64,
}

impl Sum {
    /// Takes the next bytes.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Takes the bytes that another sum is of.
    pub(super) fn append(&mut self, next: Self) {
        self.crc = Joiner::new().join(self.crc, next.crc, next.bytes);
        self.bytes += next.bytes;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn joined_checksums_are_those_of_the_whole(pieces: Vec<Vec<u8>>) {
            let mut joiner = Joiner::new();
            let joined = pieces.iter().fold(0, |sum, piece| {
                joiner.join(sum, crc32c::crc32c(piece), piece.len() as u64)
            });
            prop_assert_eq!(joined, crc32c::crc32c(&pieces.concat()));
        }
    }

    #[test]
    fn lengths_of_many_bits_are_right_too() {
        let (a, b) = (vec![7; 1000], vec![9; 1_234_567]);
        let joined = Joiner::new().join(crc32c::crc32c(&a), crc32c::crc32c(&b), 1_234_567);
        assert_eq!(joined, crc32c::crc32c(&[a, b].concat()));
    }
}
