//! How do certificates, keys and revocation lists stand to each other?
//!
//! Invariant: a certificate counts as signed by a CA only when name, key identifiers and signature
//! all agree; the answer otherwise says which of them does not.

use super::HexBytes;
use super::certificate::CertificateFacts;
use super::crl::CrlFacts;
use super::private_key::PrivateKeyFacts;
use super::signature::SignatureFault;

/// Why a certificate or revocation list does not come from a CA.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The issuer's name is not the CA's.
    #[error("its issuer is {issuer:?}, the CA is {ca:?}")]
    OtherName {
        /// The issuer named in the certificate.
        issuer: String,
        /// The CA's subject.
        ca: String,
    },
    /// The CA has the right name but another key.
    #[error("the CA has the name of its issuer but another key: {detail}")]
    OtherKey {
        /// How that shows: key identifiers, or the signature alone.
        detail: String,
    },
    /// The CA signed it, but the key identifiers differ; OpenSSL refuses that, Go does not.
    #[error("the CA signed it, but its authority key id is {authority}, the CA's key id {subject}")]
    OtherKeyId {
        /// The authority key identifier in the certificate.
        authority: HexBytes,
        /// The CA's subject key identifier.
        subject: HexBytes,
    },
    /// The signature cannot be checked here.
    #[error("{reason}")]
    Unverifiable {
        /// The combination of algorithms.
        reason: String,
    },
}

/// Tells whether `ca` signed `leaf`. Whether `ca` may sign is another question.
pub fn signed_by(leaf: &CertificateFacts, ca: &CertificateFacts) -> Result<(), Why> {
    issued_by(
        (&leaf.issuer.der, &leaf.issuer.text),
        leaf.extensions.authority_key_id.as_ref(),
        || leaf.signature.verify(&ca.public_key),
        ca,
    )
}

/// Tells whether `ca` signed `crl`.
pub fn crl_signed_by(crl: &CrlFacts, ca: &CertificateFacts) -> Result<(), Why> {
    issued_by(
        (&crl.issuer.der, &crl.issuer.text),
        crl.authority_key_id.as_ref(),
        || crl.signature.verify(&ca.public_key),
        ca,
    )
}

fn issued_by(
    (issuer_der, issuer): (&[u8], &str),
    authority: Option<&HexBytes>,
    signature: impl FnOnce() -> Result<(), SignatureFault>,
    ca: &CertificateFacts,
) -> Result<(), Why> {
    if issuer_der != ca.subject.der {
        return Err(Why::OtherName {
            issuer: issuer.to_owned(),
            ca: ca.subject.text.clone(),
        });
    }
    let differing = differing_ids(authority, ca);
    match (signature(), differing) {
        (Ok(()), None) => Ok(()),
        (Ok(()), Some((authority, subject))) => Err(other_id(authority, subject)),
        (Err(SignatureFault::Invalid), Some((authority, subject))) => Err(Why::OtherKey {
            detail: format!("key id {authority} expected, found {subject}"),
        }),
        (Err(SignatureFault::Invalid), None) => Err(Why::OtherKey {
            detail: "the signature does not verify".to_owned(),
        }),
        (Err(fault @ SignatureFault::Unsupported { .. }), _) => Err(Why::Unverifiable {
            reason: fault.to_string(),
        }),
    }
}

/// Tells where a CA's key identifier is not the one that the certificate names, whoever signed it.
pub fn other_key_id(leaf: &CertificateFacts, ca: &CertificateFacts) -> Option<Why> {
    differing_ids(leaf.extensions.authority_key_id.as_ref(), ca)
        .map(|(authority, subject)| other_id(authority, subject))
}

fn differing_ids<'a>(
    authority: Option<&'a HexBytes>,
    ca: &'a CertificateFacts,
) -> Option<(&'a HexBytes, &'a HexBytes)> {
    authority
        .zip(ca.extensions.subject_key_id.as_ref())
        .filter(|(authority, subject)| authority != subject)
}

fn other_id(authority: &HexBytes, subject: &HexBytes) -> Why {
    Why::OtherKeyId {
        authority: authority.clone(),
        subject: subject.clone(),
    }
}

/// Tells whether a private key belongs to a certificate; `None` where that cannot be told because
/// the key is encrypted or of an unknown kind.
pub fn key_matches(certificate: &CertificateFacts, key: &PrivateKeyFacts) -> Option<bool> {
    let public = key
        .public_key
        .as_ref()
        .filter(|public| !public.key.is_empty())?;
    Some(public.same_key(&certificate.public_key))
}

/// Longest chain that is followed; deeper ones do not occur and would only cost time.
const MAX_DEPTH: usize = 8;

/// Finds the CAs from `leaf`'s issuer up to one of the trusted ones, which comes last. The answer
/// is empty where `leaf` itself is trusted. The error is that of the trusted CA that came nearest.
pub fn chain_to<'a>(
    leaf: &CertificateFacts,
    intermediates: &'a [CertificateFacts],
    trusted: &'a [CertificateFacts],
) -> Result<Vec<&'a CertificateFacts>, Vec<Why>> {
    let mut chain: Vec<&CertificateFacts> = Vec::new();
    while chain.len() < MAX_DEPTH {
        let last = chain.last().copied().unwrap_or(leaf);
        if trusted.iter().any(|ca| ca.der == last.der) {
            return Ok(chain);
        }
        // A wrong key identifier alone does not keep Go from accepting the signature.
        let signs = |ca: &&CertificateFacts| {
            matches!(signed_by(last, ca), Ok(()) | Err(Why::OtherKeyId { .. }))
        };
        let unused = |ca: &&CertificateFacts| !chain.iter().any(|used| used.der == ca.der);
        let next = trusted.iter().find(signs);
        let next = next.or_else(|| intermediates.iter().filter(unused).find(signs));
        let Some(next) = next else {
            return Err(reasons(last, trusted));
        };
        chain.push(next);
    }
    Err(reasons(leaf, trusted))
}

fn reasons(last: &CertificateFacts, trusted: &[CertificateFacts]) -> Vec<Why> {
    trusted
        .iter()
        .filter_map(|ca| signed_by(last, ca).err())
        .collect()
}
