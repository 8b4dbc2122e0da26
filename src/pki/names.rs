//! What is a distinguished name, as bytes and as text?
//!
//! Invariant: a `Name` is exactly the DER it was made from, so that an issuer can be written byte
//! for byte as its certificate's subject. A name is made the way Go and with it cfssl and kubeadm
//! make one: types in the order C, ST, L, street, postalCode, O, OU, CN, serialNumber, and all values of
//! one type in one multi-valued RDN (Go `crypto/x509/pkix`, `ToRDNSequence`). Text follows RFC 4514.

use std::fmt;

use super::der::{self, DerError};

const COMMON_NAME: &[u64] = &[2, 5, 4, 3];
const SERIAL_NUMBER: &[u64] = &[2, 5, 4, 5];
const COUNTRY: &[u64] = &[2, 5, 4, 6];
const LOCALITY: &[u64] = &[2, 5, 4, 7];
const STATE: &[u64] = &[2, 5, 4, 8];
const STREET: &[u64] = &[2, 5, 4, 9];
const ORGANIZATION: &[u64] = &[2, 5, 4, 10];
const ORGANIZATIONAL_UNIT: &[u64] = &[2, 5, 4, 11];
const POSTAL_CODE: &[u64] = &[2, 5, 4, 17];
const EMAIL: &[u64] = &[1, 2, 840, 113549, 1, 9, 1];

const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const TELETEX_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const VISIBLE_STRING: u8 = 0x1a;
const UNIVERSAL_STRING: u8 = 0x1c;
const BMP_STRING: u8 = 0x1e;

/// Types of which Go knows several values, in its order; it puts them there however they were given.
const ORDERED: [&[u64]; 7] = [
    COUNTRY,
    STATE,
    LOCALITY,
    STREET,
    POSTAL_CODE,
    ORGANIZATION,
    ORGANIZATIONAL_UNIT,
];

/// Why something is no distinguished name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Bytes that are no RDNSequence.
    #[error("malformed distinguished name: {0}")]
    Malformed(#[from] DerError),
    /// An e-mail address that IA5String cannot hold.
    #[error("{found:?} is no e-mail address for a subject: expected ASCII")]
    Email {
        /// The text that was given.
        found: String,
    },
}

/// A distinguished name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Name {
    der: Vec<u8>,
}

/// The subject of a certificate to be, before it is encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// `CN`.
    pub common_name: Option<String>,
    /// The attribute serialNumber, which is not the certificate's serial number.
    pub serial_number: Option<String>,
    /// Everything else; several entries with one type give several values.
    pub entries: Vec<SubjectEntry>,
}

/// One element of cfssl's `names`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectEntry {
    /// `C`.
    pub country: Option<String>,
    /// `ST`.
    pub state: Option<String>,
    /// `L`.
    pub locality: Option<String>,
    /// `O`: Kubernetes reads each as a group.
    pub organization: Option<String>,
    /// `OU`.
    pub organizational_unit: Option<String>,
    /// `E`.
    pub email: Option<String>,
    /// Further attributes by object identifier, in order.
    pub others: Vec<(Vec<u64>, String)>,
}

impl Subject {
    /// A subject of a common name alone.
    pub fn common_name(name: impl Into<String>) -> Self {
        Self {
            common_name: Some(name.into()),
            ..Self::default()
        }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.common_name.is_none()
            && self.serial_number.is_none()
            && self
                .entries
                .iter()
                .all(|entry| *entry == SubjectEntry::default())
    }

    /// Encodes the name.
    pub fn to_name(&self) -> Result<Name, NameError> {
        let mut rdns = Vec::new();
        for oid in ORDERED {
            let values = self.entries.iter().flat_map(|entry| entry.values(oid));
            rdns.push(directory_strings(oid, &values.collect::<Vec<_>>())?);
        }
        let (name, number) = (&self.common_name, &self.serial_number);
        rdns.push(directory_strings(COMMON_NAME, name.as_deref().as_slice())?);
        rdns.push(directory_strings(
            SERIAL_NUMBER,
            number.as_deref().as_slice(),
        )?);
        for entry in &self.entries {
            let is_ordered = |oid: &[u64]| ORDERED.contains(&oid);
            for (oid, value) in entry.others.iter().filter(|(oid, _)| !is_ordered(oid)) {
                rdns.push(directory_strings(oid, &[value])?);
            }
            rdns.push(email(entry.email.as_deref())?);
        }
        Ok(Name {
            der: der::tlv(der::SEQUENCE, &rdns.concat()),
        })
    }
}

impl SubjectEntry {
    /// Its values of a type: the field of that name, and what the object identifier gives.
    fn values<'a>(&'a self, oid: &'a [u64]) -> impl Iterator<Item = &'a str> {
        let field = match oid {
            COUNTRY => &self.country,
            STATE => &self.state,
            LOCALITY => &self.locality,
            ORGANIZATION => &self.organization,
            ORGANIZATIONAL_UNIT => &self.organizational_unit,
            _ => &None,
        };
        let others = self.others.iter().filter(move |(other, _)| other == oid);
        let others = others.map(|(_, value)| value.as_str());
        field.as_deref().into_iter().chain(others)
    }
}

/// One RDN that holds all values of a type, or nothing.
fn directory_strings(oid: &[u64], values: &[&str]) -> Result<Vec<u8>, DerError> {
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let oid = der::oid(oid)?;
    let attributes = values.iter().map(|value| {
        let tag = if is_printable(value) {
            PRINTABLE_STRING
        } else {
            UTF8_STRING
        };
        der::sequence(&[&oid, &der::tlv(tag, value.as_bytes())])
    });
    Ok(der::set_of(attributes.collect()))
}

fn email(value: Option<&str>) -> Result<Vec<u8>, NameError> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    if !value.is_ascii() {
        return Err(NameError::Email {
            found: value.to_owned(),
        });
    }
    // RFC 5280 section 4.1.2.6 asks for IA5String, where Go writes UTF8String.
    let value = der::tlv(IA5_STRING, value.as_bytes());
    Ok(der::set_of(vec![der::sequence(&[
        &der::oid(EMAIL)?,
        &value,
    ])]))
}

/// The characters of PrintableString (X.680 section 41.4).
fn is_printable(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte))
}

/// One attribute of a name, for display and comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAttribute {
    /// Arcs of the type's object identifier.
    pub oid: Vec<u64>,
    /// The text, unless the value is of a type that is no string.
    pub text: Option<String>,
    /// The value with tag and length.
    pub der: Vec<u8>,
}

impl Name {
    /// The name without any attribute.
    pub fn empty() -> Self {
        Self {
            der: der::sequence(&[]),
        }
    }

    /// Keeps the bytes of a name after a look at their structure.
    pub fn from_der(bytes: &[u8]) -> Result<Self, NameError> {
        parse_rdns(bytes)?;
        Ok(Self {
            der: bytes.to_owned(),
        })
    }

    /// The bytes.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Whether it has no attribute.
    pub fn is_empty(&self) -> bool {
        self.rdns().is_empty()
    }

    /// The relative names in the order of the bytes, each with its attributes.
    pub fn rdns(&self) -> Vec<Vec<NameAttribute>> {
        // Checked when the name was made.
        parse_rdns(&self.der).unwrap_or_default()
    }

    /// The last common name, as Go takes it.
    pub fn common_name(&self) -> Option<String> {
        self.values(COMMON_NAME).pop()
    }

    /// Every organization: for Kubernetes the groups of a client.
    pub fn organizations(&self) -> Vec<String> {
        self.values(ORGANIZATION)
    }

    fn values(&self, oid: &[u64]) -> Vec<String> {
        let attributes = self.rdns().into_iter().flatten();
        attributes
            .filter(|attribute| attribute.oid == oid)
            .filter_map(|attribute| attribute.text)
            .collect()
    }
}

fn parse_rdns(bytes: &[u8]) -> Result<Vec<Vec<NameAttribute>>, DerError> {
    let mut sequence = der::single(bytes, der::SEQUENCE)?.inner();
    let mut rdns = Vec::new();
    while sequence.peek().is_some() {
        let mut set = sequence.expect(der::SET)?.inner();
        let mut attributes = Vec::new();
        while set.peek().is_some() {
            let mut fields = set.expect(der::SEQUENCE)?.inner();
            let oid = der::oid_arcs(fields.expect(der::OID)?.contents)?;
            let value = fields.any()?;
            fields.finish()?;
            attributes.push(NameAttribute {
                oid,
                text: text_of(value.tag, value.contents),
                der: value.raw.to_owned(),
            });
        }
        if attributes.is_empty() {
            return Err(DerError::Value);
        }
        rdns.push(attributes);
    }
    Ok(rdns)
}

fn text_of(tag: u8, contents: &[u8]) -> Option<String> {
    match tag {
        UTF8_STRING | NUMERIC_STRING | PRINTABLE_STRING | IA5_STRING | VISIBLE_STRING => {
            String::from_utf8(contents.to_vec()).ok()
        }
        // In practice Latin-1.
        TELETEX_STRING => Some(contents.iter().map(|&byte| char::from(byte)).collect()),
        BMP_STRING => {
            let (units, rest) = contents.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            rest.is_empty().then(|| String::from_utf16(&units).ok())?
        }
        UNIVERSAL_STRING => {
            let (units, rest) = contents.as_chunks::<4>();
            let text = units
                .iter()
                .map(|four| char::from_u32(u32::from_be_bytes(*four)));
            rest.is_empty().then(|| text.collect())?
        }
        _ => None,
    }
}

impl fmt::Display for Name {
    /// Prints as RFC 4514 has it: last RDN first, `+` within one, special characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rdns: Vec<String> = self.rdns().iter().rev().map(|rdn| rdn_text(rdn)).collect();
        f.write_str(&rdns.join(","))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

fn rdn_text(rdn: &[NameAttribute]) -> String {
    let attributes: Vec<String> = rdn
        .iter()
        .map(
            |attribute| match (type_name(&attribute.oid), &attribute.text) {
                (Some(name), Some(text)) => format!("{name}={}", escape(text)),
                (name, _) => {
                    let hex: String = attribute.der.iter().map(|b| format!("{b:02x}")).collect();
                    let name = name.map_or_else(|| der::dotted(&attribute.oid), str::to_owned);
                    format!("{name}=#{hex}")
                }
            },
        )
        .collect();
    attributes.join("+")
}

fn type_name(oid: &[u64]) -> Option<&'static str> {
    Some(match oid {
        COMMON_NAME => "CN",
        SERIAL_NUMBER => "serialNumber",
        COUNTRY => "C",
        LOCALITY => "L",
        STATE => "ST",
        ORGANIZATION => "O",
        ORGANIZATIONAL_UNIT => "OU",
        EMAIL => "emailAddress",
        [2, 5, 4, 4] => "SN",
        [2, 5, 4, 9] => "STREET",
        [2, 5, 4, 12] => "title",
        [2, 5, 4, 17] => "postalCode",
        [2, 5, 4, 42] => "GN",
        [2, 5, 4, 46] => "dnQualifier",
        [2, 5, 4, 97] => "organizationIdentifier",
        [0, 9, 2342, 19_200_300, 100, 1, 25] => "DC",
        [0, 9, 2342, 19_200_300, 100, 1, 1] => "UID",
        _ => return None,
    })
}

/// Escapes a value (RFC 4514 section 2.4).
fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (index, letter) in value.chars().enumerate() {
        let special = match letter {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => true,
            '#' => index == 0,
            ' ' => index == 0 || index == last,
            _ => false,
        };
        if letter.is_control() {
            let mut bytes = [0; 4];
            for byte in letter.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("\\{byte:02x}"));
            }
            continue;
        }
        if special {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn organization(name: &str) -> SubjectEntry {
        SubjectEntry {
            organization: Some(name.to_owned()),
            ..SubjectEntry::default()
        }
    }

    #[test]
    fn values_of_one_type_share_an_rdn_and_survive() {
        let subject = Subject {
            common_name: Some("m1".into()),
            entries: vec![organization("two"), organization("one")],
            ..Subject::default()
        };
        let name = subject.to_name().unwrap();
        assert_eq!(name.to_string(), "CN=m1,O=one+O=two");
        assert_eq!(name.organizations(), ["one", "two"]);
        assert_eq!(name.common_name().as_deref(), Some("m1"));
        assert_eq!(Name::from_der(name.as_der()).unwrap(), name);
    }

    #[test]
    fn every_field_stands_in_go_s_order() {
        let text = |value: &str| Some(value.to_owned());
        let entry = SubjectEntry {
            country: text("DE"),
            state: text("Hessen"),
            locality: text("Köln"),
            organization: text("o"),
            organizational_unit: text("u"),
            email: text("a@b.c"),
            others: vec![
                (vec![2, 5, 4, 12], "Dr".into()),
                (vec![2, 5, 4, 9], "way 1".into()),
                (vec![2, 5, 4, 10], "p".into()),
            ],
        };
        let subject = Subject {
            common_name: text("cn"),
            serial_number: text("7"),
            entries: vec![entry],
        };
        assert_eq!(
            subject.to_name().unwrap().to_string(),
            "emailAddress=a@b.c,title=Dr,serialNumber=7,CN=cn,OU=u,O=o+O=p,STREET=way 1,L=Köln,\
             ST=Hessen,C=DE"
        );
        assert!(!subject.is_empty());
        assert!(Subject::default().is_empty());
        assert!(Subject::default().to_name().unwrap().is_empty());
    }

    #[test]
    fn every_string_type_reads_and_other_values_are_shown_as_bytes() {
        for (tag, value, text) in [
            (UTF8_STRING, "Mé".as_bytes(), "CN=Mé"),
            (NUMERIC_STRING, b"12 3", "CN=12 3"),
            (VISIBLE_STRING, b"x", "CN=x"),
            (TELETEX_STRING, b"M\xe9", "CN=Mé"),
            (BMP_STRING, b"\x00M\x00\xe9", "CN=Mé"),
            (BMP_STRING, b"\x00", "CN=#1e0100"),
            (UNIVERSAL_STRING, b"\x00\x01\xf6\x00", "CN=😀"),
            (UTF8_STRING, b"a\x1b[2J", "CN=a\\1b[2J"),
            (UTF8_STRING, b"\xff", "CN=#0c01ff"),
            (der::INTEGER, b"\x05", "CN=#020105"),
        ] {
            let oid = der::oid(COMMON_NAME).unwrap();
            let attribute = der::sequence(&[&oid, &der::tlv(tag, value)]);
            let encoded = der::sequence(&[&der::tlv(der::SET, &attribute)]);
            assert_eq!(Name::from_der(&encoded).unwrap().to_string(), text);
        }
    }

    #[test]
    fn text_is_escaped_and_unknown_types_are_shown_as_bytes() {
        let subject = Subject {
            common_name: Some(" #a,b+c\"d\\e\n ".into()),
            entries: vec![SubjectEntry {
                others: vec![(vec![1, 2, 3], "x".into())],
                ..SubjectEntry::default()
            }],
            ..Subject::default()
        };
        assert_eq!(
            subject.to_name().unwrap().to_string(),
            "1.2.3=#130178,CN=\\ #a\\,b\\+c\\\"d\\\\e\\0a\\ "
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            if let Ok(name) = Name::from_der(&bytes) {
                prop_assert_eq!(name.as_der(), &bytes[..]);
                let _ = name.to_string();
            }
        }

        #[test]
        fn any_text_survives(text: String) {
            let name = Subject::common_name(text.clone()).to_name().unwrap();
            prop_assert_eq!(name.common_name(), Some(text));
        }
    }
}
