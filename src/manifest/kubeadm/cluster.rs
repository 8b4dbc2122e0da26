//! ClusterConfiguration: what all nodes share.

use std::time::Duration;

use super::args::extra_args;
use super::etcd::{etcd, utf8};
use super::{Field, KubeadmApi, KubeadmConfig, KubeadmError, KubeadmEtcd, comment, head, texts};
use crate::manifest::yaml::Yaml;
use crate::model::{
    ClusterSpec, Host, KeyAlgorithm, MemberSpec, NetworkingSpec, PkiLayout, PkiSpec, parse_duration,
};

pub(super) fn cluster(config: &KubeadmConfig<'_>) -> Result<Yaml, KubeadmError> {
    let spec = config.spec;
    let mut fields = head(config, "ClusterConfiguration");
    fields.push(("clusterName", Yaml::text(&spec.name)));
    match &spec.kubernetes.version {
        Some(version) => fields.push(("kubernetesVersion", Yaml::text(version.to_string()))),
        None => {
            fields.push(comment(
                "kubernetes.version is not set: kubeadm takes its own default.",
            ));
        }
    }
    if let Some(repository) = &spec.kubernetes.image_repository {
        fields.push(("imageRepository", Yaml::text(repository)));
    }
    fields.push(("certificatesDir", Yaml::text(certificates_dir(config)?)));
    fields.extend(endpoint(spec)?);
    fields.push(("networking", networking(&spec.networking)));
    fields.push(("apiServer", apiserver(config)?));
    fields.push(("etcd", etcd(config)?));
    if config.api >= KubeadmApi::V1beta4 {
        fields.extend(certificates(&spec.pki));
    }
    Ok(Yaml::Map(fields))
}

/// Where kubeadm keeps the certificates that it makes. Beside an external etcd the cluster's own
/// directory need not be kubeadm's.
fn certificates_dir<'a>(config: &KubeadmConfig<'a>) -> Result<&'a str, KubeadmError> {
    let pki = &config.spec.pki;
    match (&config.etcd, pki.layout) {
        (_, PkiLayout::Kubeadm) => utf8(&pki.host_dir),
        (KubeadmEtcd::External { .. }, PkiLayout::Cfssl) => Ok("/etc/kubernetes/pki"),
        (KubeadmEtcd::Local { .. }, PkiLayout::Cfssl) => Err(KubeadmError::Layout),
    }
}

fn endpoint(spec: &ClusterSpec) -> Result<Vec<Field>, KubeadmError> {
    if let Some(endpoint) = spec.control_plane_endpoint() {
        let text = Yaml::text(endpoint.to_string());
        return Ok(vec![("controlPlaneEndpoint", text)]);
    }
    match spec.control_planes().count() {
        2.. => Err(KubeadmError::NoEndpoint),
        _ => Ok(vec![
            comment("Without a controlPlaneEndpoint no second control plane can ever join: set"),
            comment("frontend.vip or apiserver.controlPlaneEndpoint in the cluster file."),
        ]),
    }
}

fn networking(networking: &NetworkingSpec) -> Yaml {
    let mut fields = vec![
        ("dnsDomain", Yaml::text(&networking.dns_domain)),
        (
            "serviceSubnet",
            Yaml::text(networking.service_subnet.to_string()),
        ),
    ];
    if let Some(pods) = &networking.pod_subnet {
        fields.push(("podSubnet", Yaml::text(pods.to_string())));
    }
    Yaml::Map(fields)
}

fn apiserver(config: &KubeadmConfig<'_>) -> Result<Yaml, KubeadmError> {
    let mut fields = vec![("certSANs", texts(cert_sans(config.spec)))];
    let args = extra_args(config.api, &config.spec.apiserver.extra_args)?;
    fields.extend(args.map(|args| ("extraArgs", args)));
    Ok(Yaml::Map(fields))
}

/// Every name and address under which somebody reaches an apiserver: any node's certificate is good
/// for all of them, so that a front end may lead anywhere.
fn cert_sans(spec: &ClusterSpec) -> Vec<String> {
    let of_member = |member: &MemberSpec| {
        let addresses = member.addresses().map(|ip| ip.to_string());
        let names = std::iter::once(member.name.to_string()).chain(addresses);
        let names: Vec<_> = names.chain(member.extra_names.iter().cloned()).collect();
        names
    };
    let endpoint = spec
        .control_plane_endpoint()
        .map(|endpoint| match endpoint.host {
            Host::Ip(ip) => ip.to_string(),
            Host::Dns(name) => name,
        });
    let mut names = Vec::new();
    let all = spec
        .control_planes()
        .flat_map(of_member)
        .chain(spec.frontend.vip.map(|vip| vip.to_string()))
        .chain(endpoint)
        .chain(spec.apiserver.cert_sans.iter().cloned());
    for name in all {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// v1beta4 says how kubeadm's own certificates look; what it can't say stays kubeadm's default.
fn certificates(pki: &PkiSpec) -> Vec<Field> {
    let hours = |text: &Option<String>| {
        let length: Duration = parse_duration(text.as_deref()?).ok()?;
        // Go's durations know no days.
        Some(Yaml::text(format!("{}h0m0s", length.as_secs() / 3600)))
    };
    let algorithm = pki.key_algorithm.and_then(algorithm_name).map(Yaml::text);
    [
        ("encryptionAlgorithm", algorithm),
        ("certificateValidityPeriod", hours(&pki.leaf_validity)),
        ("caCertificateValidityPeriod", hours(&pki.ca_validity)),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect()
}

fn algorithm_name(algorithm: KeyAlgorithm) -> Option<&'static str> {
    match algorithm.as_str() {
        "rsa-2048" => Some("RSA-2048"),
        "rsa-3072" => Some("RSA-3072"),
        "rsa-4096" => Some("RSA-4096"),
        "ecdsa-p256" => Some("ECDSA-P256"),
        _ => None,
    }
}
