//! Where a snapshot is, or is to be: a path, or an object of an S3-compatible store.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What the name of a place in an S3-compatible store begins with.
const S3: &str = "s3://";

/// A path, or an object or prefix of a store. Reads and writes as `/var/backups/x.db`, `s3://bucket/x.db`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SnapshotPlace {
    /// On this machine.
    Path(PathBuf),
    /// In a store.
    Object(ObjectPlace),
}

/// An object, or the prefix that objects have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectPlace {
    /// The bucket.
    pub bucket: String,
    /// The key, or the beginning of keys; never begins with `/`.
    pub key: String,
}

/// No place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// Not what such a name looks like.
    #[error(
        "expected s3://BUCKET or s3://BUCKET/PREFIX, the bucket of 3 to 63 letters, digits, dots and dashes"
    )]
    Malformed,
    /// Another kind of store.
    #[error("no store that is known; expected a path, or s3://BUCKET/PREFIX")]
    Scheme,
}

impl SnapshotPlace {
    /// Reads a place.
    ///
    /// # Errors
    /// An `s3://` without a bucket, or another `…://`.
    pub fn parse(text: &OsStr) -> Result<Self, PlaceError> {
        let Some(text) = text.to_str() else {
            return Ok(Self::Path(text.into()));
        };
        if let Some(rest) = text.strip_prefix(S3) {
            let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            let is_bucket = (3..=63).contains(&bucket.len()) && bucket.bytes().all(known);
            let is_key = !key.starts_with('/') && !key.contains("//") && key.len() <= 900;
            if !is_bucket || !is_key || key.chars().any(char::is_control) {
                return Err(PlaceError::Malformed);
            }
            return Ok(Self::Object(ObjectPlace {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            }));
        }
        match text.split_once("://") {
            Some((scheme, _)) if !scheme.contains('/') => Err(PlaceError::Scheme),
            _ => Ok(Self::Path(text.into())),
        }
    }

    /// The last part of its name.
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => {
                let name = path.file_name().unwrap_or_default();
                name.to_string_lossy().into_owned()
            }
            Self::Object(object) => {
                let name = object.key.rsplit('/').next();
                name.unwrap_or_default().to_owned()
            }
        }
    }

    /// The place of this name within it.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        match self {
            Self::Path(path) => Self::Path(path.join(name)),
            Self::Object(object) => Self::Object(object.join(name)),
        }
    }

    /// The place whose name goes on with this.
    #[must_use]
    pub fn with_more(&self, more: &str) -> Self {
        match self {
            Self::Path(path) => {
                let mut name = path.as_os_str().to_owned();
                name.push(more);
                Self::Path(name.into())
            }
            Self::Object(object) => Self::Object(ObjectPlace {
                key: format!("{}{more}", object.key),
                ..object.clone()
            }),
        }
    }

    /// The path, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Object(_) => None,
        }
    }
}

impl ObjectPlace {
    /// The prefix that the object is below.
    #[must_use]
    pub fn parent(&self) -> Self {
        let key = self.key.rsplit_once('/').map_or("", |(prefix, _)| prefix);
        Self {
            bucket: self.bucket.clone(),
            key: key.to_owned(),
        }
    }

    /// The object of this name below the prefix.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        let key = match self.key.trim_end_matches('/') {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        };
        let bucket = self.bucket.clone();
        Self { bucket, key }
    }
}

impl fmt::Display for ObjectPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{S3}{}/{}", self.bucket, self.key)
    }
}

impl fmt::Display for SnapshotPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Object(object) => object.fmt(f),
        }
    }
}

impl From<PathBuf> for SnapshotPlace {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl Serialize for SnapshotPlace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // As a path always was.
            Self::Path(path) => path.serialize(serializer),
            Self::Object(object) => serializer.collect_str(object),
        }
    }
}

impl<'de> Deserialize<'de> for SnapshotPlace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(OsStr::new(&text)).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SnapshotPlace, PlaceError> {
        SnapshotPlace::parse(OsStr::new(text))
    }

    #[test]
    fn places_read_as_they_are_written() {
        for text in [
            "/var/backups",
            "a.db",
            "s3://etcd/x.db",
            "s3://my.bucket/prod/x.db.zst.age",
        ] {
            let place = parse(text).unwrap();
            assert_eq!(place.to_string(), text);
            let json = serde_json::to_string(&place).unwrap();
            assert_eq!(serde_json::from_str::<SnapshotPlace>(&json).unwrap(), place);
        }
        for text in [
            "s3://",
            "s3://ab",
            "s3:///x",
            "s3://buck et/x",
            "s3://bucket//x",
        ] {
            assert_eq!(parse(text), Err(PlaceError::Malformed), "{text}");
        }
        assert_eq!(parse("gs://bucket"), Err(PlaceError::Scheme));
    }

    #[test]
    fn names_are_joined_with_one_slash() {
        for (prefix, whole) in [
            ("s3://etcd", "s3://etcd/x.db"),
            ("s3://etcd/", "s3://etcd/x.db"),
            ("s3://etcd/prod/", "s3://etcd/prod/x.db"),
            ("/backups", "/backups/x.db"),
        ] {
            let place = parse(prefix).unwrap().join("x.db");
            assert_eq!(place.to_string(), whole);
            assert_eq!(place.name(), "x.db");
            assert_eq!(place.with_more(".json").name(), "x.db.json");
        }
    }
}
