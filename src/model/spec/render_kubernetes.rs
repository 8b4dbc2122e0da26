//! The part of a commented cluster file about Kubernetes around etcd.

use super::cluster::ClusterSpec;
use super::kubernetes::{ApiserverSpec, NetworkingSpec, ProxyMode};
use super::render::{Text, list, scalar};

pub(super) fn kubernetes(text: &mut Text, spec: &ClusterSpec) {
    let kubernetes = &spec.kubernetes;
    text.gap("Kubernetes around this etcd, for etcdha kubeadm config.");
    text.line("kubernetes:");
    text.note("The release that runs.");
    text.optional("version", kubernetes.version.as_ref(), "v1.31.2");
    text.note("Where its images come from, where that is not kubeadm's registry.");
    let repository = kubernetes.image_repository.as_deref().map(scalar);
    text.optional("imageRepository", repository, "registry.example.com/k8s");
    text.note("kube-proxy: iptables, ipvs or nftables.");
    let mode = kubernetes.proxy_mode.map(ProxyMode::as_str);
    text.optional("proxyMode", mode, "ipvs");
    networking(text, &spec.networking);
    apiserver(text, &spec.apiserver);
}

fn networking(text: &mut Text, networking: &NetworkingSpec) {
    let usual = NetworkingSpec::default();
    text.line("networking:");
    text.field(
        "serviceSubnet",
        scalar(&networking.service_subnet.to_string()),
        networking.service_subnet == usual.service_subnet,
    );
    let pods = networking.pod_subnet.as_ref();
    let pods = pods.map(|subnet| scalar(&subnet.to_string()));
    text.optional("podSubnet", pods, "10.244.0.0/16");
    text.field(
        "dnsDomain",
        scalar(&networking.dns_domain),
        networking.dns_domain == usual.dns_domain,
    );
}

fn apiserver(text: &mut Text, apiserver: &ApiserverSpec) {
    let usual = ApiserverSpec::default();
    text.line("apiserver:");
    text.field("port", apiserver.port, apiserver.port == usual.port);
    text.note("Where every node reaches the apiservers; frontend.vip where nothing is said.");
    let endpoint = apiserver.control_plane_endpoint.as_ref();
    let endpoint = endpoint.map(|endpoint| scalar(&endpoint.to_string()));
    text.optional("controlPlaneEndpoint", endpoint, "api.example.com:6443");
    text.note("Names and addresses in its certificate beyond those of the nodes and the endpoint.");
    let names = (!apiserver.cert_sans.is_empty()).then(|| list(&apiserver.cert_sans));
    text.optional("certSANs", names, "[api.example.com]");
    text.note("More flags of kube-apiserver. One that kubeadm sets too is overridden.");
    text.extra_args(
        &apiserver.extra_args,
        "[{name: audit-log-maxage, value: \"30\"}]",
    );
}
