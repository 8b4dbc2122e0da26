//! What does this certificate signing request ask for?
//!
//! Invariant: what is asked for is shown whether or not the request's signature holds; whether it
//! does is a fact of its own. PKCS#10 as in RFC 2986.

use serde::Serialize;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::cri_attributes::ParsedCriAttribute;
use x509_parser::prelude::FromDer;

use super::der::{self, DerFault};
use super::extensions::ExtensionFacts;
use super::name::NameFacts;
use super::public_key::PublicKeyFacts;
use super::signature::{SignatureFacts, SignatureFault};

/// A certificate signing request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestFacts {
    /// Whom the certificate is to certify.
    pub subject: NameFacts,
    /// The key to certify.
    pub public_key: PublicKeyFacts,
    /// How the request was signed.
    pub signature: SignatureFacts,
    /// The extensions asked for.
    #[serde(flatten)]
    pub extensions: ExtensionFacts,
    /// The request, byte for byte.
    #[serde(skip)]
    pub der: Vec<u8>,
}

impl RequestFacts {
    /// Describes a DER request; nothing may follow it.
    pub fn from_der(bytes: &[u8]) -> Result<Self, DerFault> {
        der::check_length(bytes)?;
        let (_, parsed) =
            X509CertificationRequest::from_der(bytes).map_err(|e| der::unreadable(&e))?;
        let info = &parsed.certification_request_info;
        der::check_length(info.raw)?;
        let asked = info.iter_attributes().find_map(|attribute| {
            let ParsedCriAttribute::ExtensionRequest(asked) = attribute.parsed_attribute() else {
                return None;
            };
            Some(&asked.extensions)
        });
        let extensions = asked.map_or(Ok(ExtensionFacts::default()), |asked| {
            ExtensionFacts::read(asked)
        })?;
        Ok(Self {
            subject: NameFacts::read(&info.subject)?,
            public_key: PublicKeyFacts::read(&info.subject_pki),
            signature: SignatureFacts::new(
                &parsed.signature_algorithm,
                &parsed.signature_value.data,
                info.raw,
            ),
            extensions,
            der: bytes.to_vec(),
        })
    }

    /// Verifies that whoever made the request holds its private key.
    pub fn verify(&self) -> Result<(), SignatureFault> {
        self.signature.verify(&self.public_key)
    }
}
