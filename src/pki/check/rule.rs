//! The rules, their ids and their names.
//!
//! Invariant: an id is never reused for another meaning. Ids are grouped by tens: files, keys,
//! bundles, authorities, trust, time, names, usages, strength, duplicates, nodes.

use std::fmt::{self, Write as _};

use serde::{Serialize, Serializer};

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $variant:ident $id:literal $name:literal;)+) => {
        /// A rule that a tree of certificates can break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Rule {
            /// Every rule, in the order of the ids.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The id, such as `P001`.
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$variant => $id,)+
                }
            }

            /// The name, such as `missing-file`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What the rule finds, in one sentence.
            pub fn summary(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

rules! {
    /// A pair that must be there is not.
    MissingFile "P001" "missing-file";
    /// A file cannot be read.
    UnreadableFile "P002" "unreadable-file";
    /// A file has no contents.
    EmptyFile "P003" "empty-file";
    /// A file is not PEM, the only form that etcd reads.
    NotPem "P004" "not-pem";
    /// A PEM block is damaged, or its contents are.
    DamagedPem "P005" "damaged-pem";
    /// Text stands around the PEM blocks.
    StrayText "P006" "stray-text";
    /// A file holds another kind of thing than its name says.
    WrongKind "P007" "wrong-kind";
    /// A certificate has no private key beside it.
    CertificateWithoutKey "P008" "certificate-without-key";
    /// A private key has no certificate beside it.
    KeyWithoutCertificate "P009" "key-without-certificate";

    /// A private key does not belong to its certificate.
    KeyMismatch "P010" "key-mismatch";
    /// A private key can be read or written by others than its owner.
    KeyExposed "P011" "key-exposed";
    /// A private key is encrypted, which etcd cannot read.
    KeyEncrypted "P012" "key-encrypted";
    /// A certificate file also holds a private key.
    KeyInCertificateFile "P013" "key-in-certificate-file";
    /// A key file holds several private keys.
    SeveralKeys "P014" "several-keys";
    /// A private key is owned by somebody unexpected.
    KeyOwner "P015" "key-owner";
    /// A certificate or CA file can be replaced by others than its owner.
    WritableByOthers "P016" "writable-by-others";

    /// A leaf's file holds further certificates that do not lead to its CA.
    SeveralCertificates "P020" "several-certificates";
    /// A trust bundle holds several CAs.
    SeveralCas "P021" "several-cas";

    /// A trusted CA does not say that it is one.
    NotACa "P030" "not-a-ca";
    /// A CA's key usage does not allow it to sign certificates.
    CaWithoutCertSign "P031" "ca-without-cert-sign";
    /// More CAs stand between leaf and root than the path length allows.
    PathLength "P032" "path-length";
    /// A leaf is a CA.
    LeafIsCa "P033" "leaf-is-ca";
    /// A CA's extended key usage does not allow what its leaves need.
    CaUsage "P034" "ca-usage";
    /// A CA's name constraints do not allow a name of its leaf.
    NameConstraint "P035" "name-constraint";

    /// A certificate was signed by a CA that is not trusted here.
    NotSignedByCa "P040" "not-signed-by-ca";
    /// A certificate was signed by a CA of the same name but with another key.
    WrongCaSameName "P041" "wrong-ca-same-name";
    /// The key identifiers of certificate and CA differ although the signature holds.
    KeyIdMismatch "P042" "key-id-mismatch";
    /// A signature cannot be verified.
    Unverifiable "P043" "unverifiable-signature";
    /// A certificate carries a critical extension that etcd's TLS library refuses.
    UnknownCritical "P044" "unknown-critical-extension";
    /// A certificate is revoked by a CRL in the tree.
    Revoked "P045" "revoked";

    /// A certificate has expired.
    Expired "P050" "expired";
    /// A certificate is not valid yet.
    NotYetValid "P051" "not-yet-valid";
    /// A certificate expires soon.
    ExpiresSoon "P052" "expires-soon";
    /// A certificate outlives its CA.
    OutlivesCa "P053" "outlives-ca";
    /// A CRL is overdue.
    StaleCrl "P054" "stale-crl";

    /// A server or peer certificate lacks an address of its node.
    MissingAddress "P060" "missing-address";
    /// A server or peer certificate lacks a name of its node.
    MissingName "P061" "missing-name";
    /// A server or peer certificate lacks localhost or a loopback address.
    MissingLoopback "P062" "missing-loopback";
    /// A certificate or request carries an empty DNS name.
    EmptyName "P063" "empty-name";
    /// A server or peer certificate carries no names at all.
    NoNames "P064" "no-names";
    /// A certificate or request carries a DNS name that is none.
    MalformedName "P065" "malformed-name";

    /// A certificate lacks an extended key usage that its use needs.
    MissingUsage "P070" "missing-usage";
    /// A certificate carries an extended key usage that its use does not need.
    NeedlessUsage "P071" "needless-usage";
    /// A leaf's key usage lacks digital signature.
    KeyUsage "P072" "key-usage";

    /// A key is too short.
    WeakKey "P080" "weak-key";
    /// A signature rests on a broken hash.
    WeakSignature "P081" "weak-signature";
    /// A key is of a kind that etcd's TLS library cannot use.
    UnusableKey "P082" "unusable-key";

    /// Two certificates of one CA carry the same serial number.
    DuplicateSerial "P090" "duplicate-serial";
    /// Two certificates share one key.
    SharedKey "P091" "shared-key";

    /// Nodes trust different CAs.
    CaDiffers "P100" "ca-differs";
    /// The CA's private key lies on a node that does not need it.
    CaKeyOnNode "P101" "ca-key-on-node";
    /// Nodes share one server or peer certificate.
    SharedByNodes "P102" "shared-by-nodes";
}

impl Rule {
    /// The document `docs/certificate-rules.md`.
    pub fn document() -> String {
        let mut text = String::from(
            "# What `etcdha certs check` finds\n\nAn id never changes its meaning. Whether a finding \
             is an error (it fails or is unsafe today) or a warning depends on the rule and, for \
             some, on what the file is used for.\n\n| Id | Name | Found |\n|---|---|---|\n",
        );
        for rule in Self::ALL {
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "| {} | {} | {} |",
                rule.id(),
                rule.name(),
                rule.summary()
            );
        }
        text
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_sorted_and_names_are_kebab_case() {
        assert!(Rule::ALL.is_sorted_by(|a, b| a.id() < b.id()));
        for rule in Rule::ALL {
            let kebab = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(rule.name().chars().all(kebab), "{}", rule.name());
            assert!(rule.summary().ends_with('.'), "{}", rule.summary());
        }
    }
}
