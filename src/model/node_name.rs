//! The name of a node, which is also its member's name and a file name: an RFC 1123 subdomain.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name Kubernetes accepts for a node (RFC 1123 subdomain).
const MAX_LEN: usize = 253;

/// A node's name: lower-case letters, digits, `-` and `.`, starting and ending alphanumeric.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct NodeName(String);

/// Why a text is no node name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is no node name: expected at most 253 lower-case letters, digits, '-' and '.', \
     each part starting and ending with a letter or digit"
)]
pub struct NodeNameError {
    /// The text that was given.
    pub found: String,
}

impl NodeName {
    /// Borrows the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeName {
    type Err = NodeNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = text.len() <= MAX_LEN && text.split('.').all(is_label);
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(NodeNameError {
                found: text.to_owned(),
            })
        }
    }
}

fn is_label(label: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = label.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(&first), Some(&last)) => {
            bytes.len() <= 63
                && alphanumeric(first)
                && alphanumeric(last)
                && bytes.iter().all(|&byte| alphanumeric(byte) || byte == b'-')
        }
        _ => false,
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for NodeName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_rfc_1123() {
        for good in ["m1", "node-1.example.com", "0a"] {
            assert_eq!(good.parse::<NodeName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "M1",
            "-a",
            "a-",
            "a..b",
            "a_b",
            "a/b",
            "..",
            &"a".repeat(64),
        ] {
            assert!(bad.parse::<NodeName>().is_err(), "{bad:?}");
        }
    }
}
