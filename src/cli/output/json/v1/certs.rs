//! `etcdha certs show` and `etcdha certs check`.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

/// What files hold, or a server presents.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateList {
    /// The server; absent for files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<TlsServer>,
    /// Every block, in order.
    pub items: Vec<CertificateItem>,
    /// What cannot be read.
    pub unreadable: Vec<UnreadableItem>,
}

/// A TLS server.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsServer {
    /// `HOST:PORT`.
    pub endpoint: String,
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: Option<String>,
    /// True where it wants a client certificate.
    pub asks_for_certificate: bool,
    /// The authorities whose client certificates it accepts, where it says so.
    pub accepted_authorities: Vec<String>,
    /// Why it ended the handshake, where it did.
    pub refusal: Option<String>,
    /// True where its certificate is good for the host that was dialled.
    pub covers_host: bool,
}

/// A file or block that cannot be read.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnreadableItem {
    /// The file or server.
    pub source: String,
    /// Why.
    pub reason: String,
}

/// A block. Exactly one of the last five fields is there, named by `kind`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateItem {
    /// The file or server.
    pub source: String,
    /// Its number there, from 1.
    pub block: usize,
    /// The line it starts at; absent outside of PEM files.
    pub line: Option<usize>,
    /// `certificate`, `private-key`, `public-key`, `request` or `crl`.
    pub kind: &'static str,
    /// A certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    /// A private key: its kind, never its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key: Option<PrivateKey>,
    /// A public key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<PublicKey>,
    /// A certificate signing request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<CertificateRequest>,
    /// A revocation list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crl: Option<RevocationList>,
}

/// A certificate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// RFC 4514.
    pub subject: String,
    /// RFC 4514.
    pub issuer: String,
    /// Hex.
    pub serial: String,
    /// Decimal.
    pub serial_decimal: String,
    /// First instant of validity.
    pub not_before: Timestamp,
    /// Last instant of validity.
    pub not_after: Timestamp,
    /// Whole days until then; negative once it has passed.
    pub days_left: i64,
    /// True where it is signed with its own key.
    pub self_signed: bool,
    /// The key.
    pub public_key: PublicKey,
    /// Such as `ECDSA with SHA-256`.
    pub signature_algorithm: String,
    /// SHA-256 of the certificate, hex.
    pub sha256: String,
    /// Names and usages.
    #[serde(flatten)]
    pub extensions: Extensions,
}

/// What the extensions of a certificate or request say.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Extensions {
    /// Subject alternative names.
    pub names: Names,
    /// Key usages in cfssl's words; null where the extension is absent.
    pub key_usage: Option<Vec<String>>,
    /// Extended key usages in cfssl's words; null where the extension is absent.
    pub extended_key_usage: Option<Vec<String>>,
    /// True for a CA.
    pub ca: bool,
    /// Intermediate CAs allowed below it; null for no limit.
    pub path_len: Option<u32>,
    /// Hex.
    pub subject_key_id: Option<String>,
    /// Hex.
    pub authority_key_id: Option<String>,
    /// Name constraints of a CA: subtrees allowed below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permitted_names: Vec<String>,
    /// Subtrees barred below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_names: Vec<String>,
    /// OIDs of critical extensions that etcd does not know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_critical: Vec<String>,
}

/// Subject alternative names by kind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Names {
    /// DNS names.
    pub dns: Vec<String>,
    /// Addresses.
    pub ip: Vec<IpAddr>,
    /// Mailboxes.
    pub email: Vec<String>,
    /// URIs.
    pub uri: Vec<String>,
    /// Anything else.
    pub other: Vec<String>,
}

/// A public key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicKey {
    /// Such as `RSA`, `ECDSA P-256`, `Ed25519`.
    pub algorithm: String,
    /// Size.
    pub bits: Option<usize>,
}

/// A private key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateKey {
    /// `PKCS#8`, `PKCS#1`, `SEC1`, …
    pub encoding: String,
    /// True where it needs a passphrase.
    pub encrypted: bool,
    /// Its public half; null where that cannot be told without the passphrase.
    pub public_key: Option<PublicKey>,
}

/// A certificate signing request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequest {
    /// RFC 4514.
    pub subject: String,
    /// The key.
    pub public_key: PublicKey,
    /// Such as `ECDSA with SHA-256`.
    pub signature_algorithm: String,
    /// True where the request was signed with its own key.
    pub signature_valid: bool,
    /// Names and usages asked for.
    #[serde(flatten)]
    pub extensions: Extensions,
}

/// A revocation list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevocationList {
    /// RFC 4514.
    pub issuer: String,
    /// Its number, decimal.
    pub number: Option<String>,
    /// When it was made.
    pub this_update: Timestamp,
    /// When the next one is due.
    pub next_update: Option<Timestamp>,
    /// Such as `ECDSA with SHA-256`.
    pub signature_algorithm: String,
    /// What it revokes.
    pub revoked: Vec<Revoked>,
}

/// A revoked certificate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Revoked {
    /// Serial number, hex.
    pub serial: String,
    /// Since when.
    pub revoked_at: Timestamp,
    /// Why, where the list says so.
    pub reason: Option<String>,
}

/// The outcome of a check.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateCheck {
    /// True without any finding.
    pub healthy: bool,
    /// Findings that fail or are unsafe today.
    pub errors: usize,
    /// Findings that will, or are not as they should be.
    pub warnings: usize,
    /// The directories that were checked.
    pub trees: Vec<CheckedTree>,
    /// What is wrong.
    pub findings: Vec<CertificateFinding>,
}

/// A directory that was checked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckedTree {
    /// The node, where it is one's.
    pub node: Option<String>,
    /// The directory.
    pub path: String,
    /// Files in it.
    pub files: usize,
    /// Certificates in those.
    pub certificates: usize,
    /// Days until the first of them ends.
    pub first_to_end_days: Option<i64>,
}

/// A broken rule.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateFinding {
    /// The rule's id, such as `P060`; it never changes its meaning.
    pub rule: &'static str,
    /// The rule's name.
    pub name: &'static str,
    /// `error` or `warning`.
    pub severity: &'static str,
    /// The node.
    pub node: Option<String>,
    /// The file.
    pub path: String,
    /// The line in it, where one stands out.
    pub line: Option<usize>,
    /// What was found and expected.
    pub message: String,
    /// What to do.
    pub fix: String,
}

/// `etcdha certs gen` and `etcdha certs renew`: what is there now.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateIssue {
    /// The CA.
    pub ca: Option<IssuedCa>,
    /// Every certificate asked for.
    pub certificates: Vec<IssuedCertificate>,
    /// What is otherwise than it was asked for.
    pub notes: Vec<String>,
}

/// A CA that signs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuedCa {
    /// Its certificate's file.
    pub path: String,
    /// `made` or `adopted`.
    pub result: &'static str,
    /// Its subject.
    pub subject: String,
    /// Its end, RFC 3339.
    pub not_after: String,
}

/// A certificate and what became of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuedCertificate {
    /// The node.
    pub node: String,
    /// The file, below the node's certificate directory.
    pub path: String,
    /// `kept`, `issued` or `renewed`.
    pub result: &'static str,
    /// Its end, RFC 3339.
    pub not_after: Option<String>,
    /// The names and addresses it is valid for.
    pub names: Vec<String>,
    /// What is wrong with it.
    pub wrong: Vec<String>,
}
