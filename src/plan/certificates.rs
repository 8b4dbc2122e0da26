//! Certificates to be made, as steps name them.
//!
//! What a person reads and a receipt keeps are plain texts; the typed order that issuing needs rides
//! along and is not saved: a receipt is never applied again, it is replanned.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::KeyAlgorithm;
use crate::pki::{
    CaRequest, LeafRequest, Profile, Revocation, RevocationList, SignOverrides, SigningRequest,
};

use super::action::FileExpectation;

/// A certificate pair to be, and where it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeafIssue {
    /// The node the files are written on.
    pub on: String,
    /// The node it is for.
    pub node: String,
    /// What it is for: `server`, `peer`, …
    pub kind: String,
    /// Where the certificate goes, mode 0644.
    pub cert_path: PathBuf,
    /// Where the private key goes, mode 0600.
    pub key_path: PathBuf,
    /// True where an existing pair is replaced.
    pub replace: bool,
    /// The subject, RFC 4514.
    pub subject: String,
    /// The names and addresses it is valid for.
    pub names: Vec<String>,
    /// The signing profile.
    pub profile: String,
    /// The key's algorithm.
    pub key_algorithm: KeyAlgorithm,
    /// What issuing needs.
    #[serde(skip)]
    pub order: Order<LeafOrder>,
}

/// A CA to be, and where it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaIssue {
    /// Where the certificate goes, mode 0644.
    pub cert_path: PathBuf,
    /// Where the private key goes, mode 0600.
    pub key_path: PathBuf,
    /// The subject, RFC 4514.
    pub subject: String,
    /// Its lifetime, such as `87600h`.
    pub lifetime: String,
    /// The key's algorithm.
    pub key_algorithm: KeyAlgorithm,
    /// What issuing needs.
    #[serde(skip)]
    pub order: Order<CaRequest>,
}

/// A signing request to be, with its key where there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestIssue {
    /// The node the files are written on.
    pub on: String,
    /// The node it is for.
    pub node: String,
    /// What it is for: `server`, `peer`, …
    pub kind: String,
    /// Where the request goes, mode 0644.
    pub request_path: PathBuf,
    /// Where the private key is or goes, mode 0600.
    pub key_path: PathBuf,
    /// Where the certificate will be.
    pub cert_path: PathBuf,
    /// True where the key is there and is used.
    pub key_is_there: bool,
    /// True where a request that is there is replaced.
    pub replace: bool,
    /// The subject, RFC 4514.
    pub subject: String,
    /// The names and addresses it asks for.
    pub names: Vec<String>,
    /// A new key's algorithm.
    pub key_algorithm: KeyAlgorithm,
    /// What making it needs.
    #[serde(skip)]
    pub order: Order<LeafRequest>,
}

/// A signing request to be signed, and where its certificate goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestSign {
    /// The request, as the operator named it.
    pub request_path: PathBuf,
    /// Where the certificate goes, mode 0644.
    pub cert_path: PathBuf,
    /// True where an existing certificate is replaced.
    pub replace: bool,
    /// The signing profile.
    pub profile: String,
    /// The subject, RFC 4514.
    pub subject: String,
    /// The names and addresses it will be valid for.
    pub names: Vec<String>,
    /// What signing needs.
    #[serde(skip)]
    pub order: Order<SignOrder>,
}

/// A request and the rules it is signed by.
#[derive(Debug)]
pub struct SignOrder {
    /// The signing profile.
    pub profile: Profile,
    /// The request.
    pub request: SigningRequest,
    /// What is used instead of what it says.
    pub overrides: SignOverrides,
}

/// A revocation list to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CrlWrite {
    /// The list, DER, mode 0644.
    pub path: PathBuf,
    /// What must be there now.
    pub expect: FileExpectation,
    /// The new list's number, decimal.
    pub number: String,
    /// Serial numbers that it adds, hex.
    pub serials: Vec<String>,
    /// Why they are revoked, where that is told.
    pub reason: Option<String>,
    /// How long it counts as fresh, such as `8760h`.
    pub lifetime: String,
    /// What making it needs.
    #[serde(skip)]
    pub order: Order<CrlOrder>,
}

/// The list before, and what is added to it.
#[derive(Debug)]
pub struct CrlOrder {
    /// The list before, where there is one.
    pub before: Option<RevocationList>,
    /// What is added.
    pub revoked: Vec<Revocation>,
    /// How long the new list counts as fresh.
    pub lifetime: jiff::SignedDuration,
}

/// Where the CA's certificate is put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaTarget {
    /// The node.
    pub on: String,
    /// The file.
    pub path: PathBuf,
}

/// A leaf's profile and request.
#[derive(Debug)]
pub struct LeafOrder {
    /// The signing profile.
    pub profile: Profile,
    /// Subject and names.
    pub request: LeafRequest,
}

/// A value that rides along with a step without being part of what is printed, saved or compared.
#[derive(Debug)]
pub struct Order<T>(Option<Arc<T>>);

impl<T> Order<T> {
    /// Takes the value along.
    pub fn new(value: T) -> Self {
        Self(Some(Arc::new(value)))
    }

    /// The value; none in a plan that was read from a receipt.
    pub fn get(&self) -> Option<&T> {
        self.0.as_deref()
    }
}

impl<T> Clone for Order<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> PartialEq for Order<T> {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}
