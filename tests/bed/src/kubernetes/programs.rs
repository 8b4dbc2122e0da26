//! Where are the programs and images that `scripts/kubernetes` made, and of which release are they?
//!
//! Invariant: what is missing is an error that names the script.

use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::debs::EtcdRelease;

/// The registry that `scripts/kubernetes` names its images after; there is none.
pub(crate) const REGISTRY: &str = "registry.local";

/// What `scripts/kubernetes` left: programs in `bin`, container images in `images`.
#[derive(Debug, Clone)]
pub struct Kubernetes {
    root: PathBuf,
}

/// A release of Kubernetes, such as 1.20.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 1, so far.
    pub major: u32,
    /// 20 in 1.20.2.
    pub minor: u32,
    /// 2 in 1.20.2.
    pub patch: u32,
}

impl Kubernetes {
    /// Finds the directory: `ETCDHA_KUBERNETES`, or `target/kubernetes` in the repository.
    pub fn find() -> Kubernetes {
        let root = env::var_os("ETCDHA_KUBERNETES").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/kubernetes"),
            PathBuf::from,
        );
        Kubernetes { root }
    }

    /// Returns a program, such as `kubeadm` or `kubectl`. All are static.
    ///
    /// # Errors
    /// `scripts/kubernetes` did not run.
    pub fn program(&self, name: &str) -> Result<PathBuf> {
        self.file(&format!("bin/{name}"))
    }

    /// Returns the tar of a container image, such as `kube-apiserver`, `etcd-3.4` or `pause`.
    ///
    /// # Errors
    /// `scripts/kubernetes` did not run.
    pub fn image(&self, name: &str) -> Result<PathBuf> {
        self.file(&format!("images/{name}.tar"))
    }

    /// Returns the release of the programs.
    ///
    /// # Errors
    /// `scripts/kubernetes` did not run.
    pub fn version(&self) -> Result<Version> {
        let text = self.read("images/version")?;
        Version::parse(&text).with_context(|| format!("{text} is no release of Kubernetes"))
    }

    /// Returns the tag of etcd's image, which is etcd's full version, such as `3.4.23`.
    ///
    /// # Errors
    /// `scripts/kubernetes` did not run.
    pub fn etcd_tag(&self, release: EtcdRelease) -> Result<String> {
        self.read(&format!("images/{}.tag", release.directory()))
    }

    /// Returns the name by which a manifest asks for an image. It needs no registry, as the default
    /// `IfNotPresent` of a tag is content with what containerd has.
    pub(crate) fn reference(&self, image: &str) -> Result<String> {
        Ok(match image {
            "pause" => format!("{REGISTRY}/pause:testbed"),
            _ if image.starts_with("etcd-") => {
                let tag = self.read(&format!("images/{image}.tag"))?;
                format!("{REGISTRY}/etcd:{tag}")
            }
            _ => format!("{REGISTRY}/{image}:{}", self.version()?),
        })
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = self.file(name)?;
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        Ok(text.trim().to_owned())
    }

    fn file(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        path.canonicalize()
            .with_context(|| format!("{} is missing: run scripts/kubernetes", path.display()))
    }
}

impl Version {
    fn parse(text: &str) -> Option<Version> {
        let mut numbers = text.strip_prefix('v')?.split(['.', '-', '+']);
        let mut next = || numbers.next()?.parse().ok();
        Some(Version {
            major: next()?,
            minor: next()?,
            patch: next()?,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_read_and_written() {
        let version = Version::parse("v1.20.2").unwrap();
        assert_eq!(version.to_string(), "v1.20.2");
        assert_eq!(Version::parse("v1.31.0-rc.1").unwrap().minor, 31);
        assert_eq!(Version::parse("1.20.2"), None);
        assert!(Version::parse("v1.9.0") < Version::parse("v1.20.0"));
    }
}
