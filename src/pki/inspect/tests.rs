//! Facts and relations, held against certificates of OpenSSL and cfssl and against fresh ones.

use std::net::IpAddr;

use jiff::Timestamp;
use proptest::prelude::*;
use rcgen::{
    BasicConstraints as Constraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, RsaKeySize,
    SignatureAlgorithm as Algorithm,
};

use super::*;
use crate::model::Host;

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/data/pki/", $name)).as_slice()
    };
}

fn certificate(bytes: &[u8]) -> CertificateFacts {
    first_certificate(bytes).unwrap()
}

fn only(bytes: &[u8]) -> Material {
    let contents = read(bytes);
    assert_eq!(contents.items.len(), 1);
    contents.items.into_iter().next().unwrap().unwrap().material
}

fn generate(algorithm: &'static Algorithm) -> KeyPair {
    if algorithm == &rcgen::PKCS_RSA_SHA256 {
        return KeyPair::generate_rsa_for(algorithm, RsaKeySize::_2048).unwrap();
    }
    KeyPair::generate_for(algorithm).unwrap()
}

fn params(name: &str, ca: bool) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params.is_ca = if ca {
        IsCa::Ca(Constraints::Unconstrained)
    } else {
        IsCa::ExplicitNoCa
    };
    params
}

/// A CA and a leaf it signed, with the leaf's key.
fn family(
    ca: &'static Algorithm,
    leaf: &'static Algorithm,
) -> (CertificateFacts, CertificateFacts, KeyPair) {
    let (ca_key, leaf_key) = (generate(ca), generate(leaf));
    let ca_params = params("ca", true);
    let ca_cert = ca_params.self_signed(&ca_key).unwrap();
    let issuer = Issuer::from_params(&ca_params, &ca_key);
    let leaf = params("leaf", false).signed_by(&leaf_key, &issuer).unwrap();
    let facts = |der: &[u8]| CertificateFacts::from_der(der).unwrap();
    (facts(ca_cert.der()), facts(leaf.der()), leaf_key)
}

const ALGORITHMS: [(&Algorithm, &str, &str); 5] = [
    (
        &rcgen::PKCS_ECDSA_P256_SHA256,
        "ECDSA P-256",
        "ECDSA with SHA-256",
    ),
    (
        &rcgen::PKCS_ECDSA_P384_SHA384,
        "ECDSA P-384",
        "ECDSA with SHA-384",
    ),
    (
        &rcgen::PKCS_ECDSA_P521_SHA512,
        "ECDSA P-521",
        "ECDSA with SHA-512",
    ),
    (&rcgen::PKCS_ED25519, "Ed25519", "Ed25519"),
    (&rcgen::PKCS_RSA_SHA256, "RSA 2048", "RSA with SHA-256"),
];

#[test]
fn every_algorithm_is_named_verified_and_matched_with_its_key() {
    for (algorithm, key_name, signature_name) in ALGORITHMS {
        let (ca, leaf, key) = family(algorithm, algorithm);
        assert_eq!(leaf.public_key.to_string(), key_name);
        assert_eq!(leaf.signature.algorithm.to_string(), signature_name);
        assert_eq!(signed_by(&leaf, &ca), Ok(()), "{key_name}");
        assert_eq!((ca.self_signed, leaf.self_signed), (true, false));
        let Material::PrivateKey(facts) = only(key.serialize_pem().as_bytes()) else {
            panic!("no key");
        };
        assert_eq!(facts.to_string(), key_name);
        assert_eq!(key_matches(&leaf, &facts), Some(true));
        assert_eq!(key_matches(&ca, &facts), Some(false));

        let (other_ca, ..) = family(algorithm, algorithm);
        let why = signed_by(&leaf, &other_ca).unwrap_err();
        assert!(matches!(why, Why::OtherKey { .. }), "{why}");
    }
}

#[test]
fn keys_are_recognised_in_each_encoding() {
    for (algorithm, name, _) in ALGORITHMS {
        let key = generate(algorithm);
        let pkcs8 = key.serialize_der();
        let inner = inner_key(&pkcs8);
        let (label, encoding) = match name {
            "RSA 2048" => ("RSA PRIVATE KEY", KeyEncoding::Pkcs1),
            "Ed25519" => continue,
            _ => ("EC PRIVATE KEY", KeyEncoding::Sec1),
        };
        // SEC1 inside PKCS#8 leaves the curve out, so put it back as openssl writes it.
        let inner = match encoding {
            KeyEncoding::Sec1 => with_curve(&inner, &pkcs8),
            _ => inner,
        };
        let text = pem_text(label, &inner);
        for bytes in [text.into_bytes(), inner.clone()] {
            let Material::PrivateKey(facts) = only(&bytes) else {
                panic!("no key");
            };
            assert_eq!(
                (facts.encoding, facts.to_string().as_str()),
                (encoding, name)
            );
            let public = facts.public_key.unwrap();
            assert_eq!(public.key, key.public_key_raw(), "{name}");
        }
    }
}

/// The octet string of a PKCS#8 key.
fn inner_key(pkcs8: &[u8]) -> Vec<u8> {
    shape::fields(pkcs8).unwrap()[2].contents.to_vec()
}

fn with_curve(sec1: &[u8], pkcs8: &[u8]) -> Vec<u8> {
    let outer = shape::fields(pkcs8).unwrap();
    let curve = shape::fields(outer[1].raw).unwrap()[1].raw;
    let fields = shape::fields(sec1).unwrap();
    let tagged = crate::pki::der::tlv(0xa0, curve);
    crate::pki::der::sequence(&[fields[0].raw, fields[1].raw, &tagged])
}

fn pem_text(label: &str, contents: &[u8]) -> String {
    crate::pki::pem_encode(label, contents).to_string()
}

#[test]
fn encrypted_keys_are_recognised_without_a_passphrase() {
    let key = KeyPair::generate().unwrap();
    let info = pkcs8::PrivateKeyInfo::try_from(key.serialized_der()).unwrap();
    let (salt, iv) = ([7; 16], [9; 16]);
    let parameters =
        pkcs8::pkcs5::pbes2::Parameters::pbkdf2_sha256_aes256cbc(2048, &salt, &iv).unwrap();
    let encrypted = info.encrypt_with_params(parameters, "secret").unwrap();
    let traditional = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
                       DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n\
                       AAECAwQFBgcICQoLDA0ODw==\n-----END EC PRIVATE KEY-----\n";
    for (bytes, encoding) in [
        (encrypted.as_bytes().to_vec(), KeyEncoding::EncryptedPkcs8),
        (
            pem_text("ENCRYPTED PRIVATE KEY", encrypted.as_bytes()).into_bytes(),
            KeyEncoding::EncryptedPkcs8,
        ),
        (traditional.into(), KeyEncoding::EncryptedPem),
    ] {
        let Material::PrivateKey(facts) = only(&bytes) else {
            panic!("no key");
        };
        assert_eq!((facts.encoding, facts.encrypted), (encoding, true));
        let (_, leaf, _) = family(&rcgen::PKCS_ED25519, &rcgen::PKCS_ED25519);
        assert_eq!(key_matches(&leaf, &facts), None);
    }
}

#[test]
fn names_keep_every_value_of_openssl_and_cfssl() {
    let facts = certificate(data!("multi-valued.crt"));
    assert_eq!(
        facts.subject.text,
        r"CN=multi,OU=c+OU=a\, b,O=three,O=one+O=two,C=DE"
    );
    assert_eq!(facts.issuer, facts.subject);
    let facts = certificate(data!("cfssl-empty-host.pem"));
    assert_eq!(facts.subject.text, "CN=etcd-server,OU=x,O=one+O=two");
    assert_eq!(facts.extensions.names.dns, ["", "m1"]);
    assert_eq!(
        facts.extensions.extended_key_usage.as_deref(),
        Some(&["server auth".to_owned()][..])
    );
    assert_eq!(
        signed_by(&facts, &certificate(data!("cfssl-ca.pem"))),
        Ok(())
    );
}

#[test]
fn what_openssl_makes_is_described_in_full() {
    let facts = certificate(data!("never-ends.crt"));
    assert_eq!(facts.not_after.as_second(), Timestamp::MAX.as_second());
    assert_eq!(
        (
            facts.serial.to_string().as_str(),
            facts.serial.decimal().as_str()
        ),
        ("0a01", "2561")
    );
    let names: Vec<String> = facts.extensions.names.iter().collect();
    assert_eq!(
        names,
        [
            "m1",
            "10.0.0.1",
            "fd00::1",
            "email:a@example.com",
            "uri:spiffe://x/y",
            "other:registered id 1.2.3.4"
        ]
    );
    assert_eq!(facts.extensions.unknown_critical, ["1.2.3.4"]);
    assert_eq!(facts.public_key.to_string(), "Ed25519");
    assert_eq!(facts.signature.algorithm.to_string(), "ECDSA with SHA-384");
    let ca = certificate(data!("p521-ca.crt"));
    assert_eq!(signed_by(&facts, &ca), Ok(()));
    assert_eq!(
        facts.extensions.authority_key_id,
        ca.extensions.subject_key_id
    );
    for (host, expected) in [
        ("m1", true),
        ("m2", false),
        ("10.0.0.1", true),
        ("fd00::1", true),
        ("::1", false),
    ] {
        assert_eq!(
            covers(&facts, &host.parse::<Host>().unwrap()),
            expected,
            "{host}"
        );
    }
}

#[test]
fn old_and_odd_algorithms_are_named_and_still_verified() {
    let ca = certificate(data!("weak-ca.crt"));
    assert_eq!(ca.public_key.to_string(), "RSA 1024");
    let leaf = certificate(data!("weak-leaf.crt"));
    assert_eq!(
        (leaf.version, leaf.signature.algorithm.is_weak()),
        (1, true)
    );
    assert_eq!(signed_by(&leaf, &ca), Ok(()));
    let md5 = certificate(data!("md5-leaf.crt"));
    assert_eq!(md5.signature.algorithm.to_string(), "RSA with MD5");
    assert!(matches!(
        signed_by(&md5, &ca),
        Err(Why::Unverifiable { .. })
    ));
    let pss = certificate(data!("pss-signed.crt"));
    assert_eq!(pss.signature.algorithm.to_string(), "RSA-PSS with SHA-256");
    assert_eq!(signed_by(&pss, &pss), Ok(()));
    let salted = certificate(data!("pss-long-salt.crt"));
    assert!(matches!(
        signed_by(&salted, &salted),
        Err(Why::Unverifiable { .. })
    ));
    assert_eq!(
        certificate(data!("pss-key.crt")).public_key.to_string(),
        "RSA-PSS"
    );
    assert_eq!(
        certificate(data!("p224.crt")).public_key.to_string(),
        "ECDSA P-224"
    );
}

#[test]
fn requests_and_revocation_lists_are_described() {
    let Material::Request(request) = only(data!("cfssl-empty-host.csr")) else {
        panic!("no request");
    };
    assert_eq!(request.extensions.names.dns, ["", "m1"]);
    assert_eq!(request.verify(), Ok(()));
    let Material::Request(request) = only(data!("ed25519.csr")) else {
        panic!("no request");
    };
    assert_eq!(
        (request.subject.text.as_str(), request.verify()),
        ("CN=ed", Ok(()))
    );

    let Material::Crl(crl) = only(data!("p521-ca.crl")) else {
        panic!("no list");
    };
    assert_eq!(crl.number.as_ref().unwrap().decimal(), "16");
    let entries: Vec<_> = crl
        .revoked
        .iter()
        .map(|it| (it.serial.to_string(), it.reason))
        .collect();
    assert_eq!(
        entries,
        [
            ("0a01".to_owned(), Some("key compromise")),
            ("0a02".to_owned(), None)
        ]
    );
    assert_eq!(
        crl_signed_by(&crl, &certificate(data!("p521-ca.crt"))),
        Ok(())
    );
    let leaf = certificate(data!("never-ends.crt"));
    assert!(crl.revocation_of(&leaf.serial).is_some());
    let ca = certificate(data!("weak-ca.crt"));
    assert!(crl.revocation_of(&ca.serial).is_none());
    assert!(matches!(
        crl_signed_by(&crl, &ca),
        Err(Why::OtherName { .. })
    ));
    assert!(crl.is_stale("2200-01-01T00:00:00Z".parse().unwrap()));
}

#[test]
fn blocks_among_text_and_windows_line_ends_are_found() {
    let certificate_text = String::from_utf8_lossy(data!("p521-ca.crt")).replace('\n', "\r\n");
    let crl = String::from_utf8_lossy(data!("p521-ca.crl"));
    let text = format!("subject=CN = x\n\n{certificate_text}\r\nBag Attributes\n{crl}trailer");
    let contents = read(text.as_bytes());
    assert_eq!(contents.format, Format::Pem);
    assert_eq!(
        contents.nouns(),
        "a certificate and a certificate revocation list"
    );
    let places: Vec<_> = contents
        .readable()
        .map(|item| item.place.to_string())
        .collect();
    let second = certificate_text.lines().count() + 5;
    assert_eq!(
        places,
        ["block 1 at line 3", &format!("block 2 at line {second}")]
    );
    let stray: Vec<_> = contents.stray.iter().map(|stray| stray.line).collect();
    assert_eq!(stray, [1, second - 1, text.lines().count()]);
}

#[test]
fn der_is_read_as_well_as_pem() {
    for bytes in [
        data!("p521-ca.crt"),
        data!("p521-ca.crl"),
        data!("ed25519.csr"),
    ] {
        let from_pem = only(bytes);
        let der = match &from_pem {
            Material::Certificate(facts) => facts.der.clone(),
            Material::Request(facts) => facts.der.clone(),
            Material::Crl(facts) => facts.der.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(read(&der).format, Format::Der);
        assert_eq!(only(&der), from_pem);
    }
}

/// The errors in a file, as a person reads them.
fn errors(bytes: &[u8]) -> Vec<String> {
    let contents = read(bytes);
    let errors = contents.items.into_iter().filter_map(Result::err);
    errors.map(|error| error.to_string()).collect()
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let good = String::from_utf8_lossy(data!("p521-ca.crt")).into_owned();
    let CertificateFacts { der, .. } = certificate(data!("p521-ca.crt"));
    let key = KeyPair::generate().unwrap();
    let cut = pem_text("CERTIFICATE", &der[..der.len() - 10]);
    let cases: Vec<(Vec<u8>, String)> = vec![
        (b" \r\n".to_vec(), "the file is empty: expected a PEM block, such as -----BEGIN CERTIFICATE-----".into()),
        (b"hello".to_vec(), "byte 0: found text without a PEM block (5 bytes), expected PEM text or DER bytes".into()),
        (
            br#"{"cert":"","csr":""}"#.to_vec(),
            "byte 0: found the JSON of cfssl (20 bytes): cfssljson -bare NAME makes PEM files of it, expected PEM text or DER bytes".into(),
        ),
        (
            b"MIIBIjANBgkq\nhkiG9w0B\n".to_vec(),
            "byte 0: found base64 without its BEGIN and END lines (22 bytes), expected PEM text or DER bytes".into(),
        ),
        (b"\xff\xfe\x00".to_vec(), "byte 0: found binary data (3 bytes), expected PEM text or DER bytes".into()),
        (
            der[..der.len() - 1].to_vec(),
            format!("byte 0: found DER that is cut off: {} bytes of {}, expected PEM text or DER bytes", der.len() - 1, der.len()),
        ),
        (
            format!("{good}\n{cut}").into(),
            format!("block 2 at line {} (a certificate)", good.lines().count() + 2).replace(" (a certificate)", &format!(
                ": a certificate cannot be read: it is cut off: {} bytes are there, its header says {}", der.len() - 10, der.len())),
        ),
        (
            pem_text("CERTIFICATE", key.serialized_der()).into(),
            "block 1 at line 1: the label says \"CERTIFICATE\", but the contents are a private key (PKCS#8)".into(),
        ),
        (
            pem_text("PRIVATE KEY", &der).into(),
            "block 1 at line 1: the label says \"PRIVATE KEY\", but the contents are a certificate".into(),
        ),
        (
            pem_text("PRIVATE KEY", b"not a key").into(),
            "block 1 at line 1: the PRIVATE KEY cannot be read: its fields are broken or contradict each other".into(),
        ),
        (
            pem_text("PGP MESSAGE", b"x").into(),
            "block 1 at line 1: found a block labelled \"PGP MESSAGE\", expected a certificate, key, signing request or CRL".into(),
        ),
        (
            good.replace("-----END CERTIFICATE-----", "").into(),
            "block 1 at line 1 (CERTIFICATE): the END line is missing: expected -----END CERTIFICATE----- before the end of the file".into(),
        ),
        (
            good.replace("END CERTIFICATE", "END X509 CRL").into(),
            format!("block 1 at line 1 (CERTIFICATE): line {} ends another kind of block: found \"X509 CRL\", expected \"CERTIFICATE\"", good.lines().count()),
        ),
        (
            good.replacen("MII", "M!I", 1).into(),
            "block 1 at line 1 (CERTIFICATE): line 2 is no base64 at character 2".into(),
        ),
        (
            format!("  {good}").into(),
            "block 1 at line 1 (CERTIFICATE): blanks before -----BEGIN on line 1: etcd does not see such a block, expected -----BEGIN at the start of the line".into(),
        ),
        (
            format!("\u{feff}{good}").into(),
            "block 1 at line 1 (CERTIFICATE): a byte order mark before -----BEGIN on line 1: etcd does not see such a block, expected -----BEGIN at the start of the line".into(),
        ),
        (
            b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----".to_vec(),
            "block 1 at line 1 (CERTIFICATE): the block is empty".into(),
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(errors(&bytes), [expected]);
    }
}

#[test]
fn a_damaged_block_does_not_hide_the_next() {
    let good = String::from_utf8_lossy(data!("p521-ca.crt")).into_owned();
    let torn = good.replace("-----END CERTIFICATE-----\n", "") + &good;
    let contents = read(torn.as_bytes());
    assert_eq!(contents.items.len(), 2);
    assert_eq!(contents.certificates().count(), 1);
    assert!(certificates(torn.as_bytes()).is_err());
    assert_eq!(
        certificates((good.clone() + &good).as_bytes())
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn lifetimes_count_whole_days_and_include_both_ends() {
    let mut params = params("leaf", false);
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2060, 1, 1);
    let key = KeyPair::generate().unwrap();
    let facts = CertificateFacts::from_der(params.self_signed(&key).unwrap().der()).unwrap();
    for (now, lifetime) in [
        ("2025-12-31T23:59:59Z", Lifetime::NotYetValid),
        ("2026-01-01T00:00:00Z", Lifetime::Valid { days_left: 12418 }),
        ("2059-12-30T00:00:01Z", Lifetime::Valid { days_left: 1 }),
        ("2060-01-01T00:00:00Z", Lifetime::Valid { days_left: 0 }),
        ("2060-01-01T00:00:01Z", Lifetime::Expired { days_ago: 0 }),
        ("2060-01-03T12:00:00Z", Lifetime::Expired { days_ago: 2 }),
    ] {
        assert_eq!(facts.lifetime(now.parse().unwrap()), lifetime, "{now}");
    }
}

#[test]
fn chains_are_followed_through_intermediates() {
    let keys: Vec<KeyPair> = (0..4).map(|_| KeyPair::generate().unwrap()).collect();
    let all: Vec<CertificateParams> = ["root", "upper", "lower", "leaf"]
        .map(|name| params(name, name != "leaf"))
        .into();
    let facts: Vec<CertificateFacts> = (0..4)
        .map(|at: usize| {
            let above = at.saturating_sub(1);
            let issuer = Issuer::from_params(&all[above], &keys[above]);
            let cert = all[at].signed_by(&keys[at], &issuer).unwrap();
            CertificateFacts::from_der(cert.der()).unwrap()
        })
        .collect();
    let (root, between, leaf) = (&facts[..1], &facts[1..3], &facts[3]);
    let names = |chain: Vec<&CertificateFacts>| {
        let names = chain.into_iter().map(|ca| ca.subject.text.clone());
        names.collect::<Vec<_>>()
    };
    let chain = chain_to(leaf, between, root).unwrap();
    assert_eq!(names(chain), ["CN=lower", "CN=upper", "CN=root"]);
    // Go trusts an intermediate that stands in the bundle.
    assert_eq!(
        names(chain_to(leaf, &[], &facts[2..3]).unwrap()),
        ["CN=lower"]
    );
    assert_eq!(chain_to(&facts[0], &[], root).unwrap().len(), 0);
    let why = chain_to(leaf, &facts[2..3], root).unwrap_err();
    assert!(matches!(why[..], [Why::OtherName { .. }]), "{why:?}");
}

#[test]
fn facts_become_json_in_camel_case() {
    let json = serde_json::to_value(certificate(data!("never-ends.crt"))).unwrap();
    for (pointer, expected) in [
        ("/subject", serde_json::json!("CN=ed")),
        ("/serial/hex", "0a01".into()),
        ("/serial/decimal", "2561".into()),
        ("/publicKey/algorithm", "Ed25519".into()),
        ("/signature/algorithm", "ECDSA with SHA-384".into()),
        ("/names/ip/1", "fd00::1".into()),
        ("/basicConstraints/ca", false.into()),
        ("/selfSigned", false.into()),
    ] {
        assert_eq!(
            json.pointer(pointer),
            Some(&expected),
            "{pointer} in {json}"
        );
    }
    assert_eq!(json["sha256"].as_str().map(str::len), Some(64));
    assert!(json.get("der").is_none());
}

#[test]
fn mapped_addresses_in_certificates_cover_the_plain_ones() {
    let mut params = params("leaf", false);
    let mapped: IpAddr = "::ffff:10.0.0.9".parse().unwrap();
    params.subject_alt_names = vec![rcgen::SanType::IpAddress(mapped)];
    let key = KeyPair::generate().unwrap();
    let facts = CertificateFacts::from_der(params.self_signed(&key).unwrap().der()).unwrap();
    assert!(covers(&facts, &"10.0.0.9".parse().unwrap()));
    // The common name never counts.
    assert!(!covers(&facts, &"leaf".parse().unwrap()));
}

/// Everything a caller does with what it read.
fn exercise(bytes: &[u8]) {
    let contents = read(bytes);
    let certificates: Vec<_> = contents.certificates().cloned().collect();
    for left in &certificates {
        for right in &certificates {
            let _ = signed_by(left, right);
        }
        for key in contents.private_keys() {
            let _ = key_matches(left, key);
        }
        let _ = chain_to(left, &certificates, &certificates);
        let _ = left.lifetime(Timestamp::UNIX_EPOCH);
        let _ = covers(left, &Host::Dns("m1".to_owned()));
    }
    let _ = serde_json::to_string(&contents.readable().collect::<Vec<_>>()).unwrap();
    let _ = errors(bytes);
}

/// Real structures of every kind, DER.
fn samples() -> Vec<Vec<u8>> {
    let mut samples: Vec<Vec<u8>> = [
        data!("never-ends.crt"),
        data!("multi-valued.crt"),
        data!("pss-signed.crt"),
        data!("weak-leaf.crt"),
        data!("cfssl-empty-host.csr"),
        data!("p521-ca.crl"),
    ]
    .into_iter()
    .map(|bytes| crate::pki::pem_blocks(bytes).unwrap()[0].contents.to_vec())
    .collect();
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519] {
        let pkcs8 = generate(algorithm).serialize_der();
        samples.push(inner_key(&pkcs8));
        samples.push(pkcs8);
    }
    samples
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        exercise(&bytes);
        exercise(pem_text("CERTIFICATE", &bytes).as_bytes());
        exercise(pem_text("PRIVATE KEY", &bytes).as_bytes());
    }

    #[test]
    fn arbitrary_lines_never_panic(
        lines in proptest::collection::vec(
            prop_oneof![
                Just("-----BEGIN CERTIFICATE-----".to_owned()),
                Just("-----END CERTIFICATE-----".to_owned()),
                Just("-----BEGIN EC PRIVATE KEY-----".to_owned()),
                Just("-----END EC PRIVATE KEY-----".to_owned()),
                Just("Proc-Type: 4,ENCRYPTED".to_owned()),
                Just("-----END ".to_owned()),
                Just("\u{feff}-----BEGIN X-----".to_owned()),
                "[A-Za-z0-9+/= ]{0,8}",
                ".{0,8}",
            ],
            0..12,
        )
    ) {
        exercise(lines.join("\n").as_bytes());
    }

    #[test]
    fn damaged_structures_never_panic(
        which in 0_usize..10,
        at in any::<proptest::sample::Index>(),
        to in any::<u8>(),
        cut in any::<proptest::sample::Index>(),
        label in prop_oneof![
            Just("CERTIFICATE"), Just("CERTIFICATE REQUEST"), Just("X509 CRL"), Just("PRIVATE KEY"),
            Just("EC PRIVATE KEY"), Just("RSA PRIVATE KEY"), Just("PUBLIC KEY"),
        ],
    ) {
        let mut bytes = samples()[which].clone();
        let at = at.index(bytes.len());
        bytes[at] = to;
        exercise(&bytes);
        exercise(pem_text(label, &bytes).as_bytes());
        bytes.truncate(cut.index(bytes.len()));
        exercise(&bytes);
        exercise(pem_text(label, &bytes).as_bytes());
    }
}
