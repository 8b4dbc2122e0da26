//! What does this file hold: certificates, keys, requests, revocation lists, or something else?
//!
//! Invariant: every byte of the input is accounted for. A block that cannot be read stays in the
//! list with its fault, and text around the blocks is reported, so that a caller decides what to
//! tolerate.

use serde::Serialize;

use super::certificate::CertificateFacts;
use super::crl::CrlFacts;
use super::der::{self, DerFault};
use super::private_key::{KeyEncoding, PrivateKeyFacts};
use super::public_key::PublicKeyFacts;
use super::request::RequestFacts;
use super::shape::{self, Shape};
use crate::pki::encrypted_pem::is_traditional;
use crate::pki::pem::{DamagedBlock, PemBlock, Place, StrayText, split};

/// How a file is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Nothing but blanks.
    Empty,
    /// Text with at least one PEM block, readable or not.
    Pem,
    /// One binary structure.
    Der,
    /// Neither.
    Unrecognised,
}

/// What one block holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Material {
    /// An X.509 certificate.
    Certificate(Box<CertificateFacts>),
    /// A private key.
    PrivateKey(PrivateKeyFacts),
    /// A public key.
    PublicKey(PublicKeyFacts),
    /// A certificate signing request.
    Request(Box<RequestFacts>),
    /// A certificate revocation list.
    Crl(Box<CrlFacts>),
    /// Parameters such as `EC PARAMETERS`, which openssl writes before a key. They mean nothing
    /// by themselves.
    Parameters,
}

impl Material {
    /// The kind with its article: `a certificate`.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Certificate(_) => "a certificate",
            Self::PrivateKey(_) => "a private key",
            Self::PublicKey(_) => "a public key",
            Self::Request(_) => "a certificate signing request",
            Self::Crl(_) => "a certificate revocation list",
            Self::Parameters => "key parameters",
        }
    }
}

/// One block, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Where it stands.
    pub place: Place,
    /// The words after `BEGIN`; absent in DER files.
    pub label: Option<String>,
    /// What it holds.
    #[serde(flatten)]
    pub material: Material,
}

/// A file's contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// How the file is written down.
    pub format: Format,
    /// Its blocks in order, readable or not.
    pub items: Vec<Result<Item, InspectError>>,
    /// Text around the blocks.
    pub stray: Vec<StrayText>,
}

/// Why a file, or a block in it, is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// There is nothing in it.
    #[error("the file is empty: expected a PEM block, such as -----BEGIN CERTIFICATE-----")]
    Empty,
    /// It is neither PEM nor DER.
    #[error("byte 0: found {found}, expected PEM text or DER bytes")]
    Unrecognised {
        /// What it looks like.
        found: String,
    },
    /// A PEM block cannot be decoded.
    #[error(transparent)]
    Damaged(#[from] DamagedBlock),
    /// A block's contents are not what its label says.
    #[error("{place}: the label says {label:?}, but the contents are {found}")]
    Mislabelled {
        /// Where it stands.
        place: Place,
        /// The words after `BEGIN`.
        label: String,
        /// What it holds instead.
        found: String,
    },
    /// A block is of a kind that is not read here.
    #[error("{place}: found {found}, expected a certificate, key, signing request or CRL")]
    Unsupported {
        /// Where it stands.
        place: Place,
        /// What it is.
        found: String,
    },
    /// A structure is broken.
    #[error("{place}: {noun} cannot be read: {fault}")]
    Malformed {
        /// Where it stands.
        place: Place,
        /// The kind with its article.
        noun: String,
        /// What is wrong with it.
        fault: DerFault,
    },
    /// A private key is broken. Nothing more is said about it.
    #[error("{place}: {noun} cannot be read: its fields are broken or contradict each other")]
    BrokenKey {
        /// Where it stands.
        place: Place,
        /// The kind with its article.
        noun: String,
    },
    /// The file is sound but does not hold what was asked for.
    #[error("found {found}, expected {expected}")]
    WrongKind {
        /// What is there.
        found: String,
        /// What was asked for.
        expected: &'static str,
    },
}

/// Reads a file's bytes. Any bytes are accepted; what is wrong with them is in the result.
pub fn read(bytes: &[u8]) -> Contents {
    let text = split(bytes);
    if !text.blocks.is_empty() {
        let read = |block: Result<PemBlock, _>| pem_item(&block?);
        return Contents {
            format: Format::Pem,
            items: text.blocks.into_iter().map(read).collect(),
            stray: text.stray,
        };
    }
    if bytes.trim_ascii().is_empty() {
        return Contents::broken(Format::Empty, InspectError::Empty);
    }
    let place = Place {
        block: 1,
        line: None,
        byte: 0,
    };
    match shape::recognise(bytes) {
        Some(shape) => Contents {
            format: Format::Der,
            items: vec![material(shape, bytes, place).map(|material| Item {
                place,
                label: None,
                material,
            })],
            stray: Vec::new(),
        },
        None => Contents::broken(
            Format::Unrecognised,
            InspectError::Unrecognised {
                found: looks_like(bytes),
            },
        ),
    }
}

impl Contents {
    fn broken(format: Format, error: InspectError) -> Self {
        Self {
            format,
            items: vec![Err(error)],
            stray: Vec::new(),
        }
    }

    /// The blocks that could be read.
    pub fn readable(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter_map(|item| item.as_ref().ok())
    }

    /// The certificates among them, in order.
    pub fn certificates(&self) -> impl Iterator<Item = &CertificateFacts> {
        self.readable().filter_map(|item| match &item.material {
            Material::Certificate(facts) => Some(&**facts),
            _ => None,
        })
    }

    /// The private keys among them, in order.
    pub fn private_keys(&self) -> impl Iterator<Item = &PrivateKeyFacts> {
        self.readable().filter_map(|item| match &item.material {
            Material::PrivateKey(facts) => Some(facts),
            _ => None,
        })
    }

    /// The revocation lists among them, in order.
    pub fn crls(&self) -> impl Iterator<Item = &CrlFacts> {
        self.readable().filter_map(|item| match &item.material {
            Material::Crl(facts) => Some(&**facts),
            _ => None,
        })
    }

    /// What the file holds, in words: `a private key and a certificate`.
    pub fn nouns(&self) -> String {
        let nouns: Vec<&str> = self.readable().map(|item| item.material.noun()).collect();
        match nouns.as_slice() {
            [] => "nothing readable".to_owned(),
            [nouns @ .., last] if !nouns.is_empty() => format!("{} and {last}", nouns.join(", ")),
            _ => nouns.concat(),
        }
    }
}

/// Reads a file that must hold nothing but certificates, at least one: a trust bundle or a chain.
pub fn certificates(bytes: &[u8]) -> Result<Vec<CertificateFacts>, InspectError> {
    let contents = read(bytes);
    if let Some(Err(error)) = contents.items.iter().find(|item| item.is_err()) {
        return Err(error.clone());
    }
    let found: Vec<_> = contents.certificates().cloned().collect();
    if found.is_empty() || found.len() != contents.items.len() {
        return Err(InspectError::WrongKind {
            found: contents.nouns(),
            expected: "certificates and nothing else",
        });
    }
    Ok(found)
}

/// Reads the first certificate of a file, which is the one that a TLS server or client presents.
pub fn first_certificate(bytes: &[u8]) -> Result<CertificateFacts, InspectError> {
    let contents = read(bytes);
    if let Some(found) = contents.certificates().next() {
        return Ok(found.clone());
    }
    let found = contents.nouns();
    let broken = contents.items.into_iter().find_map(Result::err);
    Err(broken.unwrap_or(InspectError::WrongKind {
        found,
        expected: "a certificate",
    }))
}

fn pem_item(block: &PemBlock) -> Result<Item, InspectError> {
    let place = block.place;
    let item = |material| Item {
        place,
        label: Some(block.label.clone()),
        material,
    };
    let label = block.label.as_str();
    if label.ends_with("PARAMETERS") {
        return Ok(item(Material::Parameters));
    }
    let is_key = label.ends_with("PRIVATE KEY");
    if is_key && is_traditional(block) {
        let facts = PrivateKeyFacts::opaque(KeyEncoding::EncryptedPem);
        return Ok(item(Material::PrivateKey(facts)));
    }
    if label == "OPENSSH PRIVATE KEY" {
        let facts = PrivateKeyFacts::opaque(KeyEncoding::Other);
        return Ok(item(Material::PrivateKey(facts)));
    }
    let recognised = shape::recognise(&block.contents);
    let fits = |shape: Shape| match label {
        "CERTIFICATE" | "X509 CERTIFICATE" => shape == Shape::Certificate,
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => shape == Shape::Request,
        "X509 CRL" => shape == Shape::Crl,
        "PUBLIC KEY" => shape == Shape::PublicKey,
        "RSA PUBLIC KEY" => shape == Shape::RsaPublicKey,
        _ => is_key && shape.is_private_key(),
    };
    match recognised {
        Some(shape) if fits(shape) => material(shape, &block.contents, place).map(item),
        Some(shape) => Err(InspectError::Mislabelled {
            place,
            label: label.to_owned(),
            found: shape.to_string(),
        }),
        None => Err(unrecognised_block(block, is_key)),
    }
}

/// A block whose outline fits no structure: damaged, or of a kind that has no business here.
fn unrecognised_block(block: &PemBlock, is_key: bool) -> InspectError {
    let place = block.place;
    let noun = match block.label.as_str() {
        "CERTIFICATE" | "X509 CERTIFICATE" => Shape::Certificate.to_string(),
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Shape::Request.to_string(),
        "X509 CRL" => Shape::Crl.to_string(),
        label if is_key => {
            let noun = format!("the {label}");
            return InspectError::BrokenKey { place, noun };
        }
        label => {
            let found = format!("a block labelled {label:?}");
            return InspectError::Unsupported { place, found };
        }
    };
    let fault = der::check_length(&block.contents).err();
    let fault = fault.unwrap_or_else(|| DerFault::Fields {
        reason: "its outline is another structure's".to_owned(),
    });
    InspectError::Malformed { place, noun, fault }
}

/// Describes a structure of a known outline.
fn material(shape: Shape, bytes: &[u8], place: Place) -> Result<Material, InspectError> {
    let noun = shape.to_string();
    let malformed = |fault| InspectError::Malformed {
        place,
        noun: noun.clone(),
        fault,
    };
    match shape {
        Shape::Certificate => CertificateFacts::from_der(bytes)
            .map(|facts| Material::Certificate(Box::new(facts)))
            .map_err(malformed),
        Shape::Request => RequestFacts::from_der(bytes)
            .map(|facts| Material::Request(Box::new(facts)))
            .map_err(malformed),
        Shape::Crl => CrlFacts::from_der(bytes)
            .map(|facts| Material::Crl(Box::new(facts)))
            .map_err(malformed),
        Shape::PublicKey | Shape::RsaPublicKey => PublicKeyFacts::from_der(shape, bytes)
            .map(Material::PublicKey)
            .map_err(malformed),
        Shape::Pkcs12 => Err(InspectError::Unsupported { place, found: noun }),
        _ => {
            der::check_length(bytes).map_err(malformed)?;
            PrivateKeyFacts::read(shape, bytes)
                .map(Material::PrivateKey)
                .ok_or(InspectError::BrokenKey { place, noun })
        }
    }
}

/// Names what a file seems to be, without showing any of it: it may be a secret.
fn looks_like(bytes: &[u8]) -> String {
    let size = format!("{} bytes", bytes.len());
    let Ok(text) = std::str::from_utf8(bytes) else {
        let kind = match der::check_length(bytes) {
            Err(DerFault::CutOff { expected, .. }) => {
                return format!("DER that is cut off: {size} of {expected}");
            }
            Err(DerFault::Trailing { .. }) | Ok(()) => "a DER structure of an unknown kind",
            Err(_) => "binary data",
        };
        return format!("{kind} ({size})");
    };
    let text = text.trim();
    let is_base64 =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '\n' | '\r');
    if text.starts_with('{') && text.contains("\"cert\"") {
        format!("the JSON of cfssl ({size}): cfssljson -bare NAME makes PEM files of it")
    } else if text.starts_with("MII") && text.chars().all(is_base64) {
        format!("base64 without its BEGIN and END lines ({size})")
    } else {
        format!("text without a PEM block ({size})")
    }
}
