//! Whether what is said about Kubernetes around etcd makes sense.

use super::check::{certificate_name, check_args, is_label};
use super::cluster::ClusterSpec;
use super::kubernetes::ProxyMode;
use super::mistake::Mistake;
use crate::model::Host;

/// Flags that say who an apiserver is and whom it trusts. They follow from other fields, or are
/// kubeadm's own.
const OWN_FLAGS: [(&str, &str); 12] = [
    ("advertise-address", "members[].address"),
    ("secure-port", "apiserver.port"),
    ("etcd-servers", "members"),
    ("etcd-cafile", "pki.hostDir"),
    ("etcd-certfile", "pki.hostDir"),
    ("etcd-keyfile", "pki.hostDir"),
    ("service-cluster-ip-range", "networking.serviceSubnet"),
    ("tls-cert-file", "pki.hostDir"),
    ("tls-private-key-file", "pki.hostDir"),
    ("client-ca-file", "pki.hostDir"),
    ("service-account-key-file", "pki.hostDir"),
    ("service-account-signing-key-file", "pki.hostDir"),
];

pub(super) fn check(spec: &ClusterSpec, found: &mut Vec<Mistake>) {
    apiserver(spec, found);
    kubernetes(spec, found);
    networking(spec, found);
}

fn apiserver(spec: &ClusterSpec, found: &mut Vec<Mistake>) {
    for (index, name) in spec.apiserver.cert_sans.iter().enumerate() {
        let path = format!("apiserver.certSANs[{index}]");
        found.extend(certificate_name(&path, name));
    }
    let program = ("apiserver", "such as audit-log-path");
    found.extend(check_args(program, &spec.apiserver.extra_args, &OWN_FLAGS));
    let Some(endpoint) = &spec.apiserver.control_plane_endpoint else {
        return;
    };
    let path = "apiserver.controlPlaneEndpoint";
    match &endpoint.host {
        Host::Ip(ip) if ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() => {
            let message = format!("{path}: {ip} is no address under which every node gets there");
            let mistake = Mistake::error(path, message);
            found.push(mistake.expected("a virtual address, a load balancer, or a DNS name"));
        }
        Host::Dns(name) => found.extend(certificate_name(path, name)),
        Host::Ip(_) => {}
    }
}

fn kubernetes(spec: &ClusterSpec, found: &mut Vec<Mistake>) {
    let kubernetes = &spec.kubernetes;
    if let Some(repository) = &kubernetes.image_repository {
        let path = "kubernetes.imageRepository";
        let fits = !repository.is_empty()
            && !repository.ends_with('/')
            && !repository.contains("://")
            && !repository.contains(char::is_whitespace);
        if !fits {
            let mistake = Mistake::error(path, format!("{path}: {repository:?} is no registry"));
            found.push(mistake.expected("such as registry.k8s.io"));
        }
    }
    let too_old = kubernetes.version.as_ref().filter(|v| !v.at_least(29));
    if let (Some(ProxyMode::Nftables), Some(version)) = (kubernetes.proxy_mode, too_old) {
        let path = "kubernetes.proxyMode";
        let message = format!("{path}: kube-proxy {version} has no mode nftables");
        found.push(Mistake::error(path, message).fix("use ipvs or iptables"));
    }
}

fn networking(spec: &ClusterSpec, found: &mut Vec<Mistake>) {
    let networking = &spec.networking;
    let domain = &networking.dns_domain;
    if domain.len() > 253 || !domain.split('.').all(is_dns_label) {
        let path = "networking.dnsDomain";
        let mistake = Mistake::error(path, format!("{path}: {domain:?} is no DNS domain"));
        found.push(mistake.expected("such as cluster.local"));
    }
    let services = ("networking.serviceSubnet", Some(&networking.service_subnet));
    let pods = ("networking.podSubnet", networking.pod_subnet.as_ref());
    if let (Some(services), Some(pods)) = (services.1, pods.1)
        && services.overlap(pods)
    {
        let message = format!(
            "{}: {pods} overlaps the services' {services}",
            "networking.podSubnet"
        );
        found.push(Mistake::error("networking.podSubnet", message).fix("part the two networks"));
    }
    for (path, subnets) in [services, pods] {
        let Some(subnets) = subnets else { continue };
        let mut nodes = spec.members.iter();
        let inside = nodes.find(|member| member.addresses().any(|ip| subnets.contains(ip)));
        if let Some(member) = inside {
            let message = format!("{path}: {subnets} holds the address of {}", member.name);
            let fix = "give services and pods networks of their own";
            found.push(Mistake::error(path, message).fix(fix));
        }
    }
}

fn is_dns_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    is_label(label) && label.bytes().all(plain)
}
