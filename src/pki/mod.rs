//! Certificates: what is asked for in templates, how it is issued, under which names it is filed,
//! how it is described and judged.
//!
//! Everything here takes and returns values: no file, clock or environment is touched, and the
//! caller passes `now` in.

mod authority;
mod certificate;
pub mod check;
mod crl;
mod csr;
mod csr_sign;
mod csr_template;
mod der;
mod encrypted_pem;
pub mod inspect;
mod issue;
mod key;
mod kind;
mod layout;
mod lifetime;
mod names;
mod pem;
mod profile;
mod profile_fields;
mod public_key;
mod san;
mod serial;
mod signed;
mod signing_config;
mod template;
mod template_fields;
mod template_json;
mod templates;
mod usage;

pub use authority::{AuthorityError, CertificateAuthority};
pub use crl::{
    CrlError, Revocation, RevocationList, RevocationReason, RevocationReasonError, revoke,
};
pub use csr::{CsrError, SigningRequest};
pub use csr_sign::{SignOverrides, sign_request};
pub use csr_template::{CaSection, CsrTemplate, TemplateUse};
pub use der::DerError;
pub use issue::{
    CaRequest, IssueError, IssueNote, Issued, LeafRequest, check_issuer, check_leaf, issue_ca,
    issue_leaf,
};
pub use key::{KeyError, PrivateKey};
pub use kind::CertificateKind;
pub use layout::{
    PairPaths, ca_of_request, ca_paths, kind_of_request, kinds_for, leaf_paths, leaf_paths_of,
    pairs_of_request, request_path,
};
pub use lifetime::{ParsedLifetime, format_lifetime, parse_lifetime};
pub use names::{Name, NameAttribute, NameError, Subject, SubjectEntry};
pub use pem::{
    DamagedBlock, PemBlock, PemError, PemFault, Place, StrayText, pem_blocks, pem_encode,
};
pub use profile::{CaConstraint, CsrWhitelist, Profile};
pub use public_key::{KeyKind, PublicKey, PublicKeyError, SignatureScheme};
pub use san::{San, SanError, distinct_sans};
pub use serial::{Serial, SerialError};
pub use signing_config::{ProfileError, SigningConfig};
pub use template::{Parsed, Strictness, TemplateFinding, TemplateProblem};
pub use templates::{TemplateDefaults, TemplateSet};
pub use usage::{ExtendedUsage, KeyUsage, UsageError, Usages};
