//! Hosts with one etcd each, of any release, over TLS; snapshots by etcdctl, restores by etcdha.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use etcdha_testbed::etcd::{ClientTls, wait_healthy};
use etcdha_testbed::{
    Bed, BedConfig, Binaries, Daemon, EtcdRelease, Host, KubeadmPki, Output, capture, run,
};

use crate::support::{PATIENCE, PROGRAM};

/// Hosts, certificates that all of them share, and the operator's directory.
pub(super) struct Stage {
    pub(super) bed: Bed,
    pub(super) dir: PathBuf,
    pub(super) tls: ClientTls,
    pki: KubeadmPki,
}

/// An etcd that runs; it ends with this value.
pub(super) struct Server {
    pub(super) endpoint: String,
    daemon: Daemon,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
    }
}

impl Stage {
    pub(super) fn new<const N: usize>(names: [&str; N]) -> Self {
        Self::on(BedConfig::new(PROGRAM).hosts(names))
    }

    pub(super) fn on(config: BedConfig) -> Self {
        let bed = Bed::new(config).unwrap();
        let dir = bed.scratch().unwrap();
        let pki = KubeadmPki::create(&dir.join("pki")).unwrap();
        let addresses: Vec<IpAddr> = bed.hosts().iter().map(|h| h.address().into()).collect();
        pki.issue_node("members", &addresses).unwrap();
        let tls = pki.client();
        Self { bed, dir, tls, pki }
    }

    pub(super) fn host(&self, name: &str) -> &Host {
        self.bed.host(name)
    }

    /// `NAME=URL` of every host, as etcd and etcdha read it.
    pub(super) fn initial_cluster(&self, names: &[&str]) -> String {
        let member = |name: &&str| format!("{name}=https://{}:2380", self.host(name).address());
        names.iter().map(member).collect::<Vec<_>>().join(",")
    }

    /// Starts etcd on a data directory of this machine, without waiting.
    pub(super) fn start(
        &self,
        name: &str,
        release: EtcdRelease,
        data: &Path,
        cluster: &[&str],
        more: &[&str],
    ) -> Server {
        let host = self.host(name);
        let address = host.address();
        let etcd = Binaries::find().etcd(release).unwrap();
        let pki = self.pki.dir().join("etcd");
        let file = |flag: &str, file: &str| format!("--{flag}={}", pki.join(file).display());
        let mut argv = vec![
            etcd.display().to_string(),
            format!("--name={name}"),
            format!("--data-dir={}", data.display()),
            format!("--listen-client-urls=https://{address}:2379"),
            format!("--advertise-client-urls=https://{address}:2379"),
            format!("--listen-peer-urls=https://{address}:2380"),
            format!("--initial-advertise-peer-urls=https://{address}:2380"),
            format!("--initial-cluster={}", self.initial_cluster(cluster)),
            "--client-cert-auth".to_owned(),
            "--peer-client-cert-auth".to_owned(),
            file("cert-file", "server.crt"),
            file("key-file", "server.key"),
            file("trusted-ca-file", "ca.crt"),
            file("peer-cert-file", "peer.crt"),
            file("peer-key-file", "peer.key"),
            file("peer-trusted-ca-file", "ca.crt"),
        ];
        argv.extend(more.iter().map(|word| (*word).to_owned()));
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        Server {
            endpoint: format!("https://{address}:2379"),
            daemon: host.spawn("etcd", &argv).unwrap(),
        }
    }

    pub(super) async fn healthy(&self, server: &Server) {
        let healthy = wait_healthy(&server.endpoint, Some(&self.tls), PATIENCE).await;
        if let Err(error) = healthy {
            let logs = self.bed.hosts().iter().map(|host| host.log("etcd"));
            panic!("{error:#}\n{}", logs.collect::<String>());
        }
    }

    /// Runs etcdctl with the client's certificate; it must end well.
    pub(super) fn etcdctl(&self, server: &Server, words: &[&str]) -> String {
        let etcdctl = Binaries::find().etcdctl(EtcdRelease::V3_5).unwrap();
        let mut command = Command::new(etcdctl);
        command
            .env("ETCDCTL_API", "3")
            .arg(format!("--endpoints={}", server.endpoint))
            .arg(format!("--cacert={}", self.tls.ca.display()))
            .arg(format!("--cert={}", self.tls.cert.display()))
            .arg(format!("--key={}", self.tls.key.display()))
            .args(words);
        run(&mut command).unwrap().stdout
    }

    /// Runs `etcdha snapshot restore`.
    pub(super) fn restore(&self, snapshot: &Path, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcdha"));
        command
            .args(["snapshot", "restore", "--yes"])
            .arg(snapshot)
            .args(words)
            .env_clear()
            .env("ETCDHA_STATE_DIR", self.dir.join("state"))
            .current_dir(&self.dir)
            .stdin(Stdio::null());
        capture(&mut command).unwrap()
    }

    /// Restores a member of these, and demands that it ends well. Returns its JSON.
    pub(super) fn restored(
        &self,
        snapshot: &Path,
        name: &str,
        cluster: &[&str],
        more: &[&str],
    ) -> (PathBuf, serde_json::Value) {
        let data = self.dir.join(format!("{name}.restored"));
        let place = data.display().to_string();
        let cluster = self.initial_cluster(cluster);
        let words = [
            "-o",
            "json",
            "--name",
            name,
            "--data-dir",
            &place,
            "--initial-cluster",
            &cluster,
        ];
        let output = self.restore(snapshot, &[&words[..], more].concat());
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}{}",
            output.stdout,
            output.stderr
        );
        // The plan comes first.
        let mut documents =
            serde_json::Deserializer::from_str(&output.stdout).into_iter::<serde_json::Value>();
        let last = documents.by_ref().map(Result::unwrap).last().unwrap();
        (data, last)
    }
}
