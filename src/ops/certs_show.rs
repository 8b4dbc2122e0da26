//! `certs show`: reads files or a TLS server and says what is there.
//!
//! Invariant: what cannot be read is part of the answer, so that one bad file does not hide the
//! others.

use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::model::Host;
use crate::pki::inspect::{
    self, CertificateFacts, Contents, InspectError, Item, Material, NameFacts,
};
use crate::sys::files::{self, FileError};
use crate::sys::tls_probe::{self, ClientIdentity, IdentityError};

pub use crate::sys::tls_probe::TlsProbeError;
use crate::sys::walk::{WalkedFile, read_one, walk};

/// The name that stands for standard input.
const STDIN: &str = "-";

/// A block of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The file.
    pub source: String,
    /// What it holds there.
    pub item: Item,
}

/// A file or block that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The file.
    pub source: String,
    /// Why.
    pub reason: String,
}

/// What files hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShowReport {
    /// How many files were named or found.
    pub sources: usize,
    /// Every block that could be read, in order.
    pub items: Vec<Shown>,
    /// Every one that could not.
    pub unreadable: Vec<Unreadable>,
}

/// What a TLS server shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// `HOST:PORT`.
    pub endpoint: String,
    /// `TLSv1.3` or `TLSv1.2`; empty where the handshake did not get that far.
    pub version: String,
    /// True where it wants a client certificate.
    pub asks_for_certificate: bool,
    /// The authorities whose client certificates it accepts, where it says so; RFC 4514.
    pub accepted_authorities: Vec<String>,
    /// Whether a client certificate was shown.
    pub showed_certificate: bool,
    /// Why the server ended the handshake, where it did.
    pub refusal: Option<String>,
    /// The certificates, its own first.
    pub chain: Vec<Result<CertificateFacts, String>>,
    /// True where its certificate is good for the host that was dialled.
    pub covers_host: bool,
}

/// What to connect to, and how.
#[derive(Clone, Debug)]
pub struct ConnectRequest {
    /// The server's host.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// Files of the client certificate to show, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Longest time for each part of it.
    pub timeout: Duration,
}

/// Why a server's certificates can't be shown.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The client's files can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// They are of no use.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The server showed nothing.
    #[error(transparent)]
    Probe(#[from] TlsProbeError),
}

/// Reads files; a directory stands for the files below it, `-` for standard input.
///
/// # Errors
/// Where a named file or directory is not there.
pub fn show_files(paths: &[PathBuf]) -> Result<ShowReport, FileError> {
    let mut report = ShowReport::default();
    for path in paths {
        if path == Path::new(STDIN) {
            let bytes = Zeroizing::new(files::read(Path::new("/dev/stdin"))?);
            report.add(STDIN, inspect::read(&bytes));
        } else if path.is_dir() {
            for file in walk(path)? {
                report.add_found(&file);
            }
        } else {
            report.add_file(&read_one(path)?);
        }
    }
    Ok(report)
}

impl ShowReport {
    /// A file that was named: whatever it holds is worth a word.
    fn add_file(&mut self, file: &WalkedFile) {
        let source = file.path.display().to_string();
        match &file.contents {
            Ok(bytes) => self.add(&source, inspect::read(bytes)),
            Err(reason) => {
                self.sources += 1;
                self.unreadable.push(Unreadable {
                    source,
                    reason: reason.clone(),
                });
            }
        }
    }

    /// A file that was met in a directory: other files may live there too.
    fn add_found(&mut self, file: &WalkedFile) {
        let contents = file.contents.as_ref().map(|bytes| inspect::read(bytes));
        let foreign = |contents: &Contents| {
            let mut items = contents.items.iter();
            items.all(|item| {
                matches!(
                    item,
                    Err(InspectError::Unrecognised { .. } | InspectError::Empty)
                )
            })
        };
        if !contents.is_ok_and(|contents| foreign(&contents)) {
            self.add_file(file);
        }
    }

    fn add(&mut self, source: &str, contents: Contents) {
        self.sources += 1;
        for item in contents.items {
            let source = source.to_owned();
            match item {
                Ok(Item {
                    material: Material::Parameters,
                    ..
                }) => {}
                Ok(item) => self.items.push(Shown { source, item }),
                Err(error) => self.unreadable.push(Unreadable {
                    source,
                    reason: error.to_string(),
                }),
            }
        }
    }
}

/// Connects to a TLS server and describes what it presents. Nothing is verified.
///
/// # Errors
/// [`ConnectError`]; that the server refuses our certificate is none.
pub async fn show_server(request: &ConnectRequest) -> Result<Presented, ConnectError> {
    let identity = match &request.identity {
        Some((certificate, key)) => {
            let key = Zeroizing::new(files::read(key)?);
            Some(ClientIdentity::from_pem(&files::read(certificate)?, &key)?)
        }
        None => None,
    };
    let showed_certificate = identity.is_some();
    let (host, port) = (&request.host, request.port);
    let facts = tls_probe::probe_as(host, port, identity, request.timeout).await?;
    let read = |der: &Vec<u8>| CertificateFacts::from_der(der).map_err(|error| error.to_string());
    let chain: Vec<_> = facts.chain.iter().map(read).collect();
    let own = chain.first().and_then(|first| first.as_ref().ok());
    let authorities = facts.accepted_authorities.iter();
    Ok(Presented {
        endpoint: format!("{host}:{port}"),
        version: facts.version,
        asks_for_certificate: facts.asks_for_certificate,
        accepted_authorities: authorities
            .filter_map(|der| Some(NameFacts::from_der(der)?.text))
            .collect(),
        showed_certificate,
        refusal: facts.refusal,
        covers_host: own.is_some_and(|own| inspect::covers(own, host)),
        chain,
    })
}
