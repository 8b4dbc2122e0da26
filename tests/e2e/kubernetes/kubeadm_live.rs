//! kubeadm's own commands on a living cluster that etcdha has grown, with kubelets that have registered
//! their nodes and mirror their pods.
//!
//! What can't run here: `kubeadm join` as a whole, since its phase `kubelet-start` wants a kubelet under
//! systemd; `kubeadm upgrade apply`, since it pulls images with crictl, which Debian 12 does not have, from
//! a registry; and a node that is ready, since there is no network for pods. The checks of `kubeadm
//! upgrade plan` that need one are left out.

use etcdha_testbed::kubernetes::{Kubeadm, KubernetesConfig};
use etcdha_testbed::{Output, wait};
use serde_json::Value;

use super::masters::{ETCD, Masters, READY};
use crate::support::bed;

const NAMES: [&str; 3] = ["m1", "m2", "m3"];

/// The checks of kubeadm that no host here can pass: nodes that are ready, a pod of a job on one of
/// them, programs of a whole machine, and a kubelet under systemd.
const UNFIT: &str = "--ignore-preflight-errors=all";

const JOIN: &str = "/etc/kubernetes/join.yaml";

fn kubeadm<'a>(masters: &'a Masters, name: &str) -> Kubeadm<'a> {
    let endpoint = format!("{}:6443", masters.host("m1").address());
    Kubeadm::new(masters.host(name), ETCD)
        .unwrap()
        .endpoint(&endpoint)
}

fn demand(masters: &Masters, name: &str, words: &[&str]) -> Output {
    let output = kubeadm(masters, name).run(words).unwrap();
    assert!(
        output.status.success(),
        "kubeadm {words:?} on {name}: {output:#?}"
    );
    output
}

/// m1 is a master, m2 and m3 have what every master shares, and each a kubelet that registers.
fn registered() -> Masters {
    let masters = Masters::none(bed(NAMES));
    for name in NAMES {
        let own = kubeadm(&masters, name);
        if name != "m1" {
            own.take_authorities(masters.host("m1")).unwrap();
        }
        if name == "m1" {
            own.phase(&["certs", "all"]).unwrap();
        }
        own.phase(&["kubeconfig", "kubelet"]).unwrap();
        own.phase(&["kubeconfig", "admin"]).unwrap();
    }
    let config = KubernetesConfig::new(ETCD).control_plane().registered();
    masters.host("m1").start_kubernetes(config.clone()).unwrap();
    let first = kubeadm(&masters, "m1");
    first.phase(&["kubeconfig", "all"]).unwrap();
    for phase in [["etcd", "local"], ["control-plane", "all"]] {
        first.phase(&phase).unwrap();
    }
    masters.declare("stacked", &[("m1", ""), ("m2", ""), ("m3", "")]);
    masters.kubectl("m1").wait_ready(READY).unwrap();
    for phase in [&["upload-config", "all"][..], &["bootstrap-token"]] {
        first.phase(phase).unwrap();
    }
    for name in ["m2", "m3"] {
        masters.host(name).start_kubernetes(config.clone()).unwrap();
    }
    masters
}

/// The mirror pod of a static pod, once the kubelet has made it.
fn mirrored(masters: &Masters, name: &str) -> Value {
    let words = ["pod", name, "--namespace=kube-system"];
    let what = format!("the mirror pod {name}");
    wait::until(&what, READY, || masters.kubectl("m1").get_json(&words)).unwrap()
}

/// What `kubeadm join` reads, with the files of an administrator instead of a token.
fn write_join(masters: &Masters, name: &str) {
    let host = masters.host(name);
    let text = format!(
        "apiVersion: kubeadm.k8s.io/v1beta2\nkind: JoinConfiguration\n\
         discovery:\n  file: {{kubeConfigPath: /etc/kubernetes/admin.conf}}\n\
         controlPlane:\n  localAPIEndpoint: {{advertiseAddress: {}, bindPort: 6443}}\n\
         nodeRegistration:\n  name: {name}\n  criSocket: /run/containerd/containerd.sock\n",
        host.address()
    );
    std::fs::write(host.path(JOIN), text).unwrap();
}

/// `kubeadm join` of a control plane, phase by phase, and without etcd.
fn join_control_plane(masters: &Masters, name: &str) {
    write_join(masters, name);
    for phase in [
        ["control-plane-prepare", "certs"],
        ["control-plane-prepare", "kubeconfig"],
        ["control-plane-prepare", "control-plane"],
        ["control-plane-join", "update-status"],
    ] {
        let words = [&["join", "phase"][..], &phase, &["--config", JOIN]].concat();
        demand(masters, name, &words);
    }
    // What `kubelet-start`, which can't run here, tells the cluster about the node.
    let socket = "kubeadm.alpha.kubernetes.io/cri-socket=/run/containerd/containerd.sock";
    let kubectl = masters.kubectl("m1");
    kubectl.run(&["annotate", "node", name, socket]).unwrap();
    for pod in [
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
    ] {
        mirrored(masters, &format!("{pod}-{name}"));
    }
    masters.kubectl(name).wait_ready(READY).unwrap();
}

/// The members that etcdha and kubeadm added hold the same data.
fn three_members_are_equal(masters: &Masters) {
    let proof = masters.run_expecting(0, &["member", "add", "m2", "m3", "--yes"]);
    for part in ["Nothing to do", "3 voting members", "HashKV"] {
        assert!(proof.stdout.contains(part), "{}", proof.stdout);
    }
}

fn etcd_manifest(masters: &Masters, name: &str) -> String {
    std::fs::read_to_string(masters.host(name).manifest_path("etcd.yaml")).unwrap()
}

#[test]
fn kubeadm_joins_a_master_to_a_grown_cluster_and_upgrades_it() {
    let masters = registered();
    masters.run_expecting(0, &["member", "add", "m2", "--yes", "--allow-two"]);
    let pod = mirrored(&masters, "etcd-m2");
    let advertised = "kubeadm.kubernetes.io/etcd.advertise-client-urls";
    let url = &pod["metadata"]["annotations"][advertised];
    assert_eq!(*url, masters.urls(&["m2"]), "{pod}");
    join_control_plane(&masters, "m2");

    // kubeadm finds both members by their pods, dials them and adds its own.
    write_join(&masters, "m3");
    for phase in [
        ["control-plane-prepare", "certs"],
        ["control-plane-join", "etcd"],
    ] {
        let words = [&["join", "phase"][..], &phase, &["--config", JOIN]].concat();
        demand(&masters, "m3", &words);
    }
    let etcd = etcd_manifest(&masters, "m3");
    for name in NAMES {
        let peer = format!("{name}=https://{}:2380", masters.host(name).address());
        assert!(etcd.contains(&peer), "{peer} is not in {etcd}");
    }
    three_members_are_equal(&masters);

    let plan = demand(&masters, "m1", &["upgrade", "plan", "v1.20.2", UNFIT]);
    assert!(
        plan.stdout.contains("Cluster version: v1.20.2"),
        "{}",
        plan.stdout
    );
    an_upgrade_writes_what_kubeadm_knows(&masters);
}

/// kubeadm writes etcd's manifest anew, which etcd does not mind, and the apiserver's, which has to be
/// repointed again.
fn an_upgrade_writes_what_kubeadm_knows(masters: &Masters) {
    let repoint = ["apiserver", "repoint", "m2", "--yes"];
    masters.run_expecting(0, &repoint);
    let repointed = masters.manifest("m2");
    let diff = demand(masters, "m2", &["upgrade", "diff", "v1.20.2"]).stdout;
    let line = |sign: &str, servers: &str| format!("{sign}    - --etcd-servers={servers}");
    let local = "https://127.0.0.1:2379";
    assert!(diff.contains(&line("-", &masters.servers("m2"))), "{diff}");
    assert!(diff.contains(&line("+", local)), "{diff}");

    let grown = etcd_manifest(masters, "m2");
    demand(
        masters,
        "m2",
        &["upgrade", "node", "phase", "control-plane"],
    );
    assert_ne!(etcd_manifest(masters, "m2"), grown);
    assert_eq!(masters.servers("m2"), local);
    three_members_are_equal(masters);
    masters.kubectl("m2").wait_ready(READY).unwrap();
    masters.run_expecting(0, &repoint);
    assert_eq!(masters.manifest("m2"), repointed);
}
