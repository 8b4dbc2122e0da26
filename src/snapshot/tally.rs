//! What a snapshot holds besides its keys: leases, users, roles. Reads the small buckets only.

use std::collections::BTreeSet;

use prost::Message;

use super::error::SnapshotError;
use super::marks::find;
use crate::datadir::bolt::{Image, ReadAt};
use crate::datadir::schema::{BucketName, Lease};

/// The small buckets of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Every lease: its id, and the seconds that it has from a restore on.
    pub leases: Vec<(i64, i64)>,
    /// Names of the users.
    pub users: BTreeSet<String>,
    /// Names of the roles.
    pub roles: BTreeSet<String>,
    /// True where authentication is on.
    pub auth_enabled: bool,
}

/// Reads leases, users and roles.
///
/// # Errors
/// A source that fails, or a file that is damaged.
pub fn tally<R: ReadAt>(image: &Image<R>) -> Result<Tally, SnapshotError> {
    let mut found = Tally::default();
    for bucket in image.buckets()? {
        let Some(name) = BucketName::parse(&bucket.name) else {
            continue;
        };
        if !matches!(
            name,
            BucketName::Lease | BucketName::Auth | BucketName::AuthUsers | BucketName::AuthRoles
        ) {
            continue;
        }
        let mut entries = image.entries(&bucket);
        while let Some(entry) = entries.next()? {
            found.add(name, entry.key, entry.value);
        }
    }
    Ok(found)
}

impl Tally {
    fn add(&mut self, bucket: BucketName, key: &[u8], value: &[u8]) {
        let text = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
        match bucket {
            BucketName::Lease => {
                // One that can't be read is for `verify` to tell.
                if let Ok(lease) = Lease::decode(value) {
                    let seconds = match lease.remaining_ttl {
                        0 => lease.ttl,
                        remaining => remaining,
                    };
                    self.leases.push((lease.id, seconds));
                }
            }
            BucketName::AuthUsers => {
                self.users.insert(text(key));
            }
            BucketName::AuthRoles => {
                self.roles.insert(text(key));
            }
            BucketName::Auth if key == b"authEnabled" => self.auth_enabled = value == [1],
            _ => {}
        }
    }
}

/// True where the revisions were moved on by a restore once: that leaves an entry with an empty value,
/// which a server counts as the key "" and gives to nobody.
///
/// # Errors
/// As [`tally`].
pub fn has_bump_entry<R: ReadAt>(image: &Image<R>) -> Result<bool, SnapshotError> {
    let buckets = image.buckets()?;
    let mut entries = image.entries(find(&buckets, BucketName::Key)?);
    while let Some(entry) = entries.next()? {
        if entry.value.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;

    use super::*;

    fn image(name: &str) -> Image<File> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/snapshots");
        Image::open(File::open(path.join(name)).unwrap()).unwrap()
    }

    #[test]
    fn users_and_roles_are_named() {
        let image = image("etcd-3.5-auth.snapshot.db");
        let found = tally(&image).unwrap();
        assert_eq!(found.users.len(), 1, "{found:?}");
        assert_eq!(found.roles.len(), 1, "{found:?}");
        assert!(!found.auth_enabled);
        assert!(!has_bump_entry(&image).unwrap());
    }

    #[test]
    fn a_lease_has_what_was_left_of_it() {
        let mut found = Tally::default();
        for remaining_ttl in [0, 7] {
            let lease = Lease {
                id: 1 + remaining_ttl,
                ttl: 60,
                remaining_ttl,
            };
            found.add(BucketName::Lease, b"", &lease.encode_to_vec());
        }
        assert_eq!(found.leases, [(1, 60), (8, 7)]);
    }
}
