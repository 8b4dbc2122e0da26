//! The forms of kubeadm's configuration and the releases that read them.

use super::{KubeadmConfig, KubeadmError};
use crate::model::KubernetesVersion;

/// A form of kubeadm's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KubeadmApi {
    /// Kubernetes 1.15 to 1.26.
    V1beta2,
    /// From Kubernetes 1.22 on.
    V1beta3,
    /// From Kubernetes 1.31 on.
    V1beta4,
}

impl KubeadmApi {
    /// All, the oldest first.
    pub const ALL: [Self; 3] = [Self::V1beta2, Self::V1beta3, Self::V1beta4];

    /// The name in files and flags.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1beta2 => "v1beta2",
            Self::V1beta3 => "v1beta3",
            Self::V1beta4 => "v1beta4",
        }
    }

    /// The newest form that a release reads; the newest of all where the release is not known.
    pub fn newest_for(version: Option<&KubernetesVersion>) -> Self {
        let mut readable = Self::ALL.into_iter().rev();
        let newest = readable.find(|api| version.is_none_or(|version| api.is_read_by(version)));
        newest.unwrap_or(Self::V1beta2)
    }

    /// True when kubeadm of that release reads this form (Kubernetes documentation, "kubeadm
    /// Configuration", migration from old versions).
    pub fn is_read_by(self, version: &KubernetesVersion) -> bool {
        match self {
            Self::V1beta2 => version.at_least(15) && !version.at_least(27),
            Self::V1beta3 => version.at_least(22),
            Self::V1beta4 => version.at_least(31),
        }
    }

    /// Extra flags are a list of names and values, not a map.
    pub(super) fn lists_arguments(self) -> bool {
        self >= Self::V1beta4
    }
}

/// Refuses a form that the declared release does not read.
pub(super) fn check(config: &KubeadmConfig<'_>) -> Result<(), KubeadmError> {
    match &config.spec.kubernetes.version {
        Some(version) if !config.api.is_read_by(version) => Err(KubeadmError::Api {
            api: config.api,
            version: version.clone(),
            newest: KubeadmApi::newest_for(Some(version)),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_gets_the_newest_form_it_reads() {
        for (version, api) in [
            ("1.15.0", KubeadmApi::V1beta2),
            ("1.21.14", KubeadmApi::V1beta2),
            ("1.22.0", KubeadmApi::V1beta3),
            ("1.30.9", KubeadmApi::V1beta3),
            ("1.31.0", KubeadmApi::V1beta4),
            ("1.36.1", KubeadmApi::V1beta4),
        ] {
            let version = version.parse().unwrap();
            assert_eq!(KubeadmApi::newest_for(Some(&version)), api, "{version}");
        }
        assert_eq!(KubeadmApi::newest_for(None), KubeadmApi::V1beta4);
        assert!(!KubeadmApi::V1beta2.is_read_by(&"1.27.0".parse().unwrap()));
    }
}
