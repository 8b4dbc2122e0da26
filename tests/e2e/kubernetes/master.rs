//! A single master as kubeadm makes it: does it serve, and what is left of it after a power failure?

use std::time::Duration;

use etcdha_testbed::kubernetes::{Kubeadm, Kubectl, KubernetesConfig};
use etcdha_testbed::{EtcdRelease, Host, wait};

use crate::support::{PATIENCE, bed};

/// An apiserver is there within 30 s; on a machine busy with compilers much later, and one crash of
/// it costs a back-off.
const READY: Duration = Duration::from_secs(240);

fn read_back(kubectl: &Kubectl<'_>) -> String {
    let map = kubectl.get_json(&["configmap", "kept"]).unwrap();
    map["data"]["word"].as_str().unwrap().to_owned()
}

/// Waits until the startup probes of the control plane's pods have succeeded. The kubelet calls a
/// pod ready only when it next looks at it, which may be a minute later.
fn wait_for_pods(host: &Host) {
    wait::until("the control plane's pods to be started", READY, || {
        let pods = host.status()?.pods;
        let started = |name: &str| {
            let pod = pods.iter().find(|pod| pod.name == name);
            pod.is_some_and(|pod| pod.containers.iter().all(|container| container.started))
        };
        anyhow::ensure!(
            [
                "etcd",
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler"
            ]
            .into_iter()
            .all(started),
            "the pods are {pods:?}"
        );
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_single_master_serves_and_keeps_its_data_through_a_power_failure() {
    let bed = bed(["m1"]);
    let host = bed.host("m1");
    host.start_kubernetes(KubernetesConfig::new(EtcdRelease::V3_4).control_plane())
        .unwrap();
    Kubeadm::new(host, EtcdRelease::V3_4)
        .unwrap()
        .init()
        .unwrap();
    let kubectl = Kubectl::admin(host).unwrap();
    kubectl.wait_ready(READY).unwrap();
    kubectl
        .run(&["create", "configmap", "kept", "--from-literal=word=here"])
        .unwrap();
    assert_eq!(read_back(&kubectl), "here");
    wait_for_pods(host);
    let before = host.status().unwrap();

    host.kill_all();
    host.start().unwrap();
    kubectl.wait_ready(READY).unwrap();
    assert_eq!(read_back(&kubectl), "here");
    wait_for_pods(host);
    let uids = |status: &etcdha_testbed::Status| -> Vec<String> {
        status.pods.iter().map(|pod| pod.uid.clone()).collect()
    };
    assert_eq!(uids(&host.status().unwrap()), uids(&before));

    host.remove_manifest("kube-scheduler.yaml").unwrap();
    wait::until("the scheduler to be gone", PATIENCE, || {
        let found = host.pod("kube-scheduler")?;
        anyhow::ensure!(found.is_none(), "found {found:?}");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_second_master_gets_certificates_of_the_same_authorities() {
    let bed = bed(["m1", "m2"]);
    let (m1, m2) = (bed.host("m1"), bed.host("m2"));
    let certs = ["certs", "all"];
    let first = Kubeadm::new(m1, EtcdRelease::V3_5).unwrap();
    first.phase(&certs).unwrap();
    let second = Kubeadm::new(m2, EtcdRelease::V3_5)
        .unwrap()
        .endpoint("vip.example:6443")
        .cert_san("198.18.0.100");
    second.take_authorities(m1).unwrap();
    second.phase(&certs).unwrap();
    second.phase(&["kubeconfig", "all"]).unwrap();
    for (ca, leaf) in [
        ("ca.crt", "apiserver.crt"),
        ("etcd/ca.crt", "etcd/peer.crt"),
    ] {
        let path = |host: &Host, file| host.path("/etc/kubernetes/pki").join(file);
        let mut verify = std::process::Command::new("openssl");
        verify.args(["verify", "-CAfile"]).arg(path(m1, ca));
        etcdha_testbed::run(verify.arg(path(m2, leaf))).unwrap();
    }
    let apiserver = m2.path("/etc/kubernetes/pki/apiserver.crt");
    let mut show = std::process::Command::new("openssl");
    show.args(["x509", "-noout", "-ext", "subjectAltName", "-in"]);
    let sans = etcdha_testbed::run(show.arg(apiserver)).unwrap().stdout;
    assert!(
        sans.contains("vip.example") && sans.contains("198.18.0.100"),
        "{sans}"
    );
    let admin = std::fs::read_to_string(m2.path("/etc/kubernetes/admin.conf")).unwrap();
    assert!(admin.contains("https://vip.example:6443"), "{admin}");
}
