//! A kubeadm-shaped single member and hosts that wait to join it, with the cluster file that names
//! them all: what the tests of growing start from.

use std::path::PathBuf;
use std::process::Command;

use etcdha_testbed::etcd::{Acked, ClientTls, load};
use etcdha_testbed::{Bed, EtcdRelease, Host, Output, Writer, WriterConfig, capture, verify};

use crate::operator;
use crate::support::{Member, bed, start_kubelet};

/// Hosts, the running member and the operator's directory.
pub(crate) struct Cluster {
    pub(crate) bed: Bed,
    pub(crate) tls: ClientTls,
    pub(crate) dir: PathBuf,
    names: Vec<String>,
}

impl Cluster {
    /// Starts a single member on `m1`; the other hosts have a kubelet and nothing to run.
    pub(crate) async fn single(release: EtcdRelease) -> Cluster {
        Self::on(bed(["m1", "m2", "m3"]), release).await
    }

    /// The same on hosts that were made before.
    pub(crate) async fn on(bed: Bed, release: EtcdRelease) -> Cluster {
        Self::without_kubelet_on(bed, release, &[]).await
    }

    /// The same, with no kubelet yet on some of the hosts that wait.
    pub(crate) async fn without_kubelet_on(
        bed: Bed,
        release: EtcdRelease,
        without: &[&str],
    ) -> Cluster {
        let member = Member::start(bed.host("m1"), release).await;
        let names: Vec<String> = bed
            .hosts()
            .iter()
            .map(|host| host.name().to_owned())
            .collect();
        for name in names
            .iter()
            .filter(|name| *name != "m1" && !without.contains(&name.as_str()))
        {
            start_kubelet(bed.host(name), release);
        }
        let dir = bed.scratch().unwrap();
        let cluster = Cluster {
            bed,
            tls: member.tls,
            dir,
            names,
        };
        cluster.write_file(&cluster.file(release, ""));
        cluster
    }

    /// Hosts on which a test has set everything up itself; it writes the cluster file, too.
    pub(crate) fn around(bed: Bed, tls: ClientTls) -> Cluster {
        let names = bed.hosts().iter().map(|host| host.name().to_owned());
        Cluster {
            names: names.collect(),
            dir: bed.scratch().unwrap(),
            bed,
            tls,
        }
    }

    /// The cluster file; `more` is added at its end.
    pub(crate) fn file(&self, release: EtcdRelease, more: &str) -> String {
        let version = match release {
            EtcdRelease::V3_4 => "3.4.23",
            EtcdRelease::V3_5 => "3.5.16",
        };
        let m1 = self.bed.host("m1");
        let mut text = format!(
            "apiVersion: etcdha.dev/v1alpha1\nkind: Cluster\nname: prod\n\
             etcd:\n  version: {version}\npki:\n  ca:\n    cert: {}\n    key: {}\nmembers:\n",
            m1.path("/etc/kubernetes/pki/etcd/ca.crt").display(),
            m1.path("/etc/kubernetes/pki/etcd/ca.key").display(),
        );
        for host in self.bed.hosts() {
            let root = host.root();
            text.push_str(&format!(
                "- name: {}\n  address: {}\n  root: {}\n",
                host.name(),
                host.address(),
                root.display()
            ));
        }
        text + more
    }

    pub(crate) fn write_file(&self, text: &str) {
        std::fs::write(self.dir.join("etcdha.yaml"), text).unwrap();
    }

    pub(crate) fn host(&self, name: &str) -> &Host {
        self.bed.host(name)
    }

    /// Client URLs of these members.
    pub(crate) fn endpoints(&self, names: &[&str]) -> Vec<String> {
        names
            .iter()
            .map(|name| format!("https://{}:2379", self.host(name).address()))
            .collect()
    }

    /// Client URL of the member that ran first.
    fn first_endpoint(&self) -> String {
        let first = &self.names[0];
        format!("https://{}:2379", self.host(first).address())
    }

    /// Client URLs of all members.
    pub(crate) fn all_endpoints(&self) -> Vec<String> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        self.endpoints(&names)
    }

    /// etcdha in the operator's directory, with an environment of its own.
    pub(crate) fn etcdha(&self, arguments: &[&str]) -> Command {
        operator::etcdha(&self.dir, arguments)
    }

    /// Runs etcdha to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        capture(&mut self.etcdha(arguments)).unwrap()
    }

    /// Runs etcdha and demands an exit code.
    pub(crate) fn run_expecting(&self, code: i32, arguments: &[&str]) -> Output {
        operator::run_expecting(&self.dir, code, arguments)
    }

    /// Loads keys into the first member.
    pub(crate) async fn load(&self, count: usize) -> Vec<Acked> {
        load(&self.first_endpoint(), Some(&self.tls), "load/", count, 100)
            .await
            .unwrap()
    }

    /// Starts a writer on the first member.
    pub(crate) async fn writer(&self) -> Writer {
        let config = WriterConfig::new(vec![self.first_endpoint()], Some(self.tls.clone()));
        Writer::start(config).await.unwrap()
    }

    /// Proves that every acknowledged write is on each of these members.
    pub(crate) async fn prove(&self, names: &[&str], writes: &[Acked]) -> verify::Proof {
        verify::acked(&self.endpoints(names), Some(&self.tls), writes)
            .await
            .unwrap()
    }

    /// The member list as JSON.
    pub(crate) fn members(&self) -> Vec<serde_json::Value> {
        let output = self.run_expecting(0, &["member", "list", "-o", "json"]);
        let list: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        list["members"].as_array().unwrap().clone()
    }

    /// The ids of the listed members.
    pub(crate) fn ids(&self) -> Vec<String> {
        let endpoint = format!("--endpoints={}", self.first_endpoint());
        let ca = format!("--cacert={}", self.tls.ca.display());
        let list = [
            "member",
            "list",
            "-o",
            "json",
            "--timeout=1s",
            &endpoint,
            &ca,
        ];
        let list = self.run_expecting(0, &list);
        let list: serde_json::Value = serde_json::from_str(&list.stdout).unwrap();
        let members = list["members"].as_array().unwrap().iter();
        members.map(|member| member["id"].to_string()).collect()
    }

    /// What stays the same about the listed members while nobody changes the cluster.
    pub(crate) fn identities(&self) -> Vec<String> {
        let members = self.members();
        let line = |member: &serde_json::Value| {
            format!("{} {} {}", member["id"], member["name"], member["peerUrls"])
        };
        members.iter().map(line).collect()
    }

    /// `name:role` of every listed member.
    pub(crate) fn roles(&self) -> Vec<String> {
        let members = self.members();
        let role = |member: &serde_json::Value| match member["role"].as_str().unwrap() {
            "learner" => "learner",
            _ => "voter",
        };
        members
            .iter()
            .map(|m| format!("{}:{}", m["name"].as_str().unwrap(), role(m)))
            .collect()
    }
}
