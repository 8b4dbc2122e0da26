//! Masters that kubeadm made, with the cluster file that names them: what the tests of the apiservers
//! start from.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use etcdha_testbed::kubernetes::{Kubectl, Kubernetes, add_master, single_master};
use etcdha_testbed::{Bed, EtcdRelease, Host, Output, capture};

use crate::member_add::run::Run;
use crate::operator;
use crate::support::bed;

/// An apiserver is there within 30 s; on a machine busy with compilers much later, and one crash of
/// it costs a back-off.
pub(super) const READY: Duration = Duration::from_secs(240);

/// The release of etcd that Kubernetes 1.20 asks for.
const ETCD: EtcdRelease = EtcdRelease::V3_4;

/// The masters and the operator's directory.
pub(super) struct Masters {
    pub(super) bed: Bed,
    dir: PathBuf,
}

impl Masters {
    /// `m1` is a single master; the other hosts have a kubelet, and certificates of the same
    /// authorities.
    pub(super) fn single<const N: usize>(names: [&str; N]) -> Masters {
        let bed = bed(names);
        let dir = bed.scratch().unwrap();
        let masters = Masters { bed, dir };
        let waiting: Vec<&Host> = names[1..].iter().map(|name| masters.host(name)).collect();
        single_master(masters.host("m1"), &waiting, ETCD).unwrap();
        masters.write_file();
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

    fn write_file(&self) {
        let m1 = self.host("m1");
        let tag = Kubernetes::find().etcd_tag(ETCD).unwrap();
        let mut text = format!(
            "apiVersion: etcdha.dev/v1alpha1\nkind: Cluster\nname: prod\n\
             etcd:\n  version: 3.4.23\n  image: registry.local/etcd:{tag}\n\
             pki:\n  ca:\n    cert: {}\n    key: {}\nmembers:\n",
            m1.path("/etc/kubernetes/pki/etcd/ca.crt").display(),
            m1.path("/etc/kubernetes/pki/etcd/ca.key").display(),
        );
        for host in self.bed.hosts() {
            text.push_str(&format!(
                "- name: {}\n  address: {}\n  root: {}\n",
                host.name(),
                host.address(),
                host.root().display()
            ));
        }
        std::fs::write(self.dir.join("etcdha.yaml"), text).unwrap();
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
