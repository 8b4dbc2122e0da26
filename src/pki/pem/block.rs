//! What is a PEM block, and what can be wrong with one?
//!
//! Invariant: decoded contents are wiped when dropped and never shown, because a block may be a
//! private key.

use std::fmt;

use serde::Serialize;
use zeroize::Zeroizing;

use super::split::split;

/// Larger files are no certificates or keys.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Where in a file something stands. All but the offset count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Number of the block.
    pub block: usize,
    /// Line of the block's first character; absent in DER files.
    pub line: Option<usize>,
    /// Offset of the block's first byte.
    pub byte: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "block {} at line {line}", self.block),
            None => write!(f, "byte {}", self.byte),
        }
    }
}

/// A block between `BEGIN` and `END`, decoded.
#[derive(Clone)]
pub struct PemBlock {
    /// The words after `BEGIN`, such as `CERTIFICATE`.
    pub label: String,
    /// Where it starts.
    pub place: Place,
    /// Headers in their order, such as (`DEK-Info`, `AES-256-CBC,…`).
    pub headers: Vec<(String, String)>,
    /// The decoded contents.
    pub contents: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for PemBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PemBlock")
            .field("label", &self.label)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl PemBlock {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A block that cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} ({label}): {fault}")]
pub struct DamagedBlock {
    /// The words after `BEGIN`.
    pub label: String,
    /// Where it starts.
    pub place: Place,
    /// What is wrong with it.
    pub fault: PemFault,
}

/// Why a block cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemFault {
    /// The text ends, or the next block begins, before `END`.
    #[error("the END line is missing: expected -----END {label}----- before {}", stop(.before))]
    NoEnd {
        /// The label that `END` should carry.
        label: String,
        /// The line of the next block; absent where the text ends first.
        before: Option<usize>,
    },
    /// `END` names another kind of block.
    #[error("line {line} ends another kind of block: found {found:?}, expected {expected:?}")]
    WrongEnd {
        /// The line of `END`.
        line: usize,
        /// Its label.
        found: String,
        /// The label after `BEGIN`.
        expected: String,
    },
    /// A character that is not base64, or stands where none may.
    #[error("line {line} is no base64 at character {column}")]
    NotBase64 {
        /// The line.
        line: usize,
        /// Its place in the line, counting from 1.
        column: usize,
    },
    /// The base64 ends in the middle.
    #[error("the base64 ends in the middle, on line {line}: the text is cut off or damaged")]
    CutOff {
        /// The last line.
        line: usize,
    },
    /// Nothing between `BEGIN` and `END`.
    #[error("the block is empty")]
    NoContents,
    /// Blanks or a byte order mark stand before `BEGIN`.
    #[error(
        "{what} before -----BEGIN on line {line}: etcd does not see such a block, expected \
         -----BEGIN at the start of the line"
    )]
    NotAtLineStart {
        /// `blanks` or `a byte order mark`.
        what: &'static str,
        /// The line.
        line: usize,
    },
}

fn stop(before: &Option<usize>) -> String {
    match before {
        Some(line) => format!("line {line}"),
        None => "the end of the file".to_owned(),
    }
}

/// A line outside of all blocks that is not blank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StrayText {
    /// The line.
    pub line: usize,
    /// True where it looks like the remains of a block: dashes with `BEGIN` or `END`.
    pub looks_like_pem: bool,
}

/// Why a file is no sound PEM.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// There is no `BEGIN` line in it.
    #[error("no PEM block found; expected a line -----BEGIN …-----")]
    NoBlock,
    /// A block cannot be decoded.
    #[error(transparent)]
    Damaged(#[from] DamagedBlock),
    /// More than 16 MiB.
    #[error("the file has {found} bytes; expected a PEM file of at most {MAX_BYTES}")]
    TooLarge {
        /// Its size.
        found: usize,
    },
}

/// Reads every block of a PEM file, in order. Text around the blocks is skipped, as `openssl x509
/// -text` writes some; a damaged block is an error.
pub fn pem_blocks(bytes: &[u8]) -> Result<Vec<PemBlock>, PemError> {
    if bytes.len() > MAX_BYTES {
        return Err(PemError::TooLarge { found: bytes.len() });
    }
    let blocks: Vec<PemBlock> = split(bytes).blocks.into_iter().collect::<Result<_, _>>()?;
    if blocks.is_empty() {
        return Err(PemError::NoBlock);
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pki::pem::pem_encode;

    #[test]
    fn text_headers_and_windows_line_ends_are_read() {
        let text = "subject=/CN=x\r\n-----BEGIN A KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n\
                    DEK-Info: AES-128-CBC,00\r\n\r\nAAEC\r\nAw==\r\n-----END A KEY-----\r\n\
                    -----BEGIN B-----\n/w==\n-----END B-----";
        let blocks = pem_blocks(text.as_bytes()).unwrap();
        assert_eq!(blocks.len(), 2);
        let first = (blocks[0].label.as_str(), blocks[0].place.line);
        assert_eq!(first, ("A KEY", Some(2)));
        assert_eq!(blocks[0].header("DEK-Info"), Some("AES-128-CBC,00"));
        assert_eq!(**blocks[0].contents, [0, 1, 2, 3]);
        assert_eq!(**blocks[1].contents, [255]);
    }

    #[test]
    fn broken_files_are_named() {
        let error = |text: &str| pem_blocks(text.as_bytes()).unwrap_err().to_string();
        for (text, expected) in [
            (
                "hello",
                "no PEM block found; expected a line -----BEGIN …-----",
            ),
            (
                "-----BEGIN A-----\nAAEC\n",
                "block 1 at line 1 (A): the END line is missing: expected -----END A----- before the end of the file",
            ),
            (
                "-----BEGIN A-----\nAAEC\n-----BEGIN A-----\nAAEC\n-----END A-----\n",
                "block 1 at line 1 (A): the END line is missing: expected -----END A----- before line 3",
            ),
            (
                "-----BEGIN A-----\nAAEC\n-----END B-----\n",
                "block 1 at line 1 (A): line 3 ends another kind of block: found \"B\", expected \"A\"",
            ),
            (
                "-----BEGIN A-----\n-----END A-----\n",
                "block 1 at line 1 (A): the block is empty",
            ),
        ] {
            assert_eq!(error(text), expected);
        }
    }

    #[test]
    fn what_is_no_base64_is_pointed_at() {
        let cut_off = PemFault::CutOff { line: 3 };
        let wrong = |line, column| PemFault::NotBase64 { line, column };
        for (base64, fault) in [
            ("AAEC\nA A", cut_off.clone()),
            ("AAEC\nAAE", cut_off),
            ("AAEC\nA===", wrong(3, 2)),
            ("AAE*", wrong(2, 4)),
            ("A A\tE*", wrong(2, 6)),
            ("AB==", wrong(2, 2)),
            ("AA==\nAA==", wrong(2, 3)),
        ] {
            let text = format!("-----BEGIN A-----\n{base64}\n-----END A-----\n");
            let Err(PemError::Damaged(damaged)) = pem_blocks(text.as_bytes()) else {
                panic!("{base64:?} was read");
            };
            assert_eq!(damaged.fault, fault, "{base64:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(contents in proptest::collection::vec(any::<u8>(), 1..200)) {
            let text = pem_encode("THING", &contents);
            let blocks = pem_blocks(text.as_bytes()).unwrap();
            prop_assert_eq!(&**blocks[0].contents, &contents[..]);
            prop_assert!(text.lines().all(|line| line.len() <= 64));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, body in "[A-Za-z0-9+/=:\\n-]{0,80}") {
            let _ = pem_blocks(&bytes);
            let _ = pem_blocks(format!("-----BEGIN A-----\n{body}\n-----END A-----").as_bytes());
        }
    }
}
