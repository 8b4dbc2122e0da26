//! One node's files, read once, and which of them belong together.
//!
//! Invariant: each file is parsed once, and a certificate appears under one use only.

use std::path::{Path, PathBuf};

use super::expected::{is_key_name, stem};
use super::finding::At;
use super::tree::{CheckRequest, ExpectedPair, NodeTree, PairUse, TreeFile};
use crate::pki::inspect::{CertificateFacts, Contents, Format, Material, PrivateKeyFacts, read};

/// A file and what it holds.
pub(super) struct Parsed<'a> {
    pub(super) file: &'a TreeFile,
    /// Absent where the file could not be read.
    pub(super) contents: Option<Contents>,
}

/// A certificate and its place in the tree.
pub(super) struct Held<'a> {
    /// Absent where the tree's description does not name the file.
    pub(super) used_as: Option<PairUse>,
    pub(super) at: At<'a>,
    pub(super) facts: &'a CertificateFacts,
    /// The other certificates of the file, from the next one on.
    pub(super) following: Vec<CertificateFacts>,
    /// True for the first certificate of its file, the one that etcd shows.
    pub(super) is_first: bool,
}

/// A certificate's file and its key's.
pub(super) struct Pair {
    /// Absent where the tree's description does not name the pair.
    pub(super) used_as: Option<PairUse>,
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
}

/// A node with its files.
pub(super) struct Node<'a> {
    pub(super) tree: &'a NodeTree,
    pub(super) files: Vec<Parsed<'a>>,
}

impl<'a> Node<'a> {
    /// Parses the files that matter: those expected, those whose names say what they are, those
    /// that hold something recognisable, and those that could not be read.
    pub(super) fn read(tree: &'a NodeTree) -> Self {
        let parse = |file: &'a TreeFile| {
            let contents = file.contents.as_ref().ok().map(|bytes| read(bytes));
            let recognised = contents
                .as_ref()
                .is_none_or(|contents| matches!(contents.format, Format::Pem | Format::Der));
            let expected = tree
                .expected
                .iter()
                .any(|pair| pair.cert == file.path || pair.key == file.path);
            (recognised || expected || stem(&file.path).is_some())
                .then_some(Parsed { file, contents })
        };
        Self {
            tree,
            files: tree.files.iter().filter_map(parse).collect(),
        }
    }

    /// The file of that path.
    pub(super) fn file(&self, path: &Path) -> Option<&Parsed<'a>> {
        self.files.iter().find(|parsed| parsed.file.path == path)
    }

    /// A place in a file.
    pub(super) fn at<'b>(&self, path: &'b Path, line: Option<usize>) -> At<'b>
    where
        'a: 'b,
    {
        let node = self.tree.node.as_ref();
        At { node, path, line }
    }

    /// The use of the certificate file `path`, where the description names it.
    pub(super) fn use_of(&self, path: &Path) -> Option<PairUse> {
        let pair = self.tree.expected.iter().find(|pair| pair.cert == path)?;
        Some(pair.used_as)
    }

    /// True where the description names `path` as a key.
    pub(super) fn is_expected_key(&self, path: &Path) -> bool {
        self.tree.expected.iter().any(|pair| pair.key == path)
    }

    /// Every certificate of the tree.
    pub(super) fn certificates(&self) -> Vec<Held<'_>> {
        let mut all = Vec::new();
        for parsed in &self.files {
            let Some(contents) = &parsed.contents else {
                continue;
            };
            let path = parsed.file.path.as_path();
            let in_file: Vec<_> = contents
                .readable()
                .filter_map(|item| match &item.material {
                    Material::Certificate(facts) => Some((item.place.line, &**facts)),
                    _ => None,
                })
                .collect();
            for (index, (line, facts)) in in_file.iter().enumerate() {
                let following = in_file[index + 1..]
                    .iter()
                    .map(|(_, facts)| (*facts).clone());
                all.push(Held {
                    used_as: self.use_of(path),
                    at: self.at(path, line.filter(|_| in_file.len() > 1)),
                    facts,
                    following: following.collect(),
                    is_first: index == 0,
                });
            }
        }
        all
    }

    /// The certificates in the CA's files.
    pub(super) fn authorities(&self) -> Vec<Held<'_>> {
        let mut held = self.certificates();
        held.retain(|held| held.used_as == Some(PairUse::Ca));
        held
    }

    /// The CAs that must have signed etcd's certificates.
    pub(super) fn trusted(&self, request: &CheckRequest) -> Vec<CertificateFacts> {
        if !request.trusted.is_empty() {
            return request.trusted.clone();
        }
        let own = self.authorities();
        own.into_iter().map(|held| held.facts.clone()).collect()
    }

    /// The pairs expected, then those that the remaining files' names suggest.
    pub(super) fn pairs(&self) -> Vec<Pair> {
        let expected = |pair: &ExpectedPair| Pair {
            used_as: Some(pair.used_as),
            cert: pair.cert.clone(),
            key: pair.key.clone(),
        };
        let mut pairs: Vec<_> = self.tree.expected.iter().map(expected).collect();
        for parsed in &self.files {
            let path = &parsed.file.path;
            let known = pairs
                .iter()
                .any(|pair| pair.cert == *path || pair.key == *path);
            if known || is_key_name(path) {
                continue;
            }
            if let Some(key) = self.key_beside(path) {
                pairs.push(Pair {
                    used_as: None,
                    cert: path.clone(),
                    key,
                });
            }
        }
        pairs
    }

    /// The key file whose name goes with a certificate's.
    pub(super) fn key_beside(&self, cert: &Path) -> Option<PathBuf> {
        let keys = self.files.iter().map(|parsed| &parsed.file.path);
        let mut keys = keys.filter(|path| is_key_name(path));
        let goes_with = |key: &&PathBuf| {
            key.parent() == cert.parent() && stem(key).is_some() && stem(key) == stem(cert)
        };
        keys.find(goes_with).cloned()
    }

    /// Every private key of the tree.
    pub(super) fn private_keys(&self) -> impl Iterator<Item = (&Path, &PrivateKeyFacts)> {
        self.files.iter().flat_map(|parsed| {
            let path = parsed.file.path.as_path();
            let contents = parsed.contents.iter();
            contents.flat_map(move |contents| contents.private_keys().map(move |key| (path, key)))
        })
    }
}

impl Parsed<'_> {
    /// The first certificate.
    pub(super) fn certificate(&self) -> Option<&CertificateFacts> {
        self.contents.as_ref()?.certificates().next()
    }

    /// The first private key.
    pub(super) fn private_key(&self) -> Option<&PrivateKeyFacts> {
        self.contents.as_ref()?.private_keys().next()
    }
}
