//! How is a certificate written, once everything about it is decided?
//!
//! Invariant: the bytes that come out were read back by another parser than the one that wrote them
//! and say what was decided: issuer and subject byte for byte, public key, serial, validity, and a
//! signature that verifies.

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CrlDistributionPoint, CustomExtension, DistinguishedName,
    IsCa, Issuer, KeyIdMethod, SanType, SerialNumber,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::authority::timestamp;
use super::issue::{IssueError, IssueNote, Issued};
use super::key::PrivateKey;
use super::names::Name;
use super::public_key::PublicKey;
use super::san::San;
use super::serial::Serial;
use super::signed::{Draft, Signed};
use super::usage::Usages;

/// Who signs.
pub(crate) struct Signer<'a> {
    pub(crate) key: &'a PrivateKey,
    pub(crate) subject: &'a Name,
    pub(crate) key_id: Option<&'a [u8]>,
}

/// Everything a certificate says, resolved.
pub(crate) struct Content<'a> {
    pub(crate) subject: &'a Name,
    pub(crate) public: &'a PublicKey,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) usages: &'a Usages,
    pub(crate) sans: Vec<San>,
    pub(crate) ca: Option<Option<u8>>,
    pub(crate) crl_url: Option<&'a str>,
    pub(crate) extensions: Vec<CustomExtension>,
    pub(crate) notes: Vec<IssueNote>,
}

/// Places in TBSCertificate (RFC 5280 section 4.1).
const ISSUER_FIELD: usize = 3;
const SUBJECT_FIELD: usize = 5;
const PUBLIC_KEY_FIELD: usize = 6;

impl Content<'_> {
    /// Writes, signs and reads back.
    pub(crate) fn issue(self, signer: &Signer<'_>) -> Result<Issued, IssueError> {
        let serial = Serial::random()?;
        let encoding = |error: rcgen::Error| IssueError::Encoding {
            reason: error.to_string(),
        };
        let draft = Draft::new(signer.key);
        let mut issuer = CertificateParams::default();
        if let Some(key_id) = signer.key_id {
            issuer.key_identifier_method = KeyIdMethod::PreSpecified(key_id.to_owned());
        }
        let mut params = self.params(&serial).map_err(encoding)?;
        params.use_authority_key_identifier_extension = signer.key_id.is_some();
        params
            .signed_by(&draft, &Issuer::from_params(&issuer, &draft))
            .map_err(encoding)?;
        let der = draft.sign(&[
            (ISSUER_FIELD, signer.subject.as_der()),
            (SUBJECT_FIELD, self.subject.as_der()),
            (PUBLIC_KEY_FIELD, self.public.spki_der()),
        ])?;
        self.check(&der, &serial, signer)?;
        Ok(Issued {
            der,
            serial,
            not_before: self.not_before,
            not_after: self.not_after,
            notes: self.notes,
        })
    }

    fn params(&self, serial: &Serial) -> Result<CertificateParams, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.not_before = date(self.not_before)?;
        params.not_after = date(self.not_after)?;
        params.serial_number = Some(SerialNumber::from_slice(serial.as_bytes()));
        params.subject_alt_names = self.sans.iter().map(san_type).collect::<Result<_, _>>()?;
        if self.subject.is_empty() {
            // rcgen writes the alternative names critical when the subject is empty, as RFC 5280
            // section 4.2.1.6 demands; otherwise its own placeholder stands for ours.
            params.distinguished_name = DistinguishedName::new();
        }
        params.is_ca = match self.ca {
            Some(Some(path_len)) => IsCa::Ca(BasicConstraints::Constrained(path_len)),
            Some(None) => IsCa::Ca(BasicConstraints::Unconstrained),
            None => IsCa::ExplicitNoCa,
        };
        let (key, extended) = (&self.usages.key, &self.usages.extended);
        params.key_usages = key.iter().map(|usage| usage.to_rcgen()).collect();
        params.extended_key_usages = extended.iter().map(|usage| usage.to_rcgen()).collect();
        let urls = self.crl_url.map(|url| vec![url.to_owned()]);
        params.crl_distribution_points = urls
            .into_iter()
            .map(|uris| CrlDistributionPoint { uris })
            .collect();
        params.key_identifier_method = KeyIdMethod::PreSpecified(self.public.key_id().to_vec());
        params.custom_extensions.clone_from(&self.extensions);
        Ok(params)
    }

    /// Reads the finished certificate back with another parser than the one that wrote it.
    fn check(&self, bytes: &[u8], serial: &Serial, signer: &Signer<'_>) -> Result<(), IssueError> {
        let fail = |what| IssueError::SelfCheck { what };
        let (rest, read) =
            X509Certificate::from_der(bytes).map_err(|_| fail("it does not parse"))?;
        let signed = Signed::from_der(bytes).map_err(|_| fail("it does not parse"))?;
        let validity = read.validity();
        let checks = [
            (rest.is_empty(), "bytes follow it"),
            (
                read.issuer().as_raw() == signer.subject.as_der(),
                "its issuer is not the CA's subject",
            ),
            (
                read.subject().as_raw() == self.subject.as_der(),
                "its subject differs",
            ),
            (
                read.public_key().raw == self.public.spki_der(),
                "its public key differs",
            ),
            (
                Serial::from_bytes(read.raw_serial()).as_ref() == Ok(serial),
                "its serial number differs",
            ),
            (
                timestamp(validity.not_before) == Ok(self.not_before)
                    && timestamp(validity.not_after) == Ok(self.not_after),
                "its validity differs",
            ),
            (
                signed.is_signed_by(signer.key.public_key()),
                "its signature does not verify",
            ),
        ];
        let failed = checks.into_iter().find(|(holds, _)| !holds);
        failed.map_or(Ok(()), |(_, what)| Err(fail(what)))
    }
}

pub(crate) fn date(time: Timestamp) -> Result<time::OffsetDateTime, rcgen::Error> {
    time::OffsetDateTime::from_unix_timestamp(time.as_second()).map_err(|_| rcgen::Error::Time)
}

pub(crate) fn san_type(san: &San) -> Result<SanType, rcgen::Error> {
    Ok(match san {
        San::Dns(name) => SanType::DnsName(name.as_str().try_into()?),
        San::Ip(ip) => SanType::IpAddress(*ip),
        San::Email(address) => SanType::Rfc822Name(address.as_str().try_into()?),
        San::Uri(uri) => SanType::URI(uri.as_str().try_into()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::KeyAlgorithm;
    use crate::pki::issue::tests::{many_valued, now};

    struct Decision {
        subject: &'static str,
        key: usize,
        seconds: i64,
        issuer: &'static str,
        issuer_key: usize,
    }

    const DECISION: Decision = Decision {
        subject: "m1",
        key: 0,
        seconds: 60,
        issuer: "ca",
        issuer_key: 0,
    };

    /// Calls `with` for what was decided and who signs.
    fn decided<T>(
        keys: &[PrivateKey],
        decision: &Decision,
        with: impl FnOnce(Content<'_>, &Signer<'_>) -> T,
    ) -> T {
        let subjects = [decision.subject, decision.issuer].map(many_valued);
        let content = Content {
            subject: &subjects[0],
            public: keys[decision.key].public_key(),
            not_before: now(),
            not_after: now() + jiff::SignedDuration::from_secs(decision.seconds),
            usages: &Usages::default(),
            sans: Vec::new(),
            ca: None,
            crl_url: None,
            extensions: Vec::new(),
            notes: Vec::new(),
        };
        let signer = Signer {
            key: &keys[decision.issuer_key],
            subject: &subjects[1],
            key_id: None,
        };
        with(content, &signer)
    }

    #[test]
    fn whatever_differs_from_the_decision_is_found() {
        let keys = [(); 2].map(|()| PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap());
        let issue = |content: Content<'_>, signer: &Signer<'_>| content.issue(signer).unwrap();
        let issued = decided(&keys, &DECISION, issue);
        let check = |decision: Decision, der: &[u8], serial: &Serial| {
            let check = |content: Content<'_>, signer: &Signer<'_>| {
                content
                    .check(der, serial, signer)
                    .map_err(|error| error.to_string())
            };
            decided(&keys, &decision, check)
        };
        assert_eq!(check(DECISION, &issued.der, &issued.serial), Ok(()));
        let with = |change: fn(&mut Decision)| {
            let mut decision = DECISION;
            change(&mut decision);
            check(decision, &issued.der, &issued.serial).unwrap_err()
        };
        assert!(with(|other| other.issuer = "m2").contains("its issuer"));
        assert!(with(|other| other.subject = "m2").contains("its subject"));
        assert!(with(|other| other.key = 1).contains("its public key"));
        assert!(with(|other| other.seconds = 61).contains("its validity"));
        assert!(with(|other| other.issuer_key = 1).contains("its signature"));
        let serial = Serial::random().unwrap();
        let error = check(DECISION, &issued.der, &serial).unwrap_err();
        assert!(error.contains("its serial"), "{error}");
        let longer = [&issued.der[..], &[0]].concat();
        let error = check(DECISION, &longer, &issued.serial).unwrap_err();
        assert!(error.contains("does not parse"), "{error}");
    }
}
