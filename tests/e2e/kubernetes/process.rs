//! Do the real kubelet and the stand-in give a container the same command line, environment and files?

use std::fs;

use etcdha_testbed::kubernetes::Kubeadm;

use super::facts::Facts;
use super::pair::{Pair, RELEASE, manifest, wait_for, wait_running};

/// Everything that a manifest may say about a process, on every kind of volume that we use.
const EVERYTHING: &str = "    command: [etcd, --name=$(WHO), --data-dir=/data/d]
    args:
    - --listen-client-urls=http://$(WHERE):12379
    - --advertise-client-urls=http://127.0.0.1:12379
    - --listen-peer-urls=http://127.0.0.1:12380
    - --initial-cluster-token=$$(WHO) $(UNKNOWN)
    env:
    - {name: WHERE, value: 127.0.0.1}
    - {name: WHO, value: it is $(WHERE)}
    - {name: EMPTY}
    - {name: ETCD_LOG_LEVEL, value: info}
    workingDir: /data
    volumeMounts:
    - {name: data, mountPath: /data}
    - {name: certs, mountPath: /etc/kubernetes/pki/etcd, readOnly: true}
    - {name: file, mountPath: /etc/settings.conf}
    - {name: file, mountPath: /etc/kubernetes/pki/etcd/inner.conf, readOnly: true}
    - {name: new, mountPath: /srv/new}
    - {name: none, mountPath: /srv/none}
  volumes:
  - {name: data, emptyDir: {}}
  - {name: certs, hostPath: {path: /etc/kubernetes/pki/etcd, type: Directory}}
  - {name: file, hostPath: {path: /etc/kubernetes/settings.conf, type: File}}
  - {name: new, hostPath: {path: /var/lib/etcd/new, type: DirectoryOrCreate}}
  - {name: none, hostPath: {path: /var/lib/etcd/none}}
";

#[test]
fn a_process_is_given_the_same_by_the_stand_in_and_by_the_real_kubelet() {
    let pair = Pair::new();
    pair.same("files on the host", |host| {
        let certs = host.path("/etc/kubernetes/pki/etcd");
        fs::create_dir_all(&certs).unwrap();
        fs::write(certs.join("ca.crt"), "a certificate").unwrap();
        fs::write(certs.join("inner.conf"), "hidden by a mount").unwrap();
        fs::write(host.path("/etc/kubernetes/settings.conf"), "a setting").unwrap();
        fs::write(host.path("/etc/kubernetes/admin.conf"), "not for pods").unwrap();
    });
    pair.write("everything.yaml", &manifest("everything", EVERYTHING));
    let facts = pair.same("facts", |host| {
        let (_, container) = wait_running(host, "everything");
        let places = [
            "/data",
            "/data/d",
            "/etc/kubernetes/admin.conf",
            "/etc/kubernetes/pki/etcd",
            "/etc/kubernetes/pki/etcd/ca.crt",
            "/etc/kubernetes/pki/etcd/inner.conf",
            "/etc/settings.conf",
            "/srv/new",
            "/srv/none",
            "/var/lib/etcd",
        ];
        let pid = container.pid.unwrap();
        // etcd makes it when it has read its command line.
        etcdha_testbed::wait::until("etcd to run", super::pair::SOON, || {
            let made = format!("/proc/{pid}/root/data/d/member");
            anyhow::ensure!(host.run(&["test", "-e", &made])?.status.success());
            Ok(())
        })
        .unwrap();
        Facts::of(host, pid, &places)
    });
    assert_eq!(facts.argv[1], "--name=it is 127.0.0.1");
    assert_eq!(
        facts.argv.last().unwrap(),
        "--initial-cluster-token=$(WHO) $(UNKNOWN)"
    );
    assert_eq!(facts.env["EMPTY"], "");
    assert_eq!(facts.places["/etc/kubernetes/admin.conf"], "nothing");
}

#[test]
fn kubeadms_etcd_is_given_the_same_and_becomes_ready_under_both() {
    let pair = Pair::new();
    let facts = pair.same("facts", |host| {
        let kubeadm = Kubeadm::new(host, RELEASE).unwrap();
        kubeadm.phase(&["certs", "all"]).unwrap();
        kubeadm.phase(&["etcd", "local"]).unwrap();
        let (_, container) = wait_running(host, "etcd");
        let places = [
            "/etc/kubernetes/manifests",
            "/etc/kubernetes/pki/ca.crt",
            "/etc/kubernetes/pki/etcd",
            "/etc/kubernetes/pki/etcd/server.key",
            "/var/lib/etcd",
        ];
        let facts = Facts::of(host, container.pid.unwrap(), &places);
        wait_for(host, "etcd", "to be started", |_, container| {
            container.started
        });
        wait_for(host, "etcd", "to be ready", |_, container| container.ready);
        facts
    });
    assert_eq!(facts.argv[0], "etcd");
    assert_eq!(facts.places["/etc/kubernetes/pki/ca.crt"], "nothing");
}
