//! Masters that kubeadm made, with the cluster file that names them: what the tests of the apiservers
//! start from.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use etcdha_testbed::kubernetes::{Kubectl, Kubernetes, add_master, single_master};
use etcdha_testbed::{Bed, BedConfig, Binaries, Daemon, EtcdRelease, Host, Output, capture, wait};

use crate::member_add::run::Run;
use crate::member_add::services::{PROGRAM_DIR, host_with_etcd, install};
use crate::operator;
use crate::support::{PROGRAM, bed};

/// An apiserver is there within 30 s; on a machine busy with compilers much later, and one crash of
/// it costs a back-off.
pub(super) const READY: Duration = Duration::from_secs(240);

/// The release of etcd that Kubernetes 1.20 asks for.
pub(super) const ETCD: EtcdRelease = EtcdRelease::V3_4;

/// The masters and the operator's directory.
pub(super) struct Masters {
    pub(super) bed: Bed,
    dir: PathBuf,
}

impl Masters {
    /// `m1` is a single master; the other hosts have a kubelet, and certificates of the same
    /// authorities.
    pub(super) fn single<const N: usize>(names: [&str; N]) -> Masters {
        Self::on(bed(names), &names)
    }

    /// `m1` is a single master, and the others are hosts on which etcd is installed.
    pub(super) fn beside<const N: usize>(services: [&str; N]) -> Masters {
        let config = BedConfig::new(PROGRAM).hosts(["m1"]);
        let hosts = services.map(host_with_etcd).into_iter();
        let bed = Bed::new(hosts.fold(config, BedConfig::host)).unwrap();
        for name in services {
            install(bed.host(name), ETCD);
        }
        Self::on(bed, &["m1"])
    }

    /// Hosts on which nothing runs yet, and an operator's directory.
    pub(super) fn none(bed: Bed) -> Masters {
        let dir = bed.scratch().unwrap();
        Masters { bed, dir }
    }

    fn on(bed: Bed, names: &[&str]) -> Masters {
        let masters = Self::none(bed);
        let waiting: Vec<&Host> = names[1..].iter().map(|name| masters.host(name)).collect();
        single_master(masters.host("m1"), &waiting, ETCD).unwrap();
        let members: Vec<_> = names.iter().map(|name| (*name, "")).collect();
        masters.declare("stacked", &members);
        masters.kubectl("m1").wait_ready(READY).unwrap();
        masters
    }

    /// Every host is a master: etcd was grown to all of them, and each has an apiserver that asks
    /// its own member.
    pub(super) fn grown<const N: usize>(names: [&str; N]) -> Masters {
        let masters = Self::single(names);
        masters.grow(&names[1..]);
        masters.add_apiservers(&names[1..]);
        masters.kubectl("m1").wait_ready(READY).unwrap();
        masters
    }

    /// Grows etcd to these hosts.
    pub(super) fn grow(&self, names: &[&str]) {
        let mut add = vec!["member", "add", "--yes", "--allow-two"];
        add.extend(names);
        self.run_expecting(0, &add);
    }

    /// Makes these hosts masters, whose apiservers ask their own members.
    pub(super) fn add_apiservers(&self, names: &[&str]) {
        for name in names {
            add_master(self.host(name), ETCD).unwrap();
        }
        for name in names {
            self.kubectl(name).wait_ready(READY).unwrap();
        }
    }

    /// Waits until `etcdha status` finds nothing wrong.
    pub(super) fn settled(&self) {
        wait::until("a healthy cluster", READY, || self.run_quietly(&["status"])).unwrap();
    }

    /// Writes the cluster file: where etcd is to live, and the hosts, each with what is said about it
    /// besides its name, address and root, such as `topology: stacked`.
    pub(super) fn declare(&self, topology: &str, members: &[(&str, &str)]) {
        let m1 = self.host("m1");
        let tag = Kubernetes::find().etcd_tag(ETCD).unwrap();
        let mut text = format!(
            "apiVersion: etcdha.dev/v1alpha1\nkind: Cluster\nname: prod\ntopology: {topology}\n\
             etcd:\n  version: 3.4.23\n  image: registry.local/etcd:{tag}\n\
             \x20 service: {{binary: {PROGRAM_DIR}/etcd}}\n\
             pki:\n  ca:\n    cert: {}\n    key: {}\nmembers:\n",
            m1.path("/etc/kubernetes/pki/etcd/ca.crt").display(),
            m1.path("/etc/kubernetes/pki/etcd/ca.key").display(),
        );
        for (name, more) in members {
            let host = self.host(name);
            text.push_str(&format!(
                "- name: {name}\n  address: {}\n  root: {}\n",
                host.address(),
                host.root().display()
            ));
            if !more.is_empty() {
                text.push_str(&format!("  {more}\n"));
            }
        }
        std::fs::write(self.dir.join("etcdha.yaml"), text).unwrap();
    }

    /// Starts an etcd of another cluster on a host, with the files that kubeadm made for its member, and
    /// returns when it serves.
    pub(super) fn foreign_etcd(&self, name: &str, data_dir: &str) -> Daemon {
        let host = self.host(name);
        let etcd = Binaries::find().etcd(ETCD).unwrap();
        let pki = "/etc/kubernetes/pki/etcd";
        let url = self.urls(&[name]);
        let log = format!("etcd{}", data_dir.replace('/', "-"));
        let daemon = host.spawn(
            &log,
            &[
                &etcd.to_string_lossy(),
                &format!("--data-dir={data_dir}"),
                &format!("--listen-client-urls={url}"),
                &format!("--advertise-client-urls={url}"),
                &format!("--cert-file={pki}/server.crt"),
                &format!("--key-file={pki}/server.key"),
                &format!("--trusted-ca-file={pki}/ca.crt"),
                "--client-cert-auth",
            ],
        );
        wait::until_true("the foreign etcd to serve", READY, || {
            host.log(&log).contains("serving client")
        })
        .unwrap();
        daemon.unwrap()
    }

    /// etcdctl with the files of the first master's etcd.
    pub(super) fn etcdctl(&self, endpoint: &str, arguments: &[&str]) -> Output {
        let pki = self.host("m1").path("/etc/kubernetes/pki/etcd");
        let mut command = Command::new(Binaries::find().etcdctl(ETCD).unwrap());
        command
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", endpoint, "--cacert"])
            .arg(pki.join("ca.crt"))
            .arg("--cert")
            .arg(pki.join("healthcheck-client.crt"))
            .arg("--key")
            .arg(pki.join("healthcheck-client.key"))
            .args(arguments);
        etcdha_testbed::run(&mut command).unwrap()
    }

    pub(super) fn host(&self, name: &str) -> &Host {
        self.bed.host(name)
    }

    pub(super) fn kubectl(&self, name: &str) -> Kubectl<'_> {
        let host = self.host(name);
        let url = format!("https://{}:6443", host.address());
        Kubectl::admin(host).unwrap().server(&url)
    }

    /// etcdha in the operator's directory, with an environment of its own.
    fn etcdha(&self, arguments: &[&str]) -> Command {
        operator::etcdha(&self.dir, arguments)
    }

    /// A file in the operator's directory.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Starts etcdha, to be watched.
    pub(super) fn start(&self, arguments: &[&str]) -> Run {
        Run::of(self.etcdha(arguments), READY)
    }

    /// Runs etcdha and demands an exit code.
    pub(super) fn run_expecting(&self, code: i32, arguments: &[&str]) -> Output {
        operator::run_expecting(&self.dir, code, arguments)
    }

    /// Runs etcdha, and tells what it said where it did not end well.
    pub(super) fn run_quietly(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let output = capture(&mut self.etcdha(arguments))?;
        anyhow::ensure!(output.status.success(), "{}", output.stderr);
        Ok(())
    }

    /// `apiserver status` as JSON, whatever it finds.
    pub(super) fn status(&self) -> serde_json::Value {
        let mut command = self.etcdha(&["apiserver", "status", "-o", "json"]);
        let output = capture(&mut command).unwrap();
        serde_json::from_str(&output.stdout).unwrap()
    }

    /// The manifest of a host's apiserver.
    pub(super) fn manifest(&self, name: &str) -> String {
        let path = self.host(name).manifest_path("kube-apiserver.yaml");
        std::fs::read_to_string(path).unwrap()
    }

    /// `--etcd-servers` in it.
    pub(super) fn servers(&self, name: &str) -> String {
        let text = self.manifest(name);
        let mut lines = text.lines();
        lines
            .find_map(|line| line.trim().strip_prefix("- --etcd-servers="))
            .unwrap()
            .to_owned()
    }

    /// Client URLs of these members, as the flag has them.
    pub(super) fn urls(&self, names: &[&str]) -> String {
        let url = |name: &&str| format!("https://{}:2379", self.host(name).address());
        names.iter().map(url).collect::<Vec<_>>().join(",")
    }

    /// The process of a host's apiserver, as numbered on the machine.
    pub(super) fn apiserver_pid(&self, name: &str) -> u32 {
        wait::until("a process of the apiserver", READY, || {
            let pod = self.host(name).pod("kube-apiserver")?;
            let container = pod.and_then(|pod| pod.containers.into_iter().next());
            let pid = container.and_then(|container| container.pid);
            pid.ok_or_else(|| anyhow::anyhow!("{name} has none"))
        })
        .unwrap()
    }

    /// Names of the objects that a proof writes and removes.
    pub(super) fn leftovers(&self, name: &str) -> Vec<String> {
        let maps = self
            .kubectl(name)
            .get_json(&["configmaps", "--namespace=kube-system"])
            .unwrap();
        let maps = maps["items"].as_array().unwrap().iter();
        maps.map(|map| map["metadata"]["name"].as_str().unwrap().to_owned())
            .filter(|name| name.starts_with("etcdha"))
            .collect()
    }
}
