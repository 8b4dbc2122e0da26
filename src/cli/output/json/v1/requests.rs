//! `etcdha certs csr`, `etcdha certs sign` and `etcdha certs revoke`.

use serde::Serialize;

/// Signing requests and what became of them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequestList {
    /// Every request asked for.
    pub requests: Vec<MadeRequest>,
}

/// A signing request of a node.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MadeRequest {
    /// The node.
    pub node: String,
    /// `server`, `peer`, `healthcheck-client` or `apiserver-etcd-client`.
    pub kind: &'static str,
    /// The request's file.
    pub path: String,
    /// Its private key's file.
    pub key_path: String,
    /// `made`, `waiting` (it was there), or `certified` (there is a certificate already).
    pub result: &'static str,
    /// Whether the key was made now.
    pub new_key: bool,
    /// The subject it asks for.
    pub subject: String,
    /// The names and addresses it asks for.
    pub names: Vec<String>,
    /// What is wrong with the certificate that is there.
    pub wrong: Vec<String>,
}

/// Certificates of signing requests.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateSigning {
    /// The CA that signs, by its subject.
    pub ca: String,
    /// Every request that was given.
    pub certificates: Vec<SignedRequest>,
    /// What is otherwise than it was asked for.
    pub notes: Vec<String>,
}

/// A signing request and its certificate.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedRequest {
    /// The request's file.
    pub request: String,
    /// The certificate's file.
    pub path: String,
    /// `signed`, `replaced` or `kept`.
    pub result: &'static str,
    /// Its serial number, hex.
    pub serial: Option<String>,
    /// Its subject.
    pub subject: Option<String>,
    /// Its end, RFC 3339.
    pub not_after: Option<String>,
    /// The names and addresses it is valid for.
    pub names: Vec<String>,
    /// What is wrong with a certificate that was kept.
    pub wrong: Vec<String>,
}

/// A revocation list after a change.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRevocation {
    /// The list's file, DER.
    pub path: String,
    /// Its number, decimal; absent where there is no list.
    pub number: Option<String>,
    /// When the next one is due, RFC 3339.
    pub next_update: Option<String>,
    /// How many certificates it revokes in all.
    pub entries: usize,
    /// Every certificate that was named.
    pub certificates: Vec<RevokedCertificate>,
    /// What to know about it.
    pub notes: Vec<String>,
}

/// A certificate that was to be revoked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokedCertificate {
    /// Its serial number, hex.
    pub serial: String,
    /// Its file; absent for a bare serial number.
    pub path: Option<String>,
    /// Its subject; absent for a bare serial number.
    pub subject: Option<String>,
    /// `revoked`, or `listed` where it was before.
    pub result: &'static str,
}
