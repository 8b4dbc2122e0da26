//! Reads what a cluster file says about Kubernetes around etcd.

use super::kubernetes::{ApiserverSpec, KubernetesSpec, NetworkingSpec, ProxyMode};
use super::parse::{extra_arg, port, set, texts};
use super::reader::{Reader, Section};

/// Keys of the section `apiserver`.
pub(super) const APISERVER: &[&str] = &["port", "controlPlaneEndpoint", "certSANs", "extraArgs"];
/// Keys of the section `kubernetes`.
pub(super) const KUBERNETES: &[&str] = &["version", "imageRepository", "proxyMode"];
/// Keys of the section `networking`.
pub(super) const NETWORKING: &[&str] = &["serviceSubnet", "podSubnet", "dnsDomain"];

const ENDPOINT: &str = "HOST:PORT, such as 10.0.0.100:6443 or [fd00::1]:6443";
const RELEASE: &str = "a release of Kubernetes from 1.15 on, such as v1.31.2";
const SUBNETS: &str = "a network such as 10.96.0.0/12; one of each address family behind a comma";

pub(super) fn apiserver(reader: &mut Reader<'_>, root: &Section<'_>) -> ApiserverSpec {
    let section = reader.section("apiserver", root.get("apiserver"), APISERVER);
    let mut apiserver = ApiserverSpec::default();
    set(&mut apiserver.port, port(reader, &section, "port"));
    apiserver.control_plane_endpoint = section.parsed(reader, "controlPlaneEndpoint", ENDPOINT);
    apiserver.cert_sans = texts(reader, &section, "certSANs");
    for (path, item) in section.list(reader, "extraArgs") {
        apiserver.extra_args.extend(extra_arg(reader, &path, item));
    }
    apiserver
}

pub(super) fn kubernetes(reader: &mut Reader<'_>, root: &Section<'_>) -> KubernetesSpec {
    let section = reader.section("kubernetes", root.get("kubernetes"), KUBERNETES);
    let modes = ProxyMode::ALL.map(|mode| (mode.as_str(), mode));
    KubernetesSpec {
        version: section.parsed(reader, "version", RELEASE),
        image_repository: section.text(reader, "imageRepository"),
        proxy_mode: section.choice(reader, "proxyMode", &modes),
    }
}

pub(super) fn networking(reader: &mut Reader<'_>, root: &Section<'_>) -> NetworkingSpec {
    let section = reader.section("networking", root.get("networking"), NETWORKING);
    let mut networking = NetworkingSpec::default();
    set(
        &mut networking.service_subnet,
        section.parsed(reader, "serviceSubnet", SUBNETS),
    );
    networking.pod_subnet = section.parsed(reader, "podSubnet", SUBNETS);
    set(
        &mut networking.dns_domain,
        section.text(reader, "dnsDomain"),
    );
    networking
}
