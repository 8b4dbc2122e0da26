//! What an operator sees on the ten most likely mistakes around `member add`.
//!
//! Everything that changes from run to run is replaced by the name it has for the operator.

use std::fmt::Write as _;
use std::fs;

use etcdha_testbed::{EtcdRelease, KubeadmPki};

use crate::cluster::Cluster;
use crate::support::bed;

const GROW: [&str; 5] = ["member", "add", "m2", "m3", "--yes"];

/// Collects what is seen.
struct Page<'a> {
    cluster: &'a Cluster,
    text: String,
}

impl Page<'_> {
    fn add(&mut self, mistake: &str, arguments: &[&str]) {
        let output = self.cluster.run(arguments);
        let words = self.readable(&arguments.join(" "));
        let code = output.status.code().unwrap();
        let seen = self.readable(&output.stderr);
        let _ = write!(
            self.text,
            "## {mistake}\n$ etcdha {words}\n{seen}exit {code}\n\n"
        );
    }

    fn readable(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (number, host) in self.cluster.bed.hosts().iter().enumerate() {
            let root = host.root().display().to_string();
            text = text.replace(&root, &format!("/mnt/{}", host.name()));
            let address = format!("10.0.0.{}", 11 + number);
            text = text.replace(&host.address().to_string(), &address);
        }
        text.replace(&self.cluster.dir.display().to_string(), ".")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_the_ten_most_likely_mistakes_is_explained() {
    let bed = bed(["m1", "m2", "m3"]);
    let cluster = Cluster::without_kubelet_on(bed, EtcdRelease::V3_5, &["m2", "m3"]).await;
    let (m1, m2) = (cluster.host("m1"), cluster.host("m2"));
    let file = cluster.file(EtcdRelease::V3_5, "");
    let mut page = Page {
        cluster: &cluster,
        text: String::new(),
    };

    cluster.write_file(&file.replacen("address:", "adress:", 1));
    page.add("a key of the cluster file is misspelt", &GROW);
    cluster.write_file(&file);
    page.add(
        "a name is not in the cluster file",
        &["member", "add", "m4", "--yes"],
    );
    page.add("a script has not said yes", &GROW[..4]);
    page.add(
        "one member is added to one",
        &["member", "add", "m2", "--yes"],
    );

    let other = KubeadmPki::create(&cluster.dir.join("other")).unwrap();
    let ca = format!("--cacert={}", other.ca().display());
    page.add(
        "the CA is that of another cluster",
        &[&GROW[..], &[&ca]].concat(),
    );

    let notes = m2.path("/var/lib/etcd/old-member");
    fs::create_dir(&notes).unwrap();
    page.add("the data directory holds something", &GROW);
    fs::remove_dir(&notes).unwrap();

    fs::create_dir_all(m2.path("/etc/kubernetes/pki/etcd")).unwrap();
    for end in ["crt", "key"] {
        let path = format!("/etc/kubernetes/pki/etcd/server.{end}");
        fs::copy(m1.path(&path), m2.path(&path)).unwrap();
    }
    page.add("a certificate was copied from another host", &GROW);
    fs::remove_dir_all(m2.path("/etc/kubernetes/pki")).unwrap();

    m2.cut().unwrap();
    page.add("a firewall is between the hosts", &GROW);
    m2.heal().unwrap();
    page.add(
        "the kubelet does not run",
        &[&GROW[..], &["--wait=2s"]].concat(),
    );
    m1.kill_all();
    page.add("etcd does not run", &GROW);

    insta::with_settings!({filters => vec![
        (r"(done|failed) in [0-9.]+m?s", "$1 in [TIME]"),
        // The kernel gives up on a silent neighbour at about the same time.
        (r"(does not answer): .*", "$1: [WHY]"),
        // Columns are as wide as the hosts' addresses, which differ from run to run.
        (r"(\S) {2,}(m\d|all)\b", "$1  $2"),
    ]}, {
        insta::assert_snapshot!(page.text);
    });
}
