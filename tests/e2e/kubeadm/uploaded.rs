//! A living master's kubeadm-config says what its cluster file says, once it is told.

use std::time::Duration;

use etcdha_testbed::EtcdRelease;
use etcdha_testbed::kubernetes::{Kubeadm, Kubectl, Kubernetes, KubernetesConfig};
use serde_json::Value;

use super::master::Masters;
use crate::support::bed;

/// An apiserver is there within 30 s; on a machine busy with compilers much later.
const READY: Duration = Duration::from_secs(240);

const FILE: &str = "/etc/kubernetes/etcdha-kubeadm.yaml";

#[test]
fn the_cluster_configuration_of_a_living_master_follows_the_cluster_file() {
    let bed = bed(["m1"]);
    let host = bed.host("m1");
    host.start_kubernetes(KubernetesConfig::new(EtcdRelease::V3_4).control_plane())
        .unwrap();
    let kubeadm = Kubeadm::new(host, EtcdRelease::V3_4).unwrap();
    kubeadm.init().unwrap();
    let kubectl = Kubectl::admin(host).unwrap();
    kubectl.wait_ready(READY).unwrap();
    kubeadm.phase(&["upload-config", "kubeadm"]).unwrap();

    let operator = Masters::empty();
    let root = host.root();
    operator.etcdha(&format!("kubeadm discover --root {}", root.display()));
    let found = operator.read("etcdha.yaml");
    let file = found
        .replace("# quotaBackendBytes: 8Gi", "quotaBackendBytes: 4Gi")
        .replace("# vip: 169.254.247.1", "vip: 10.0.0.100");
    assert_ne!(file, found);
    operator.write("etcdha.yaml", &file);
    let out = host.path(FILE);
    operator.etcdha(&format!("kubeadm config --out {}", out.display()));
    let program = Kubernetes::find().program("kubeadm").unwrap();
    let words = [
        "init",
        "phase",
        "upload-config",
        "kubeadm",
        "--config",
        FILE,
    ];
    let argv = [&[program.to_str().unwrap()][..], &words].concat();
    let output = host.run(&argv).unwrap();
    assert!(output.status.success(), "{output:?}");

    let map = ["-n", "kube-system", "configmap", "kubeadm-config"];
    let map = kubectl.get_json(&map).unwrap();
    let text = map["data"]["ClusterConfiguration"].as_str().unwrap();
    let stored: Value = serde_saphyr::from_str(text).unwrap();
    assert_eq!(stored["controlPlaneEndpoint"], "10.0.0.100:6443", "{text}");
    let etcd = &stored["etcd"]["local"];
    let args = serde_json::to_string(&etcd["extraArgs"]).unwrap();
    assert!(
        args.contains("quota-backend-bytes") && args.contains("4294967296"),
        "{text}"
    );
    let tag = Kubernetes::find().etcd_tag(EtcdRelease::V3_4).unwrap();
    assert_eq!(etcd["imageTag"], tag, "{text}");
    let names = stored["apiServer"]["certSANs"].as_array().unwrap();
    assert!(names.contains(&Value::from("10.0.0.100")), "{text}");
}
