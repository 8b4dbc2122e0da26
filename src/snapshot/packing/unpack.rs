//! Unpacks a snapshot: layer by layer, each told by the first bytes that the one around it gives.

use std::io::{self, BufRead, BufReader, Read, Write};

use flate2::bufread::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

use super::age::{Changed, HeaderError, Opener, open};
use super::layer::{LONGEST_MAGIC, Layer, recognise};
use super::{Identities, Recipient};

/// Layers that are taken off at most: people encrypt what is compressed, and some compress that again.
const MOST_LAYERS: usize = 4;

/// Bytes that are read at once.
const BLOCK_BYTES: usize = 256 << 10;

/// Largest window of a zstd frame, as a power of two: 128 MiB, what every zstd takes without being told.
const WINDOW_LOG: u32 = 27;

/// What was unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// What wrapped it, from the outside.
    pub layers: Vec<Layer>,
    /// Bytes that were written.
    pub bytes: u64,
}

/// Why a file can't be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is encrypted, and no identity was given.
    #[error("it is encrypted with age, and no identity was given")]
    NoIdentity,
    /// It is encrypted to a passphrase.
    #[error("it is encrypted with age to a passphrase, and only identities are taken here")]
    Passphrase,
    /// It is encrypted to others.
    #[error("it is encrypted with age, to none of the identities given ({})", listed(.0))]
    Stranger(Vec<Recipient>),
    /// It is not what it begins as.
    #[error("{layer}: {why}, after {bytes} unpacked bytes")]
    Damaged {
        /// The layer that says so, or the innermost.
        layer: Layer,
        /// What it says.
        why: String,
        /// Bytes that came before.
        bytes: u64,
    },
    /// More comes out than there is place or reason for.
    #[error("it holds more than {limit} bytes")]
    TooBig {
        /// Bytes that were allowed.
        limit: u64,
    },
    /// It is wrapped again and again.
    #[error("it is wrapped more than {MOST_LAYERS} times")]
    TooDeep,
    /// The packed file can't be read.
    #[error("can't be read")]
    Read(#[source] io::Error),
    /// The plain file can't be written.
    #[error("can't be written")]
    Write(#[source] io::Error),
    /// It was given up.
    #[error("interrupted")]
    Interrupted,
}

fn listed(recipients: &[Recipient]) -> String {
    let names: Vec<_> = recipients.iter().map(ToString::to_string).collect();
    names.join(", ")
}

impl UnpackError {
    /// True where the file is not what was stored.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Damaged { .. } | Self::TooBig { .. } | Self::TooDeep
        )
    }
}

/// Unpacks what `from` gives into `to`, `limit` bytes at most. `watch` is told how many bytes have come
/// out; false gives up.
///
/// # Errors
/// [`UnpackError`].
pub fn unpack(
    from: impl Read,
    identities: Option<&Identities>,
    limit: u64,
    mut to: impl Write,
    mut watch: impl FnMut(u64) -> bool,
) -> Result<Unpacked, UnpackError> {
    let mut reader: Box<dyn BufRead + '_> =
        Box::new(BufReader::with_capacity(BLOCK_BYTES, Source(from)));
    let mut layers: Vec<Layer> = Vec::new();
    let failed = |layers: &[Layer], error: io::Error, bytes: u64| blame(layers, error, bytes);
    loop {
        let (beginning, rest) = peek(reader).map_err(|error| failed(&layers, error, 0))?;
        let found = recognise(&beginning);
        let whole = io::Cursor::new(beginning).chain(rest);
        let Some(layer) = found else {
            reader = Box::new(whole);
            break;
        };
        if layers.len() == MOST_LAYERS {
            return Err(UnpackError::TooDeep);
        }
        layers.push(layer);
        reader = unwrapped(whole, layer, identities)?;
    }
    let mut block = vec![0; BLOCK_BYTES];
    let mut bytes = 0;
    loop {
        let count = match reader.read(&mut block) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(&layers, error, bytes)),
        };
        bytes += count as u64;
        if bytes > limit {
            return Err(UnpackError::TooBig { limit });
        }
        to.write_all(&block[..count]).map_err(UnpackError::Write)?;
        if !watch(bytes) {
            return Err(UnpackError::Interrupted);
        }
    }
    to.flush().map_err(UnpackError::Write)?;
    Ok(Unpacked { layers, bytes })
}

/// Takes a layer off.
fn unwrapped<'a>(
    reader: impl BufRead + 'a,
    layer: Layer,
    identities: Option<&Identities>,
) -> Result<Box<dyn BufRead + 'a>, UnpackError> {
    let failed = |error| blame(&[layer], error, 0);
    Ok(match layer {
        Layer::Gzip => buffered(MultiGzDecoder::new(reader)),
        Layer::Zstd => {
            let mut decoder = ZstdDecoder::with_buffer(reader).map_err(failed)?;
            decoder.window_log_max(WINDOW_LOG).map_err(failed)?;
            buffered(decoder)
        }
        Layer::Age => buffered(decrypted(reader, identities)?),
    })
}

fn buffered<'a>(reader: impl Read + 'a) -> Box<dyn BufRead + 'a> {
    Box::new(BufReader::with_capacity(BLOCK_BYTES, reader))
}

fn decrypted<'a>(
    mut reader: impl BufRead + 'a,
    identities: Option<&Identities>,
) -> Result<impl Read + 'a, UnpackError> {
    let damaged = |why: &str| UnpackError::Damaged {
        layer: Layer::Age,
        why: why.to_owned(),
        bytes: 0,
    };
    let opened = open(&mut reader, identities);
    let file_key = opened.map_err(|error| match error {
        HeaderError::Io(error) => blame(&[Layer::Age], error, 0),
        HeaderError::Malformed(why) => damaged(&format!("the header: {why}")),
        HeaderError::Mac => damaged("the header was changed"),
        HeaderError::Passphrase => UnpackError::Passphrase,
        HeaderError::Stranger => match identities {
            Some(identities) => UnpackError::Stranger(identities.recipients()),
            None => UnpackError::NoIdentity,
        },
    })?;
    Opener::begin(reader, &file_key).map_err(|error| blame(&[Layer::Age], error, 0))
}

/// The first bytes, as many as there are and enough to recognise a layer, and the rest.
fn peek<R: Read>(mut reader: R) -> io::Result<(Vec<u8>, R)> {
    let mut beginning = Vec::with_capacity(LONGEST_MAGIC);
    (&mut reader)
        .take(LONGEST_MAGIC as u64)
        .read_to_end(&mut beginning)?;
    Ok((beginning, reader))
}

/// A failure of the packed file itself, as opposed to what a layer makes of its bytes.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct SourceError(io::Error);

struct Source<R>(R);

impl<R: Read> Read for Source<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, SourceError(error)),
        })
    }
}

/// Whose fault a failed read is: the file's, age's where it says so, else the innermost layer's.
fn blame(layers: &[Layer], error: io::Error, bytes: u64) -> UnpackError {
    let is_ours = error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<SourceError>);
    let is_age = error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<Changed>);
    let layer = match is_age {
        true => Some(&Layer::Age),
        false => layers.last(),
    };
    match layer {
        Some(layer) if !is_ours => UnpackError::Damaged {
            layer: *layer,
            why: match error.kind() {
                io::ErrorKind::UnexpectedEof => "it ends before its end".to_owned(),
                _ => error.to_string(),
            },
            bytes,
        },
        _ => UnpackError::Read(error),
    }
}
