//! Facts about certificates, private keys, signing requests and revocation lists, read from PEM or
//! DER bytes, and how they stand to each other.

mod certificate;
mod constraints;
mod crl;
mod der;
mod extensions;
mod hex;
mod host;
mod name;
mod private_key;
mod public_key;
mod read;
mod relation;
mod request;
mod serial;
mod shape;
mod signature;

#[cfg(test)]
mod tests;

pub use crate::pki::pem::{DamagedBlock, PemFault, Place, StrayText};
pub use certificate::{CertificateFacts, Lifetime};
pub use constraints::{NameConstraints, Subtree, broken_constraint};
pub use crl::{CrlFacts, Revocation};
pub use der::DerFault;
pub use extensions::{
    ANY_USAGE, AlternativeNames, BasicConstraints, CERT_SIGN, CLIENT_AUTH, CRL_SIGN,
    DIGITAL_SIGNATURE, ExtensionFacts, ExtensionFault, SERVER_AUTH,
};
pub use hex::HexBytes;
pub use host::covers;
pub use name::NameFacts;
pub use private_key::{KeyEncoding, PrivateKeyFacts};
pub use public_key::{Curve, KeyFamily, PublicKeyFacts};
pub use read::{
    Contents, Format, InspectError, Item, Material, certificates, first_certificate, read,
};
pub use relation::{Why, chain_to, crl_signed_by, key_matches, other_key_id, signed_by};
pub use request::RequestFacts;
pub use serial::SerialNumber;
pub use signature::{Hash, SignatureAlgorithm, SignatureFacts, SignatureFault};
