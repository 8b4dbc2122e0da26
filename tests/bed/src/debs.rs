//! Where are the programs that Debian's packages were unpacked to?
//!
//! Invariant: a missing program is an error that names the package and the script that fetches it.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The etcd releases that the tests run against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EtcdRelease {
    /// 3.4, from Debian bookworm.
    V3_4,
    /// 3.5, from Debian trixie.
    V3_5,
}

impl EtcdRelease {
    /// Every release, the oldest first.
    pub const ALL: [EtcdRelease; 2] = [EtcdRelease::V3_4, EtcdRelease::V3_5];

    /// Returns the name of the directory that the packages are unpacked to.
    pub fn directory(self) -> &'static str {
        match self {
            EtcdRelease::V3_4 => "etcd-3.4",
            EtcdRelease::V3_5 => "etcd-3.5",
        }
    }
}

/// The unpacked programs.
#[derive(Debug, Clone)]
pub struct Binaries {
    root: PathBuf,
}

impl Binaries {
    /// Finds the directory that `scripts/fetch` fills: `ETCDHA_DEBS`, or `target/debs` in the
    /// repository.
    pub fn find() -> Binaries {
        let root = env::var_os("ETCDHA_DEBS").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debs"),
            PathBuf::from,
        );
        Binaries { root }
    }

    /// Returns etcd itself.
    ///
    /// # Errors
    /// It was not fetched.
    pub fn etcd(&self, release: EtcdRelease) -> Result<PathBuf> {
        self.program(release.directory(), "etcd", "etcd-server")
    }

    /// Returns etcdctl.
    ///
    /// # Errors
    /// It was not fetched.
    pub fn etcdctl(&self, release: EtcdRelease) -> Result<PathBuf> {
        self.program(release.directory(), "etcdctl", "etcd-client")
    }

    /// Returns etcdutl, which came with 3.5.
    ///
    /// # Errors
    /// It was not fetched.
    pub fn etcdutl(&self) -> Result<PathBuf> {
        self.program(EtcdRelease::V3_5.directory(), "etcdutl", "etcd-server")
    }

    /// Returns one of cfssl's programs, such as `cfssl`, `cfssljson` or `cfssl-certinfo`.
    ///
    /// # Errors
    /// It was not fetched.
    pub fn cfssl(&self, program: &str) -> Result<PathBuf> {
        self.program("cfssl", program, "golang-cfssl")
    }

    /// Returns one of containerd's programs, such as `containerd` or `ctr`.
    ///
    /// # Errors
    /// It was not fetched.
    pub fn containerd(&self, program: &str) -> Result<PathBuf> {
        self.program("containerd", program, "containerd")
    }

    /// Returns runc, which runs the containers of containerd.
    ///
    /// # Errors
    /// It was not fetched.
    pub fn runc(&self) -> Result<PathBuf> {
        self.find_in("containerd/usr/sbin/runc", "runc")
    }

    fn program(&self, directory: &str, program: &str, package: &str) -> Result<PathBuf> {
        self.find_in(&format!("{directory}/usr/bin/{program}"), package)
    }

    fn find_in(&self, place: &str, package: &str) -> Result<PathBuf> {
        let path = self.root.join(place);
        path.canonicalize().with_context(|| {
            format!(
                "{} is missing: run scripts/fetch, which unpacks Debian's package {package} there",
                path.display()
            )
        })
    }
}

/// Returns the path of a tool of the machine, such as openssl.
///
/// # Errors
/// It is not installed; the error names its package.
pub fn require_tool(program: &str, package: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file());
    match found {
        Some(path) => Ok(path),
        None => bail!("{program} is missing: apt-get install {package} (scripts/fetch does)"),
    }
}
