//! The etcd static pod as kubeadm writes it, without etcdha.
//!
//! Invariant: fields, flags and their order are kubeadm's of the time of the etcd release
//! (`cmd/kubeadm/app/phases/etcd/local.go`): 1.20 for etcd 3.4, 1.31 for etcd 3.5.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::debs::EtcdRelease;
use crate::host::Host;

/// Returns the manifest of the first, single member on a host, at its IPv4 address.
pub fn kubeadm_etcd(host: &Host, release: EtcdRelease) -> String {
    render(host.name(), host.address().into(), release)
}

/// Returns the manifest of a host that joins, as `kubeadm join` writes it: `members` holds the name
/// and the peer URL of every member, the joining one included.
pub fn kubeadm_etcd_joining(
    host: &Host,
    release: EtcdRelease,
    members: &[(String, String)],
) -> String {
    let (name, address) = (host.name(), host.address());
    let cluster: Vec<String> = members
        .iter()
        .map(|(name, peer)| format!("{name}={peer}"))
        .collect();
    let alone = format!("    - --initial-cluster={name}=https://{address}:2380\n");
    let joined = format!(
        "    - --initial-cluster={}\n    - --initial-cluster-state=existing\n",
        cluster.join(",")
    );
    render(name, address.into(), release).replace(&alone, &joined)
}

/// Returns the manifest of a single member.
pub fn render(name: &str, address: IpAddr, release: EtcdRelease) -> String {
    let (bracketed, loopback) = match address {
        IpAddr::V4(address) => (address.to_string(), "127.0.0.1"),
        IpAddr::V6(address) => (format!("[{address}]"), "[::1]"),
    };
    let probe_host = loopback.trim_matches(['[', ']']);
    let mut text = format!(
        "apiVersion: v1
kind: Pod
metadata:
  annotations:
    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://{bracketed}:2379
  creationTimestamp: null
  labels:
    component: etcd
    tier: control-plane
  name: etcd
  namespace: kube-system
spec:
  containers:
  - command:
    - etcd
"
    );
    for flag in flags(name, &bracketed, loopback, release) {
        let _ = writeln!(text, "    - --{flag}");
    }
    let (version, liveness, startup) = match release {
        EtcdRelease::V3_4 => ("3.4.13-0", "/health", "/health"),
        EtcdRelease::V3_5 => ("3.5.15-0", "/livez", "/readyz"),
    };
    let _ = write!(
        text,
        "    image: registry.k8s.io/etcd:{version}
    imagePullPolicy: IfNotPresent
{liveness}    name: etcd
{readiness}    resources:
      requests:
        cpu: 100m
        memory: 100Mi
{startup}    volumeMounts:
    - mountPath: /var/lib/etcd
      name: etcd-data
    - mountPath: /etc/kubernetes/pki/etcd
      name: etcd-certs
  hostNetwork: true
  priority: 2000001000
  priorityClassName: system-node-critical
  securityContext:
    seccompProfile:
      type: RuntimeDefault
  volumes:
  - hostPath:
      path: /etc/kubernetes/pki/etcd
      type: DirectoryOrCreate
    name: etcd-certs
  - hostPath:
      path: /var/lib/etcd
      type: DirectoryOrCreate
    name: etcd-data
status: {{}}
",
        liveness = probe("liveness", probe_host, liveness, [8, 10, 10, 15]),
        readiness = match release {
            EtcdRelease::V3_4 => String::new(),
            EtcdRelease::V3_5 => probe("readiness", probe_host, "/readyz", [3, 0, 1, 15]),
        },
        startup = probe("startup", probe_host, startup, [24, 10, 10, 15]),
    );
    text
}

/// Renders a probe with its failures, delay, period and timeout.
fn probe(kind: &str, host: &str, path: &str, numbers: [u32; 4]) -> String {
    let [failures, delay, period, timeout] = numbers;
    // Go leaves a delay of zero out.
    let delay = match delay {
        0 => String::new(),
        seconds => format!("      initialDelaySeconds: {seconds}\n"),
    };
    format!(
        "    {kind}Probe:
      failureThreshold: {failures}
      httpGet:
        host: {host}
        path: {path}
        port: 2381
        scheme: HTTP
{delay}      periodSeconds: {period}
      timeoutSeconds: {timeout}
"
    )
}

fn flags(name: &str, address: &str, loopback: &str, release: EtcdRelease) -> Vec<String> {
    let pki = "/etc/kubernetes/pki/etcd";
    let mut flags = vec![
        format!("advertise-client-urls=https://{address}:2379"),
        format!("cert-file={pki}/server.crt"),
        "client-cert-auth=true".to_owned(),
        "data-dir=/var/lib/etcd".to_owned(),
        format!("initial-advertise-peer-urls=https://{address}:2380"),
        format!("initial-cluster={name}=https://{address}:2380"),
        format!("key-file={pki}/server.key"),
        format!("listen-client-urls=https://{loopback}:2379,https://{address}:2379"),
        format!("listen-metrics-urls=http://{loopback}:2381"),
        format!("listen-peer-urls=https://{address}:2380"),
        format!("name={name}"),
        format!("peer-cert-file={pki}/peer.crt"),
        "peer-client-cert-auth=true".to_owned(),
        format!("peer-key-file={pki}/peer.key"),
        format!("peer-trusted-ca-file={pki}/ca.crt"),
        "snapshot-count=10000".to_owned(),
        format!("trusted-ca-file={pki}/ca.crt"),
    ];
    if release == EtcdRelease::V3_5 {
        flags.push("experimental-initial-corrupt-check=true".to_owned());
        flags.push("experimental-watch-progress-notify-interval=5s".to_owned());
        flags.sort();
    }
    flags
}
