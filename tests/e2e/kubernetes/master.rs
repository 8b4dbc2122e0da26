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
