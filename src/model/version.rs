//! The version of an etcd server and what the tool must know about each minor release.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An etcd release such as `3.5.16`; ordered by semantic versioning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EtcdVersion(semver::Version);

/// Why a text is no version this tool manages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no etcd version: expected 3.4.x, 3.5.x or 3.6.x, for example 3.5.16")]
pub struct VersionError {
    /// The text that was given.
    pub found: String,
}

impl EtcdVersion {
    /// Makes a version from its three numbers.
    pub fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self(semver::Version::new(major, minor, patch))
    }

    /// Major and minor number: what decides compatibility between members.
    pub fn minor(&self) -> (u64, u64) {
        (self.0.major, self.0.minor)
    }

    /// The patch number.
    pub fn patch(&self) -> u64 {
        self.0.patch
    }

    /// True from the release `major.minor.patch` on.
    pub fn at_least(&self, major: u64, minor: u64, patch: u64) -> bool {
        (self.0.major, self.0.minor, self.0.patch) >= (major, minor, patch)
    }

    /// Reads the version from an image reference's tag: `registry.k8s.io/etcd:3.5.16-0`, `…:v3.6.1`.
    /// A digest behind the tag is ignored; without a readable tag there is none.
    pub fn from_image(image: &str) -> Option<Self> {
        let untagged = image.split('@').next()?;
        let (_, tag) = untagged.rsplit_once(':')?;
        tag.parse().ok()
    }
}

impl FromStr for EtcdVersion {
    type Err = VersionError;

    /// Reads `3.5.16`, `v3.5.16` and kubeadm's image tags such as `3.5.16-0`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || VersionError {
            found: text.to_owned(),
        };
        let plain = text.strip_prefix('v').unwrap_or(text);
        let version = semver::Version::parse(plain).map_err(|_| fail())?;
        if version.major != 3 || !(4..=6).contains(&version.minor) {
            return Err(fail());
        }
        // "-0" is the revision of the image, not a pre-release of etcd.
        Ok(Self::new(version.major, version.minor, version.patch))
    }
}

impl fmt::Display for EtcdVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for EtcdVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EtcdVersion {
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
    fn image_tags_name_the_version() {
        for (image, version) in [
            ("registry.k8s.io/etcd:3.5.16-0", Some("3.5.16")),
            ("quay.io:443/coreos/etcd:v3.6.1@sha256:00", Some("3.6.1")),
            ("registry:5000/etcd", None),
            ("etcd:latest", None),
        ] {
            let found = EtcdVersion::from_image(image).map(|version| version.to_string());
            assert_eq!(found.as_deref(), version, "{image}");
        }
    }

    #[test]
    fn releases_outside_3_4_to_3_6_are_refused() {
        for text in ["3.3.1", "3.7.0", "2.3.8", "3.5", "latest", ""] {
            assert!(text.parse::<EtcdVersion>().is_err(), "{text:?}");
        }
    }
}
