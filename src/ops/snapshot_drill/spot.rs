//! Keys that an operator expects in a backup, and whether they are there.
//!
//! Invariant: of a value only its digest is compared, and neither is ever shown: it may be a Secret.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::cluster::{ClusterError, Connection, KeyAt};
use crate::model::Revision;

/// Parts a key from the digest of its value.
const DIGEST: &str = "=sha256:";

/// A key that has to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpotKey {
    /// The key as etcd has it, such as `/registry/namespaces/default`, or the beginning of many.
    pub key: String,
    wanted: Wanted,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// The key.
    Present,
    /// The key, and a value with this SHA-256.
    Digest([u8; 32]),
    /// Any key that begins so.
    Below,
}

/// Why a text names no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; expected KEY, KEY/ for any key below it, or KEY=sha256:HEX")]
pub struct SpotKeyError {
    reason: String,
}

/// What was found of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spotted {
    /// The key.
    pub key: String,
    /// What of it was compared.
    pub compared: &'static str,
    /// What was found: `1,203 bytes, revision 4711`, `12 keys`, `absent`.
    pub found: String,
    /// True where it is as it should be.
    pub is_right: bool,
}

impl FromStr for SpotKey {
    type Err = SpotKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason: String| SpotKeyError { reason };
        let (key, wanted) = match text.split_once('=') {
            None if text.ends_with('/') => (text, Wanted::Below),
            None => (text, Wanted::Present),
            Some((key, _)) => {
                let digest = text[key.len()..].strip_prefix(DIGEST);
                // A value must not stand in a list of processes.
                let digest = digest.ok_or_else(|| fail("a value is not given as it is".into()))?;
                let digest = unhex(digest)
                    .ok_or_else(|| fail(format!("{digest:?} is no SHA-256 of 64 hex digits")))?;
                (key, Wanted::Digest(digest))
            }
        };
        if key.is_empty() {
            return Err(fail("the key is empty".into()));
        }
        Ok(Self {
            key: key.to_owned(),
            wanted,
        })
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

impl fmt::Display for SpotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)
    }
}

impl SpotKey {
    /// Looks for it as it was at a revision.
    pub(super) async fn look(
        &self,
        connection: &Connection,
        revision: Revision,
    ) -> Result<Spotted, ClusterError> {
        let Wanted::Below = self.wanted else {
            let found = connection.read_key_at(&self.key, revision).await?;
            return Ok(self.judge(found.as_ref()));
        };
        let count = connection.count_at(&self.key, revision).await?;
        Ok(Spotted {
            key: self.key.clone(),
            compared: "keys below",
            found: match count {
                0 => "none".to_owned(),
                1 => "1 key".to_owned(),
                many => format!("{many} keys"),
            },
            is_right: count > 0,
        })
    }

    fn judge(&self, found: Option<&KeyAt>) -> Spotted {
        let (compared, is_right) = match &self.wanted {
            Wanted::Digest(digest) => {
                let is_right = |found: &KeyAt| Sha256::digest(&*found.value).as_slice() == digest;
                ("SHA-256 of value", found.is_some_and(is_right))
            }
            Wanted::Present | Wanted::Below => ("presence", found.is_some()),
        };
        let text = match found {
            None => "absent".to_owned(),
            Some(_) if !is_right => "another value".to_owned(),
            Some(found) => format!(
                "{} bytes, revision {}",
                found.value.len(),
                found.mod_revision
            ),
        };
        Spotted {
            key: self.key.clone(),
            compared,
            found: text,
            is_right,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Half of one.
    const HUSH: &str = "4fa38d1c6cb2a07d6aee8e62f6b1e1d2";

    fn spot(text: &str) -> SpotKey {
        text.parse().unwrap()
    }

    fn at(value: &[u8]) -> KeyAt {
        KeyAt {
            value: value.to_vec().into(),
            mod_revision: 7,
        }
    }

    #[test]
    fn presence_and_digests_are_judged_without_a_value() {
        let here = spot("/registry/namespaces/default").judge(Some(&at(b"hush")));
        assert!(here.is_right);
        assert_eq!(here.found, "4 bytes, revision 7");
        let absent = spot("/registry/namespaces/default").judge(None);
        assert_eq!((absent.is_right, absent.found.as_str()), (false, "absent"));
        let digest: String = Sha256::digest(b"hush")
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        let digested = spot(&format!("/a=sha256:{digest}"));
        assert!(digested.judge(Some(&at(b"hush"))).is_right);
        let other = digested.judge(Some(&at(b"loud")));
        assert_eq!(
            (other.is_right, other.found.as_str()),
            (false, "another value")
        );
        assert!(!digested.judge(None).is_right);
    }

    #[test]
    fn what_is_no_key_says_what_is_one() {
        for (text, reason) in [
            ("", "the key is empty"),
            ("=sha256:", "is no SHA-256"),
            ("/a=hush", "a value is not given as it is"),
            (&format!("/a=sha256:{HUSH}"), "is no SHA-256"),
        ] {
            let error = text.parse::<SpotKey>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(error.contains("KEY=sha256:HEX"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<SpotKey>();
        }
    }
}
