//! Can every file be read, is it whole, has it the right mode, and has it a partner at all?

use std::path::Path;

use super::expected::is_key_name;
use super::finding::{Findings, Severity};
use super::pairs::{Node, Parsed};
use super::rule::Rule;
use super::tree::PairUse;
use crate::pki::inspect::{Contents, Format, InspectError, Material, PublicKeyFacts, key_matches};

/// Runs the rules on single files.
pub(super) fn check(node: &Node<'_>, findings: &mut Findings) {
    for parsed in &node.files {
        readable(node, parsed, findings);
        modes(node, parsed, findings);
    }
    loners(node, findings);
}

/// Whether the file can be read and its blocks are sound.
fn readable(node: &Node<'_>, parsed: &Parsed<'_>, findings: &mut Findings) {
    let at = node.at(&parsed.file.path, None);
    let contents = match (&parsed.contents, &parsed.file.contents) {
        (Some(contents), _) => contents,
        (None, Err(why)) => {
            let fix = "run the check as root, or repair the file's owner and mode".to_owned();
            return findings.error(Rule::UnreadableFile, at, why.clone(), fix);
        }
        (None, Ok(_)) => return,
    };
    for error in contents.items.iter().filter_map(|item| item.as_ref().err()) {
        let rule = match error {
            InspectError::Empty => Rule::EmptyFile,
            InspectError::Mislabelled { .. } | InspectError::Unsupported { .. } => Rule::WrongKind,
            _ => Rule::DamagedPem,
        };
        let fix = "restore the file from a backup, or issue it anew: etcdha certs renew".to_owned();
        findings.error(rule, at, error.to_string(), fix);
    }
    let path = &parsed.file.path;
    let in_pair = node.use_of(path).is_some() || node.is_expected_key(path);
    if contents.format == Format::Der && in_pair {
        let consequence = match node.use_of(path) {
            Some(PairUse::Ca) => "etcd starts with it and then trusts nobody",
            _ => "etcd does not start with it",
        };
        let message = format!("found DER, expected PEM: {consequence}");
        let command = if node.is_expected_key(path) {
            "pkey"
        } else {
            "x509"
        };
        let fix = format!(
            "openssl {command} -inform der -in {0} -out {0}.pem",
            path.display()
        );
        findings.error(Rule::NotPem, at, message, fix);
    }
    stray(node, parsed, contents, findings);
}

fn stray(node: &Node<'_>, parsed: &Parsed<'_>, contents: &Contents, findings: &mut Findings) {
    let path = &parsed.file.path;
    if let Some(remains) = contents.stray.iter().find(|stray| stray.looks_like_pem) {
        let message = "this line looks like part of a BEGIN or END line but is none: etcd skips \
                       the block it belongs to";
        let fix = "repair the line: -----BEGIN CERTIFICATE----- with five dashes on each side";
        let at = node.at(path, Some(remains.line));
        findings.error(Rule::DamagedPem, at, message.to_owned(), fix.to_owned());
    } else if let Some(first) = contents.stray.first() {
        let lines = match contents.stray.len() {
            1 => "1 line of text stands".to_owned(),
            count => format!("{count} lines of text stand"),
        };
        let message =
            format!("{lines} around the PEM blocks; etcd skips them, other tools may not");
        let fix = "keep the blocks only: from each -----BEGIN to its -----END line".to_owned();
        let at = node.at(path, Some(first.line));
        findings.warning(Rule::StrayText, at, message, fix);
    }
}

/// Whether keys are private and certificates safe from replacement.
fn modes(node: &Node<'_>, parsed: &Parsed<'_>, findings: &mut Findings) {
    let file = parsed.file;
    let path = file.path.display();
    let at = node.at(&file.path, None);
    let mode = file.mode & 0o7777;
    let holds_key = parsed.private_key().is_some() || node.is_expected_key(&file.path);
    if holds_key && mode & 0o077 != 0 {
        // A group of its own may be meant; everybody never is.
        let only_group_reads = mode & 0o037 == 0;
        let (severity, who) = if only_group_reads {
            (Severity::Warning, "its group")
        } else if mode & 0o007 == 0 {
            (Severity::Error, "its group")
        } else {
            (Severity::Error, "everybody on the host")
        };
        let can = if mode & 0o022 == 0 { "read" } else { "replace" };
        let message =
            format!("the private key has mode {mode:04o}, expected 0600: {who} can {can} it");
        findings.push(
            severity,
            Rule::KeyExposed,
            at,
            message,
            format!("chmod 600 {path}"),
        );
    }
    if holds_key && let Some(owner) = node.tree.key_owner.filter(|owner| *owner != file.uid) {
        let message = format!(
            "the private key is owned by uid {}, expected {owner}",
            file.uid
        );
        findings.warning(Rule::KeyOwner, at, message, format!("chown {owner} {path}"));
    }
    if !holds_key && node.use_of(&file.path).is_some() && mode & 0o022 != 0 {
        let (severity, who) = if mode & 0o002 == 0 {
            (Severity::Warning, "its group")
        } else {
            (Severity::Error, "everybody on the host")
        };
        let message = format!(
            "the certificate has mode {mode:04o}, expected 0644: {who} can put another in its place"
        );
        findings.push(
            severity,
            Rule::WritableByOthers,
            at,
            message,
            format!("chmod 644 {path}"),
        );
    }
}

/// Certificates and keys outside of the expected pairs that have no partner anywhere in the tree.
fn loners(node: &Node<'_>, findings: &mut Findings) {
    let certificates = node.certificates();
    for (path, private) in node.private_keys() {
        let partner = certificates
            .iter()
            .any(|held| key_matches(held.facts, private) == Some(true));
        // An encrypted key cannot be compared: its name has to do.
        let by_name = private.public_key.is_none()
            && certificates
                .iter()
                .any(|held| node.key_beside(held.at.path).as_deref() == Some(path));
        if !partner
            && !by_name
            && !paired(node, path)
            && !public_half_is_there(node, private.public_key.as_ref())
        {
            let message =
                "no certificate, request or public key in the tree belongs to this private key";
            let fix = "remove the key if nothing uses it".to_owned();
            findings.warning(
                Rule::KeyWithoutCertificate,
                node.at(path, None),
                message.to_owned(),
                fix,
            );
        }
    }
    for held in certificates
        .iter()
        .filter(|held| held.is_first && held.used_as.is_none())
    {
        let mut keys = node.private_keys();
        let has_key = keys.any(|(_, key)| key_matches(held.facts, key) != Some(false));
        if !has_key
            && !held.facts.is_ca()
            && node.key_beside(held.at.path).is_none()
            && !is_key_name(held.at.path)
        {
            let message = "no private key in the tree belongs to this certificate".to_owned();
            let fix = "put its key beside it, or remove it if nothing uses it".to_owned();
            findings.warning(Rule::CertificateWithoutKey, held.at, message, fix);
        }
    }
}

/// True where the key's partner was looked for already, by name.
fn paired(node: &Node<'_>, key: &Path) -> bool {
    let mut pairs = node.pairs().into_iter();
    pairs.any(|pair| pair.key == key || pair.cert == key)
}

fn public_half_is_there(node: &Node<'_>, public: Option<&PublicKeyFacts>) -> bool {
    let Some(public) = public else {
        return false;
    };
    let mut items = node
        .files
        .iter()
        .flat_map(|parsed| parsed.contents.iter())
        .flat_map(Contents::readable);
    items.any(|item| match &item.material {
        Material::PublicKey(other) => public.same_key(other),
        Material::Request(request) => public.same_key(&request.public_key),
        _ => false,
    })
}
