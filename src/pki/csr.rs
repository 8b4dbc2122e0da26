//! How is a signing request made and read?
//!
//! Invariant: a `SigningRequest` is signed by the key it is for, and it remembers a name that no
//! certificate from here can carry, so that it is never dropped in silence.

use std::net::IpAddr;

use rcgen::{CertificateParams, DistinguishedName};

use super::certificate::san_type;
use super::der::{self, DerError, Tlv};
use super::issue::IssueError;
use super::key::{KeyError, PrivateKey};
use super::names::{Name, NameError};
use super::pem::{PemError, pem_blocks, pem_encode};
use super::public_key::{PublicKey, PublicKeyError};
use super::san::{San, distinct_sans};
use super::signed::{Draft, Signed};

/// extensionRequest (RFC 2985 section 5.4.2).
const EXTENSION_REQUEST: &[u64] = &[1, 2, 840, 113549, 1, 9, 14];

pub(crate) const SUBJECT_KEY_ID: &[u64] = &[2, 5, 29, 14];
pub(crate) const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
pub(crate) const SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];
pub(crate) const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
pub(crate) const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];

/// Places in CertificationRequestInfo (RFC 2986 section 4.1).
const SUBJECT_FIELD: usize = 1;

/// Why a request can't be made, read or signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// The file is no PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// PEM without a request.
    #[error("no signing request in the file: found {found}; expected CERTIFICATE REQUEST")]
    NoRequest {
        /// Labels of the blocks that are there.
        found: String,
    },
    /// Bytes that are no request.
    #[error("malformed signing request: {0}")]
    Malformed(#[from] DerError),
    /// Its subject can't be read.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Its public key can't be used.
    #[error(transparent)]
    PublicKey(#[from] PublicKeyError),
    /// The private key can't sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its owner did not sign it, or not with an algorithm that still counts.
    #[error(
        "the signing request of {subject} is not signed by its own key: it was changed or cut, or \
         uses SHA-1; make it anew"
    )]
    Signature {
        /// Its subject.
        subject: String,
    },
    /// A name that a certificate from here can't carry.
    #[error("the signing request asks for {found}: {reason}; give the names to use instead")]
    San {
        /// The name.
        found: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An extension that is neither known nor to be copied.
    #[error(
        "the signing request of {subject} asks for extension {oid}, and profile {profile:?} {rule}"
    )]
    Extension {
        /// Subject of the request.
        subject: String,
        /// The extension's object identifier.
        oid: String,
        /// The profile.
        profile: String,
        /// The rule that keeps it out.
        rule: &'static str,
    },
    /// The request wants a CA certificate.
    #[error(
        "{subject} asks for a CA certificate, and profile {profile:?} issues none; if that is \
         meant, use a profile with ca_constraint.is_ca"
    )]
    WantsAuthority {
        /// Subject of the request.
        subject: String,
        /// The profile.
        profile: String,
    },
    /// The certificate can't be issued.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

/// A signing request (PKCS#10, RFC 2986) whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningRequest {
    der: Vec<u8>,
    subject: Name,
    public: PublicKey,
    sans: Vec<San>,
    /// The first name that can't be written, which only overrides make good.
    unwritable: Option<CsrError>,
    wants_authority: bool,
    extensions: Vec<Extension>,
}

/// An extension as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extension {
    pub(crate) oid: Vec<u64>,
    pub(crate) critical: bool,
    pub(crate) value: Vec<u8>,
}

impl SigningRequest {
    /// Makes a request and signs it.
    pub fn create(key: &PrivateKey, subject: &Name, sans: &[San]) -> Result<Self, CsrError> {
        let encoding = |error: rcgen::Error| {
            CsrError::Issue(IssueError::Encoding {
                reason: error.to_string(),
            })
        };
        let mut params = CertificateParams::default();
        let sans = distinct_sans(sans.iter().cloned());
        let types: Result<_, _> = sans.iter().map(san_type).collect();
        params.subject_alt_names = types.map_err(encoding)?;
        if subject.is_empty() {
            params.distinguished_name = DistinguishedName::new();
        }
        let draft = Draft::new(key);
        params.serialize_request(&draft).map_err(encoding)?;
        Self::from_der(&draft.sign(&[(SUBJECT_FIELD, subject.as_der())])?)
    }

    /// Reads the request of a file, PEM or DER.
    pub fn from_bytes(file: &[u8]) -> Result<Self, CsrError> {
        match file.first() {
            Some(&der::SEQUENCE) => Self::from_der(file),
            _ => Self::from_pem(file),
        }
    }

    /// Reads the request of a PEM file.
    pub fn from_pem(file: &[u8]) -> Result<Self, CsrError> {
        let blocks = pem_blocks(file)?;
        let request = blocks
            .iter()
            .find(|block| block.label.ends_with("CERTIFICATE REQUEST"));
        let Some(request) = request else {
            let labels: Vec<&str> = blocks.iter().map(|block| block.label.as_str()).collect();
            let found = labels.join(", ");
            return Err(CsrError::NoRequest { found });
        };
        Self::from_der(&request.contents)
    }

    /// Reads a request and verifies its signature.
    pub fn from_der(bytes: &[u8]) -> Result<Self, CsrError> {
        let signed = Signed::from_der(bytes)?;
        let mut fields = signed.to_be_signed.inner();
        fields.expect(der::INTEGER)?;
        let subject = Name::from_der(fields.expect(der::SEQUENCE)?.raw)?;
        let public = PublicKey::from_der(fields.expect(der::SEQUENCE)?.raw)?;
        // attributes [0] IMPLICIT SET; absent in requests of some old tools.
        let attributes = fields.optional(0xa0)?;
        fields.finish()?;
        if !signed.is_signed_by(&public) {
            return Err(CsrError::Signature {
                subject: subject.to_string(),
            });
        }
        let extensions = requested_extensions(attributes.as_ref())?;
        let find = |oid: &[u64]| extensions.iter().find(|extension| extension.oid == oid);
        let (sans, unwritable) = match find(SUBJECT_ALT_NAME) {
            Some(extension) => requested_sans(&extension.value)?,
            None => (Vec::new(), None),
        };
        let wants_authority = match find(BASIC_CONSTRAINTS) {
            Some(extension) => wants_authority(&extension.value)?,
            None => false,
        };
        Ok(Self {
            der: bytes.to_owned(),
            subject,
            public,
            sans,
            unwritable,
            wants_authority,
            extensions,
        })
    }

    /// The request, DER.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The request, PEM.
    pub fn pem(&self) -> String {
        String::clone(&pem_encode("CERTIFICATE REQUEST", &self.der))
    }

    /// The subject it asks for.
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// The names and addresses it asks for, as far as they can be written.
    pub fn sans(&self) -> &[San] {
        &self.sans
    }

    /// The names it asks for, or why one of them can't be written.
    pub(crate) fn writable_sans(&self) -> Result<&[San], CsrError> {
        match &self.unwritable {
            Some(error) => Err(error.clone()),
            None => Ok(&self.sans),
        }
    }

    /// The key it is for.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Every extension it asks for.
    pub(crate) fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// Whether it asks for a CA certificate.
    pub fn wants_authority(&self) -> bool {
        self.wants_authority
    }
}

fn requested_extensions(attributes: Option<&Tlv<'_>>) -> Result<Vec<Extension>, DerError> {
    let mut found: Vec<Extension> = Vec::new();
    let Some(attributes) = attributes else {
        return Ok(found);
    };
    let mut attributes = attributes.inner();
    while attributes.peek().is_some() {
        let mut attribute = attributes.expect(der::SEQUENCE)?.inner();
        let oid = der::oid_arcs(attribute.expect(der::OID)?.contents)?;
        let mut values = attribute.expect(der::SET)?.inner();
        // Others, such as a challenge password, say nothing about the certificate.
        if oid != EXTENSION_REQUEST {
            continue;
        }
        let mut list = values.expect(der::SEQUENCE)?.inner();
        while list.peek().is_some() {
            let extension = read_extension(&list.expect(der::SEQUENCE)?)?;
            if found.iter().any(|other| other.oid == extension.oid) {
                return Err(DerError::Value);
            }
            found.push(extension);
        }
    }
    Ok(found)
}

fn read_extension(sequence: &Tlv<'_>) -> Result<Extension, DerError> {
    let mut fields = sequence.inner();
    let oid = der::oid_arcs(fields.expect(der::OID)?.contents)?;
    let critical = match fields.optional(der::BOOLEAN)? {
        Some(flag) => flag.contents != [0],
        None => false,
    };
    let value = fields.expect(der::OCTET_STRING)?.contents.to_owned();
    fields.finish()?;
    Ok(Extension {
        oid,
        critical,
        value,
    })
}

/// Reads GeneralNames (RFC 5280 section 4.2.1.6): the names that can be written, and the first that
/// can't.
fn requested_sans(value: &[u8]) -> Result<(Vec<San>, Option<CsrError>), DerError> {
    let mut names = der::single(value, der::SEQUENCE)?.inner();
    let (mut sans, mut unwritable) = (Vec::new(), None);
    while names.peek().is_some() {
        match requested_san(&names.any()?) {
            Ok(san) => sans.push(san),
            Err(error) => unwritable = unwritable.or(Some(error)),
        }
    }
    Ok((sans, unwritable))
}

fn requested_san(name: &Tlv<'_>) -> Result<San, CsrError> {
    let refuse = |found: String, reason: &str| CsrError::San {
        found,
        reason: reason.to_owned(),
    };
    let text = String::from_utf8_lossy(name.contents);
    match name.tag {
        0x81 | 0x82 | 0x86 => {
            let san: San = text
                .parse()
                .map_err(|error: super::SanError| refuse(format!("{text:?}"), error.reason))?;
            let as_tagged = matches!(
                (name.tag, &san),
                (0x81, San::Email(_)) | (0x82, San::Dns(_)) | (0x86, San::Uri(_))
            );
            if as_tagged {
                Ok(san)
            } else {
                let reason = "it stands under another type than its own";
                Err(refuse(format!("{text:?}"), reason))
            }
        }
        0x87 => {
            let v4 = <[u8; 4]>::try_from(name.contents).map(IpAddr::from);
            let v6 = <[u8; 16]>::try_from(name.contents).map(IpAddr::from);
            let ip = v4.or(v6);
            let ip = ip.map_err(|_| refuse("an address".into(), "it has no 4 or 16 bytes"))?;
            Ok(San::Ip(ip))
        }
        other => {
            let found = format!("a name of type [{}]", other & 0x1f);
            let reason = "only DNS names, addresses, e-mail addresses and URIs are written";
            Err(refuse(found, reason))
        }
    }
}

fn wants_authority(value: &[u8]) -> Result<bool, DerError> {
    let mut fields = der::single(value, der::SEQUENCE)?.inner();
    let flag = fields.optional(der::BOOLEAN)?;
    Ok(flag.is_some_and(|flag| flag.contents != [0]))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use rcgen::CustomExtension;

    use super::*;
    use crate::model::KeyAlgorithm;
    use crate::pki::issue::tests::many_valued;

    pub(crate) fn sans(texts: &[&str]) -> Vec<San> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    pub(crate) fn key() -> PrivateKey {
        PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap()
    }

    /// A request with one further extension, signed by a key of its own.
    pub(crate) fn with_extension(oid: &[u64], value: &[u8], critical: bool) -> Vec<u8> {
        let key = key();
        let mut params = CertificateParams::default();
        let mut extension = CustomExtension::from_oid_content(oid, value.to_vec());
        extension.set_criticality(critical);
        params.custom_extensions = vec![extension];
        let draft = Draft::new(&key);
        params.serialize_request(&draft).unwrap();
        let subject = many_valued("m1");
        draft.sign(&[(SUBJECT_FIELD, subject.as_der())]).unwrap()
    }

    #[test]
    fn a_request_survives_its_file() {
        let names = sans(&["m1", "10.0.0.1", "fd00::1", "a@b.c", "spiffe://a/b"]);
        for algorithm in KeyAlgorithm::ALL {
            let key = PrivateKey::generate(algorithm).unwrap();
            let subject = many_valued("m1");
            let request = SigningRequest::create(&key, &subject, &names).unwrap();
            let read = SigningRequest::from_pem(request.pem().as_bytes()).unwrap();
            assert_eq!((read.subject(), read.sans()), (&subject, &names[..]));
            assert_eq!(read.public_key(), key.public_key());
            assert!(!read.wants_authority());
        }
    }

    #[test]
    fn a_changed_request_is_refused() {
        let request = SigningRequest::create(&key(), &many_valued("m1"), &[]).unwrap();
        let mut bytes = request.as_der().to_vec();
        let at = bytes.windows(2).position(|pair| pair == b"m1").unwrap();
        bytes[at + 1] = b'2';
        let error = SigningRequest::from_der(&bytes).unwrap_err();
        assert!(matches!(error, CsrError::Signature { .. }), "{error}");
        let error = SigningRequest::from_pem(key().to_pem().as_bytes()).unwrap_err();
        assert!(error.to_string().contains("found PRIVATE KEY"), "{error}");
    }

    #[test]
    fn names_that_can_t_be_written_are_remembered() {
        for (names, reason) in [
            (vec![0x30, 2, 0x82, 0], "it is empty"),
            (vec![0x30, 4, 0x87, 2, 1, 2], "it has no 4 or 16 bytes"),
            (vec![0x30, 2, 0xa4, 0], "only DNS names"),
            (vec![0x30, 3, 0x81, 1, b'm'], "under another type"),
        ] {
            let bytes = with_extension(SUBJECT_ALT_NAME, &names, false);
            let request = SigningRequest::from_der(&bytes).unwrap();
            let error = request.writable_sans().unwrap_err();
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = SigningRequest::from_der(&bytes);
            let _ = SigningRequest::from_pem(&bytes);
            let _ = SigningRequest::from_bytes(&bytes);
            let _ = requested_sans(&bytes);
            let _ = wants_authority(&bytes);
            if let Ok(value) = der::Reader::new(&bytes).any() {
                let _ = requested_extensions(Some(&value));
            }
        }
    }
}
