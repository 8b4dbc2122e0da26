//! What several end-to-end tests need: hosts with a member, endpoints, patience.
//!
//! Invariant: every wait has [`PATIENCE`] as its limit, so a hanging test ends by itself.

use std::time::Duration;

use etcdha_testbed::etcd::{ClientTls, wait_healthy};
use etcdha_testbed::{
    Bed, BedConfig, Binaries, EtcdRelease, Host, HostConfig, KubeadmPki, KubeletConfig, Program,
    manifest,
};

/// The test that serves as the bed's program: see [`etcdha_testbed::entry`].
pub(crate) const PROGRAM: Program = Program::Test("support::program");

/// Longer than anything takes on a machine that is busy with compilers.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn program() {
    etcdha_testbed::entry("support::program");
}

/// Makes a bed of plain hosts.
pub(crate) fn bed<const N: usize>(names: [&str; N]) -> Bed {
    Bed::new(BedConfig::new(PROGRAM).hosts(names)).unwrap()
}

/// Makes a bed of one host with a disk of its own for etcd.
pub(crate) fn bed_with_disk(name: &str, bytes: u64) -> Bed {
    let host = HostConfig::named(name).disk(bytes);
    Bed::new(BedConfig::new(PROGRAM).host(host)).unwrap()
}

/// Starts the kubelet stand-in with an etcd of a release.
pub(crate) fn start_kubelet(host: &Host, release: EtcdRelease) {
    let etcd = Binaries::find().etcd(release).unwrap();
    host.start_kubelet(KubeletConfig::new().program("etcd", &etcd))
        .unwrap();
}

/// A kubeadm host with its single member.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its client URL.
    pub(crate) endpoint: String,
    /// What its clients need.
    pub(crate) tls: ClientTls,
}

impl Member {
    /// Starts a single member as kubeadm does, and returns when it answers.
    pub(crate) async fn start(host: &Host, release: EtcdRelease) -> Member {
        start_kubelet(host, release);
        let pki = KubeadmPki::on(host).unwrap();
        host.write_manifest("etcd.yaml", &manifest::kubeadm_etcd(host, release))
            .unwrap();
        let member = Member {
            tls: pki.client(),
            endpoint: format!("https://{}:2379", host.address()),
        };
        member.healthy().await;
        member
    }

    /// Waits until the member answers.
    pub(crate) async fn healthy(&self) {
        wait_healthy(&self.endpoint, Some(&self.tls), PATIENCE)
            .await
            .unwrap();
    }
}
