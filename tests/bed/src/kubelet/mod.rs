//! A small stand-in for the kubelet, for tests that need many hosts quickly.
//!
//! It follows the real one where etcdha can tell the difference: it reads every file of the
//! manifest directory whose name does not start with a dot; a pod sees its mounts and nothing else
//! of the host; a changed manifest stops the old pod before it starts the new one, or while, as
//! kubelets before 1.22 do ([`KubeletConfig::overlapping`]); probes, crash
//! back-off and the identity of a pod obey the same rules. What it cannot do it says in its log and
//! does not start the pod: HTTPS and exec probes, init containers, volumes other than `hostPath`
//! and `emptyDir`, values from elsewhere. When it is killed, its containers go on, as real ones do,
//! but a second stand-in does not know them: kill the whole host instead.
//!
//! Invariant: at most one process per container, and never two pods of one name unless told so.

mod backoff;
mod container;
mod in_place;
mod libraries;
mod pod;
mod probe;
mod rootfs;
mod run;
mod source;
mod status;
mod worker;

use std::path::{Path, PathBuf};

pub use in_place::{idle, run_in_place};
pub(crate) use rootfs::enter as enter_container;
pub use run::{Options, run};
pub use status::{ContainerStatus, PodStatus, Refused, Status};

/// How the stand-in of a host is started.
#[derive(Debug, Clone, Default)]
pub struct KubeletConfig {
    programs: Vec<(String, PathBuf)>,
    overlapping: bool,
}

impl KubeletConfig {
    /// Describes a stand-in whose images hold no program yet.
    pub fn new() -> KubeletConfig {
        KubeletConfig::default()
    }

    /// Puts a program of the machine into every container, under `/usr/local/bin`.
    #[must_use]
    pub fn program(mut self, name: &str, path: &Path) -> KubeletConfig {
        self.programs.push((name.to_owned(), path.to_owned()));
        self
    }

    /// Starts a changed pod at once, beside the old one that is still ending, as kubelets before 1.22
    /// do: a server then finds its ports taken, crashes, and may have to wait.
    #[must_use]
    pub fn overlapping(mut self) -> KubeletConfig {
        self.overlapping = true;
        self
    }

    /// Returns the command line arguments that say the same.
    pub(crate) fn arguments(&self) -> Vec<String> {
        self.programs
            .iter()
            .map(|(name, path)| format!("--bin={name}={}", path.display()))
            .chain(self.overlapping.then(|| "--overlapping".to_owned()))
            .collect()
    }
}
