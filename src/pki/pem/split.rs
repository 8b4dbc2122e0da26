//! Which PEM blocks does a text hold, and what stands between them?
//!
//! Invariant: whatever the bytes are, every line ends up in exactly one section, and a damaged
//! block never hides the ones after it. What counts as a block follows RFC 7468 and, where that
//! leaves room, the decoder of Go's `encoding/pem`, since etcd and Kubernetes read files with it:
//! a block that starts behind blanks or a byte order mark is invisible to them, so it is a fault.

use base64::engine::general_purpose::STANDARD;
use base64::{DecodeSliceError, Engine as _};
use zeroize::Zeroizing;

use super::block::{DamagedBlock, PemBlock, PemFault, Place, StrayText};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A text, cut into blocks and what stands between them.
#[derive(Debug, Default)]
pub(crate) struct PemText {
    /// The blocks in order, readable or not.
    pub(crate) blocks: Vec<Result<PemBlock, DamagedBlock>>,
    /// Lines outside of all blocks that are not blank.
    pub(crate) stray: Vec<StrayText>,
}

/// Cuts a text into PEM blocks.
pub(crate) fn split(bytes: &[u8]) -> PemText {
    let mut text = PemText::default();
    let lines: Vec<Line<'_>> = lines(bytes).collect();
    let mut next = 0;
    while let Some(line) = lines.get(next) {
        next += 1;
        match Begin::read(line) {
            Some(begin) => {
                let (result, used) = block(&begin, line, &lines[next..], text.blocks.len() + 1);
                text.blocks.push(result);
                next += used;
            }
            None if line.text.is_empty() => {}
            None => text.stray.push(StrayText {
                line: line.number,
                looks_like_pem: contains(line.text, b"--BEGIN") || contains(line.text, b"--END"),
            }),
        }
    }
    text
}

struct Line<'a> {
    number: usize,
    byte: usize,
    /// Without the line break and the blanks before it.
    text: &'a [u8],
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut byte = 0;
    bytes
        .split(|&b| b == b'\n')
        .enumerate()
        .map(move |(at, raw)| {
            let line = Line {
                number: at + 1,
                byte,
                text: raw.trim_ascii_end(),
            };
            byte += raw.len() + 1;
            line
        })
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|part| part == needle)
}

/// The words between `prefix` and the closing dashes.
fn label(text: &[u8], prefix: &[u8]) -> Option<String> {
    let words = text.strip_prefix(prefix)?.strip_suffix(DASHES)?;
    // A label is short and printable; anything else is shown to people, so keep it harmless.
    let printable = words.len() <= 64 && words.iter().all(|b| (0x20..0x7f).contains(b));
    printable.then(|| String::from_utf8_lossy(words).into_owned())
}

/// A line that opens a block.
struct Begin {
    label: String,
    /// What stands before it on the line, where that hides it from Go.
    hidden_by: Option<&'static str>,
}

impl Begin {
    fn read(line: &Line<'_>) -> Option<Self> {
        let (text, hidden_by) = match line.text.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) => (rest, Some("a byte order mark")),
            None => match line.text.trim_ascii_start() {
                trimmed if trimmed.len() < line.text.len() => (trimmed, Some("blanks")),
                trimmed => (trimmed, None),
            },
        };
        label(text, BEGIN).map(|label| Self { label, hidden_by })
    }
}

/// Decodes the block that `begin` opens; also tells how many of the `rest` lines belong to it.
fn block(
    begin: &Begin,
    at: &Line<'_>,
    rest: &[Line<'_>],
    number: usize,
) -> (Result<PemBlock, DamagedBlock>, usize) {
    let place = Place {
        block: number,
        line: Some(at.number),
        byte: at.byte,
    };
    let damaged = |fault| DamagedBlock {
        label: begin.label.clone(),
        place,
        fault,
    };
    let stop = rest.iter().position(|line| {
        line.text.trim_ascii_start().starts_with(END) || Begin::read(line).is_some()
    });
    let end = stop.and_then(|stop| label(rest[stop].text.trim_ascii_start(), END));
    let (Some(stop), Some(end)) = (stop, end) else {
        let used = stop.unwrap_or(rest.len());
        let before = rest.get(used).map(|line| line.number);
        let label = begin.label.clone();
        return (Err(damaged(PemFault::NoEnd { label, before })), used);
    };
    let used = stop + 1;
    if end != begin.label {
        let fault = PemFault::WrongEnd {
            line: rest[stop].number,
            found: end,
            expected: begin.label.clone(),
        };
        return (Err(damaged(fault)), used);
    }
    if let Some(what) = begin.hidden_by {
        let line = at.number;
        return (Err(damaged(PemFault::NotAtLineStart { what, line })), used);
    }
    let inside = &rest[..stop];
    let headers = headers(inside);
    let decoded = decode(&inside[headers.len()..]).map(|contents| PemBlock {
        label: begin.label.clone(),
        place,
        headers,
        contents,
    });
    (decoded.map_err(damaged), used)
}

/// The lines `Name: value` before the contents; base64 has no colon.
fn headers(lines: &[Line<'_>]) -> Vec<(String, String)> {
    let pairs = lines.iter().map_while(|line| {
        let text = String::from_utf8_lossy(line.text);
        let (name, value) = text.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    });
    pairs.collect()
}

/// Decodes base64. Both buffers have their final size before the first byte, so that no part of a
/// private key is left behind in freed memory.
fn decode(lines: &[Line<'_>]) -> Result<Zeroizing<Vec<u8>>, PemFault> {
    let room = lines.iter().map(|line| line.text.len()).sum();
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    for line in lines {
        text.extend(digits(line).map(|(_, digit)| digit));
    }
    let mut contents = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
    let length = STANDARD
        .decode_slice(&*text, &mut contents)
        .map_err(|error| fault(lines, &error))?;
    contents.truncate(length);
    if contents.is_empty() {
        return Err(PemFault::NoContents);
    }
    Ok(contents)
}

/// The characters of a line that are no blanks, with their columns.
fn digits<'a>(line: &Line<'a>) -> impl Iterator<Item = (usize, u8)> + 'a {
    let all = line.text.iter().copied().enumerate();
    let digits = all.filter(|(_, byte)| !matches!(byte, b' ' | b'\t' | b'\r'));
    digits.map(|(index, byte)| (index + 1, byte))
}

/// Finds the line and column of what the decoder complained about.
fn fault(lines: &[Line<'_>], error: &DecodeSliceError) -> PemFault {
    use base64::DecodeError::{InvalidByte, InvalidLastSymbol, InvalidLength, InvalidPadding};
    let last = lines.last().map_or(0, |line| line.number);
    let offset = match error {
        DecodeSliceError::DecodeError(InvalidByte(offset, _) | InvalidLastSymbol(offset, _)) => {
            *offset
        }
        DecodeSliceError::DecodeError(InvalidLength(_) | InvalidPadding)
        | DecodeSliceError::OutputSliceTooSmall => return PemFault::CutOff { line: last },
    };
    let mut all = lines
        .iter()
        .flat_map(|line| digits(line).map(|(column, _)| (line.number, column)));
    match all.nth(offset) {
        Some((line, column)) => PemFault::NotBase64 { line, column },
        None => PemFault::CutOff { line: last },
    }
}
