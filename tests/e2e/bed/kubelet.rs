//! The kubelet stand-in: what a pod sees, when it starts, when it waits.

use std::fs;
use std::time::Duration;

use etcdha_testbed::{ContainerStatus, EtcdRelease, Host, manifest, wait};

use crate::support::{Member, PATIENCE, bed, start_kubelet};

/// Waits until the etcd container's state is as wished.
fn wait_for(host: &Host, what: &str, wish: impl Fn(&ContainerStatus) -> bool) {
    wait::until(what, PATIENCE, || {
        let pod = host.pod("etcd")?;
        let found = pod.map(|pod| pod.containers[0].clone());
        anyhow::ensure!(found.as_ref().is_some_and(&wish), "found {found:?}");
        Ok(())
    })
    .unwrap();
}

fn wait_gone(host: &Host) {
    wait::until("the pod to be gone", PATIENCE, || {
        anyhow::ensure!(host.pod("etcd")?.is_none());
        Ok(())
    })
    .unwrap();
}

#[tokio::test]
async fn a_changed_manifest_restarts_the_pod_and_a_removed_one_stops_it() {
    let bed = bed(["m1"]);
    let host = bed.host("m1");
    let member = Member::start(host, EtcdRelease::V3_5).await;
    let first = host.pod("etcd").unwrap().unwrap();
    let text = fs::read_to_string(host.manifest_path("etcd.yaml")).unwrap();

    host.write_manifest("etcd.yaml", &format!("# a comment changes nothing\n{text}"))
        .unwrap();
    let changed = text.replace("snapshot-count=10000", "snapshot-count=5000");
    assert_ne!(text, changed);
    host.write_manifest("etcd.yaml", &changed).unwrap();
    wait_for(host, "a new process", |container| {
        container.pid.is_some() && container.pid != first.containers[0].pid
    });
    member.healthy().await;
    let log = host.log("kubelet");
    assert_eq!(log.matches("stopping pod").count(), 1, "{log}");

    host.remove_manifest("etcd.yaml").unwrap();
    wait_gone(host);
    let processes = host
        .run(&["bash", "-c", "cat /proc/[0-9]*/comm"])
        .unwrap()
        .stdout;
    assert!(!processes.lines().any(|name| name == "etcd"), "{processes}");
}

#[test]
fn a_certificate_outside_the_mounts_does_not_exist_in_the_pod() {
    let bed = bed(["m1"]);
    let host = bed.host("m1");
    start_kubelet(host, EtcdRelease::V3_5);
    let pki = etcdha_testbed::KubeadmPki::on(host).unwrap();
    fs::copy(
        pki.dir().join("etcd/server.crt"),
        pki.dir().join("server.crt"),
    )
    .unwrap();
    let text = manifest::kubeadm_etcd(host, EtcdRelease::V3_5).replace(
        "cert-file=/etc/kubernetes/pki/etcd/server.crt",
        "cert-file=/etc/kubernetes/pki/server.crt",
    );
    host.write_manifest("etcd.yaml", &text).unwrap();
    wait_for(host, "etcd to end", |container| {
        container.last_end.is_some()
    });
    let log = host.log("etcd");
    assert!(
        log.contains("open /etc/kubernetes/pki/server.crt: no such file or directory"),
        "{log}"
    );
}

#[test]
fn a_crashing_pod_waits_and_only_a_changed_manifest_starts_at_once() {
    let bed = bed(["m1"]);
    let host = bed.host("m1");
    start_kubelet(host, EtcdRelease::V3_5);
    let text = manifest::kubeadm_etcd(host, EtcdRelease::V3_5)
        .replace("name=m1", "name=m1\n    - --no-such-flag");
    let write = |text: &str| host.write_manifest("etcd.yaml", text).unwrap();
    write(&text);
    let waiting = |starts| {
        move |container: &ContainerStatus| container.backing_off && container.starts == starts
    };
    // The first restart is immediate.
    wait_for(host, "back-off after two crashes", waiting(2));

    host.remove_manifest("etcd.yaml").unwrap();
    wait_gone(host);
    write(&text);
    wait_for(host, "the same pod to go on waiting", waiting(0));

    let began = std::time::Instant::now();
    write(&text.replace(
        "  annotations:\n",
        "  annotations:\n    etcdha.dev/attempt: \"2\"\n",
    ));
    wait_for(host, "another pod to start", waiting(2));
    assert!(began.elapsed() < Duration::from_secs(9), "it waited too");
}

#[test]
fn every_file_is_a_manifest_and_a_broken_one_is_named() {
    let bed = bed(["m1"]);
    let host = bed.host("m1");
    start_kubelet(host, EtcdRelease::V3_5);
    let pod = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n\
             spec: {{containers: [{{name: {name}, command: [etcd, --version]}}]}}\n"
        )
    };
    host.write_manifest("a.yaml.bak", &pod("backup")).unwrap();
    host.write_manifest(".b.yaml", &pod("hidden")).unwrap();
    host.write_manifest("c.txt", "not a pod").unwrap();
    wait::until("the files to be seen", PATIENCE, || {
        let status = host.status()?;
        anyhow::ensure!(status.pods.len() == 1 && status.pods[0].name == "backup");
        anyhow::ensure!(status.refused.len() == 1 && status.refused[0].file == "c.txt");
        anyhow::ensure!(host.log("backup").contains("etcd Version: 3.5"));
        Ok(())
    })
    .unwrap();
}

#[tokio::test]
async fn a_pod_becomes_ready_when_its_probes_say_so() {
    let bed = bed(["m1"]);
    let host = bed.host("m1");
    start_kubelet(host, EtcdRelease::V3_5);
    etcdha_testbed::KubeadmPki::on(host).unwrap();
    let quick = manifest::kubeadm_etcd(host, EtcdRelease::V3_5)
        .replace("initialDelaySeconds: 10", "initialDelaySeconds: 1")
        .replace("periodSeconds: 10", "periodSeconds: 1");
    host.write_manifest("etcd.yaml", &quick).unwrap();
    wait_for(host, "a process that is not ready", |container| {
        container.pid.is_some() && !container.ready
    });
    wait_for(host, "a ready process", |container| container.ready);

    // A liveness probe that cannot succeed stops the container after its failures.
    let sick = quick.replace("path: /livez", "path: /no-such-path");
    let sick = sick.replace("failureThreshold: 8", "failureThreshold: 2");
    assert_ne!(quick, sick);
    host.write_manifest("etcd.yaml", &sick).unwrap();
    wait_for(host, "a restart by the liveness probe", |container| {
        container.starts >= 2
    });
    let log = host.log("kubelet");
    assert!(log.contains("its liveness probe failed too often"), "{log}");
}
