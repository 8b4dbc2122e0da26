//! How is a PEM block written?
//!
//! Invariant: the text has its final size before the first character, so that no part of a private
//! key is left behind in freed memory, and it is wiped when dropped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Characters of base64 in a line (RFC 7468 section 2).
const LINE: usize = 64;

/// Writes one block, with lines of 64 characters and a line feed at the end.
pub fn pem_encode(label: &str, contents: &[u8]) -> Zeroizing<String> {
    let base64 = contents.len().div_ceil(3) * 4;
    let size = 2 * label.len() + 40 + base64 + base64 / LINE;
    let mut out = Zeroizing::new(String::with_capacity(size));
    out.push_str("-----BEGIN ");
    out.push_str(label);
    out.push_str("-----\n");
    let mut digits = Zeroizing::new([0; LINE]);
    for line in contents.chunks(LINE / 4 * 3) {
        let length = STANDARD
            .encode_slice(line, &mut *digits)
            .expect("48 bytes become 64 characters");
        out.extend(digits[..length].iter().map(|&digit| char::from(digit)));
        out.push('\n');
    }
    out.push_str("-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}
