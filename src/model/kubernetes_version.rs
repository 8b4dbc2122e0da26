//! The version of Kubernetes, as far as kubeadm's files depend on it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A release of Kubernetes such as `v1.31.2`; ordered by semantic versioning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KubernetesVersion(semver::Version);

/// Why a text is no release of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no release of Kubernetes: expected 1.15 or later, for example v1.31.2")]
pub struct KubernetesVersionError {
    /// The text that was given.
    pub found: String,
}

impl KubernetesVersion {
    /// True from the release `1.minor` on, pre-releases of it included.
    pub fn at_least(&self, minor: u64) -> bool {
        (self.0.major, self.0.minor) >= (1, minor)
    }

    /// Reads the version from the tag of a control plane image: `k8s.gcr.io/kube-apiserver:v1.20.2`.
    /// A digest behind the tag is ignored; without a readable tag there is none.
    pub fn from_image(image: &str) -> Option<Self> {
        let untagged = image.split('@').next()?;
        let (_, tag) = untagged.rsplit_once(':')?;
        tag.parse().ok()
    }
}

impl FromStr for KubernetesVersion {
    type Err = KubernetesVersionError;

    /// Reads `v1.31.2` and `1.31.2`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || KubernetesVersionError {
            found: text.to_owned(),
        };
        let plain = text.strip_prefix('v').unwrap_or(text);
        let version = semver::Version::parse(plain).map_err(|_| fail())?;
        // kubeadm's v1beta2, the oldest form that is written here, came with 1.15.
        if version.major != 1 || version.minor < 15 {
            return Err(fail());
        }
        Ok(Self(version))
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl Serialize for KubernetesVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KubernetesVersion {
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
    fn tags_and_bare_numbers_are_read() {
        let version: KubernetesVersion = "1.20.2".parse().unwrap();
        assert_eq!(version.to_string(), "v1.20.2");
        assert!(version.at_least(20) && !version.at_least(21));
        let image = "registry:5000/kube-apiserver:v1.32.0-rc.1@sha256:00";
        let version = KubernetesVersion::from_image(image).unwrap();
        assert_eq!(version.to_string(), "v1.32.0-rc.1");
        for text in ["1.14.0", "2.0.0", "1.31", "stable-1", ""] {
            assert!(text.parse::<KubernetesVersion>().is_err(), "{text:?}");
        }
    }
}
