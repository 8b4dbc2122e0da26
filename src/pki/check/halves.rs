//! Are both halves of each pair there, of the right kind, and made for each other?

use std::path::Path;

use super::finding::{At, Findings};
use super::pairs::{Node, Pair, Parsed};
use super::rule::Rule;
use super::tree::PairUse;
use crate::pki::inspect::{
    Contents, Item, KeyEncoding, KeyFamily, Material, PrivateKeyFacts, key_matches, signed_by,
};

const REISSUE: &str = "issue the pair anew: etcdha certs renew";

/// Runs the rules on pairs.
pub(super) fn check(node: &Node<'_>, findings: &mut Findings) {
    for pair in node.pairs() {
        presence(node, &pair, findings);
        kinds(node, &pair, findings);
        key(node, &pair, findings);
        if let Some(parsed) = node.file(&pair.cert) {
            blocks(node, &pair, parsed, findings);
            bundle(node, &pair, parsed, findings);
        }
    }
}

/// Whether both halves of an expected pair are there.
fn presence(node: &Node<'_>, pair: &Pair, findings: &mut Findings) {
    let Some(used_as) = pair.used_as else {
        return;
    };
    let (at_cert, at_key) = (node.at(&pair.cert, None), node.at(&pair.key, None));
    let fix = "etcdha certs gen".to_owned();
    match (node.file(&pair.cert), node.file(&pair.key)) {
        (None, _) if used_as == PairUse::Ca => {
            let message = "the CA certificate is not there: nothing can be verified".to_owned();
            findings.error(Rule::MissingFile, at_cert, message, fix);
        }
        (None, None) => {
            let message = format!("the {used_as} certificate and its key are not there");
            findings.error(Rule::MissingFile, at_cert, message, fix);
        }
        (None, Some(_)) => {
            let message = format!("its certificate {} is not there", pair.cert.display());
            findings.error(Rule::KeyWithoutCertificate, at_key, message, fix);
        }
        (Some(cert), None) if used_as != PairUse::Ca && cert.private_key().is_none() => {
            let message = format!("its private key {} is not there", pair.key.display());
            let fix = REISSUE.to_owned();
            findings.error(Rule::CertificateWithoutKey, at_cert, message, fix);
        }
        (Some(_), _) => {}
    }
}

/// How many certificates and private keys a file holds.
fn counts(contents: Option<&Contents>) -> (usize, usize) {
    contents.map_or((0, 0), |it| {
        (it.certificates().count(), it.private_keys().count())
    })
}

/// Whether the certificate's file holds a certificate, and the key's a key.
fn kinds(node: &Node<'_>, pair: &Pair, findings: &mut Findings) {
    let contents = |path: &Path| node.file(path)?.contents.as_ref();
    let (in_cert, in_key) = (contents(&pair.cert), contents(&pair.key));
    let swapped = matches!((counts(in_cert), counts(in_key)), ((0, 1..), (1.., 0)));
    let fix = if swapped {
        format!("swap {} and {}", pair.cert.display(), pair.key.display())
    } else {
        REISSUE.to_owned()
    };
    let readable = |contents: &&Contents| contents.readable().next().is_some();
    if let Some(found) = in_cert
        .filter(readable)
        .filter(|it| counts(Some(it)).0 == 0)
    {
        let message = format!("found {}, expected a certificate", found.nouns());
        findings.error(
            Rule::WrongKind,
            node.at(&pair.cert, None),
            message,
            fix.clone(),
        );
    }
    if let Some(found) = in_key.filter(readable).filter(|it| counts(Some(it)).1 == 0) {
        let message = format!("found {}, expected a private key", found.nouns());
        findings.error(Rule::WrongKind, node.at(&pair.key, None), message, fix);
    }
}

/// Whether each block of an expected certificate file may stand there. etcd hands every block of a
/// trust bundle to its certificate parser, whatever the label; of a leaf's file, Go's TLS library
/// takes the blocks labelled `CERTIFICATE` and skips the rest.
fn blocks(node: &Node<'_>, pair: &Pair, parsed: &Parsed<'_>, findings: &mut Findings) {
    let Some(used_as) = pair.used_as else {
        return;
    };
    let Some(contents) = parsed.contents.as_ref().filter(|it| counts(Some(it)).0 > 0) else {
        return;
    };
    for item in contents.readable() {
        let at = node.at(&pair.cert, item.place.line);
        if used_as == PairUse::Ca {
            block_of_ca(at, item, findings);
        } else {
            block_of_leaf(at, pair, item, findings);
        }
    }
}

fn block_of_ca(at: At<'_>, item: &Item, findings: &mut Findings) {
    let rule = match &item.material {
        Material::Certificate(_) => return,
        Material::PrivateKey(_) => Rule::KeyInCertificateFile,
        _ => Rule::WrongKind,
    };
    let message = format!(
        "the trust bundle also holds {}: etcd does not start with it",
        item.material.noun()
    );
    let fix = "keep nothing but CA certificates in it".to_owned();
    findings.error(rule, at, message, fix);
}

fn block_of_leaf(at: At<'_>, pair: &Pair, item: &Item, findings: &mut Findings) {
    match (&item.material, item.label.as_deref()) {
        (Material::Certificate(_), Some(label)) if label != "CERTIFICATE" => {
            let message =
                format!("the block is labelled {label:?}, expected \"CERTIFICATE\": etcd skips it");
            let fix = "write CERTIFICATE into its BEGIN and END lines".to_owned();
            findings.error(Rule::WrongKind, at, message, fix);
        }
        (Material::PrivateKey(_), _) => {
            let message = "the certificate's file also holds a private key".to_owned();
            let fix = format!("keep the key in {} only", pair.key.display());
            findings.warning(Rule::KeyInCertificateFile, at, message, fix);
        }
        _ => {}
    }
}

/// Whether the key is one that etcd can use, and belongs to the certificate.
fn key(node: &Node<'_>, pair: &Pair, findings: &mut Findings) {
    let Some(parsed) = node.file(&pair.key).or_else(|| node.file(&pair.cert)) else {
        return;
    };
    let Some(private) = parsed.private_key() else {
        return;
    };
    let at = node.at(&parsed.file.path, None);
    let (_, count) = counts(parsed.contents.as_ref());
    if count > 1 {
        let message = format!("{count} private keys in one file: only the first one is used");
        let fix = "keep the one that belongs to the certificate".to_owned();
        findings.warning(Rule::SeveralKeys, at, message, fix);
    }
    let certificate = node.file(&pair.cert).and_then(Parsed::certificate);
    if let Some(certificate) = certificate
        && key_matches(certificate, private) == Some(false)
    {
        let message = format!(
            "the private key ({private}) does not belong to the certificate in {} ({})",
            pair.cert.display(),
            certificate.public_key
        );
        findings.error(Rule::KeyMismatch, at, message, REISSUE.to_owned());
    }
    usable(at, pair, private, findings);
}

/// Whether etcd can load the key. A CA's key is for us alone, so it may be encrypted.
fn usable(at: At<'_>, pair: &Pair, private: &PrivateKeyFacts, findings: &mut Findings) {
    let path = at.path.display();
    if private.encrypted && pair.used_as.is_some_and(|used_as| used_as != PairUse::Ca) {
        let message = format!(
            "the private key is encrypted ({}): etcd cannot ask for a passphrase",
            private.encoding
        );
        let fix = format!("openssl pkey -in {path} -out {path}.plain, then put that in its place");
        findings.error(Rule::KeyEncrypted, at, message, fix);
    }
    let opaque = !private.encrypted && private.public_key.is_none();
    if opaque && private.encoding == KeyEncoding::Other {
        let message = "the private key is in OpenSSH's own format, which etcd does not read";
        let fix = format!("ssh-keygen -p -m PEM -f {path}");
        findings.error(Rule::UnusableKey, at, message.to_owned(), fix);
    }
    let algorithm = private.public_key.as_ref().map(|key| &key.algorithm);
    if let Some(KeyFamily::Other(name)) = algorithm {
        let message = format!(
            "a private key of kind {name} cannot serve TLS, expected RSA, ECDSA or Ed25519"
        );
        findings.error(Rule::UnusableKey, at, message, REISSUE.to_owned());
    }
}

/// Whether further certificates in a file have a reason to be there.
fn bundle(node: &Node<'_>, pair: &Pair, parsed: &Parsed<'_>, findings: &mut Findings) {
    let contents = parsed.contents.iter();
    let certificates: Vec<_> = contents.flat_map(Contents::certificates).collect();
    let count = certificates.len();
    if count < 2 {
        return;
    }
    let at = node.at(&parsed.file.path, None);
    if pair.used_as == Some(PairUse::Ca) {
        let names = certificates.iter().map(|ca| ca.subject.text.as_str());
        let names = names.collect::<Vec<_>>().join("; ");
        let message = format!("the trust bundle holds {count} CAs: {names}");
        let fix = "right while a CA is being rotated; afterwards remove the old one".to_owned();
        return findings.warning(Rule::SeveralCas, at, message, fix);
    }
    let is_issuer = |two: &[&_]| signed_by(two[0], two[1]).is_ok();
    if !certificates.windows(2).all(is_issuer) {
        let message = format!(
            "{count} certificates in one file: etcd shows the first ({}) as its own, and the next \
             is not its issuer",
            certificates[0].subject.text
        );
        let fix = "keep the certificate, and after it the intermediate CAs that lead to the root";
        findings.warning(Rule::SeveralCertificates, at, message, fix.to_owned());
    }
}
