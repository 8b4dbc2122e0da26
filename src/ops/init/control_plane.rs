//! What a control plane node's files say about Kubernetes around etcd, whoever wrote them.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::manifest::apiserver::etcd_of;
use crate::manifest::flags::{Flags, Program};
use crate::manifest::kubeadm::server_of;
use crate::manifest::pod::StaticPod;
use crate::model::{ClusterSpec, Endpoint, ExtraArg, Host, KubernetesVersion, NodeName, Subnets};
use crate::pki::inspect::first_certificate;

/// Flags that the cluster file says in its own words, or that kubeadm derives from a node's files.
const DERIVED: [&str; 17] = [
    "advertise-address",
    "client-ca-file",
    "etcd-cafile",
    "etcd-certfile",
    "etcd-keyfile",
    "etcd-servers",
    "kubelet-client-certificate",
    "kubelet-client-key",
    "proxy-client-cert-file",
    "proxy-client-key-file",
    "requestheader-client-ca-file",
    "secure-port",
    "service-account-key-file",
    "service-account-signing-key-file",
    "service-cluster-ip-range",
    "tls-cert-file",
    "tls-private-key-file",
];

/// Flags that kubeadm sets itself, so that they need not be said.
const USUAL: [(&str, &str); 10] = [
    ("allow-privileged", "true"),
    ("authorization-mode", "Node,RBAC"),
    ("enable-admission-plugins", "NodeRestriction"),
    ("enable-bootstrap-token-auth", "true"),
    ("insecure-port", "0"),
    (
        "kubelet-preferred-address-types",
        "InternalIP,ExternalIP,Hostname",
    ),
    ("requestheader-allowed-names", "front-proxy-client"),
    ("requestheader-extra-headers-prefix", "X-Remote-Extra-"),
    ("requestheader-group-headers", "X-Remote-Group"),
    ("requestheader-username-headers", "X-Remote-User"),
];

/// Registries that kubeadm takes by itself.
const REGISTRIES: [&str; 2] = ["k8s.gcr.io", "registry.k8s.io"];

/// The name that every apiserver's certificate carries, before the cluster's domain.
const SERVICE: &str = "kubernetes.default.svc";

/// The files of a control plane node.
#[derive(Debug)]
pub(super) struct ControlPlaneFiles<'a> {
    pub(super) apiserver: &'a StaticPod,
    pub(super) controller_manager: Option<&'a StaticPod>,
    /// `/etc/kubernetes/admin.conf`.
    pub(super) admin_conf: Option<&'a [u8]>,
}

/// What they say. What no file says is `None`.
#[derive(Clone, Debug, Default)]
pub(super) struct ControlPlaneFacts {
    pub(super) address: Option<IpAddr>,
    pub(super) port: Option<u16>,
    pub(super) version: Option<KubernetesVersion>,
    pub(super) repository: Option<String>,
    pub(super) service_subnet: Option<Subnets>,
    pub(super) pod_subnet: Option<Subnets>,
    pub(super) dns_domain: Option<String>,
    pub(super) cluster_name: Option<String>,
    /// Where admin.conf leads.
    pub(super) server: Option<Endpoint>,
    /// The apiserver's certificate, as a path on the host.
    pub(super) certificate: Option<PathBuf>,
    /// The names and addresses in it.
    pub(super) names: Vec<String>,
    pub(super) extra_args: Vec<ExtraArg>,
    pub(super) etcd_servers: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// Reads the facts; the certificate comes later, when its path is known.
pub(super) fn read(files: &ControlPlaneFiles<'_>) -> ControlPlaneFacts {
    let mut facts = ControlPlaneFacts::default();
    if let Some(container) = Program::Apiserver.container(files.apiserver) {
        let flags = Flags::of(container, Program::Apiserver.dialect());
        facts.address = flags
            .value("advertise-address")
            .and_then(|v| v.parse().ok());
        facts.port = flags.value("secure-port").and_then(|v| v.parse().ok());
        facts.service_subnet = subnets(&flags, "service-cluster-ip-range");
        facts.certificate = flags.value("tls-cert-file").map(PathBuf::from);
        let issuer = flags.value("service-account-issuer");
        facts.dns_domain = issuer.and_then(domain_of_issuer).map(str::to_owned);
        facts.extra_args = extra_args(&flags, &mut facts.notes);
        let image = container.image.as_ref().map(|image| image.value.as_str());
        facts.version = image.and_then(KubernetesVersion::from_image);
        facts.repository = image.and_then(repository).map(str::to_owned);
    }
    let etcd = etcd_of(files.apiserver);
    facts.etcd_servers = etcd.map(|etcd| etcd.servers).unwrap_or_default();
    // It reads its flags as kube-apiserver does, and kubeadm gives it a pod of its own.
    if let Some(pod) = files.controller_manager
        && let Some(container) = pod.containers.first()
    {
        let flags = Flags::of(container, Program::Apiserver.dialect());
        facts.pod_subnet = subnets(&flags, "cluster-cidr");
        facts.cluster_name = flags.value("cluster-name").map(str::to_owned);
    }
    match files.admin_conf.map(server_of) {
        Some(Ok(server)) => facts.server = Some(server),
        Some(Err(error)) => facts
            .notes
            .push(format!("/etc/kubernetes/admin.conf: {error}")),
        None => {}
    }
    facts
}

impl ControlPlaneFacts {
    /// Takes over what the apiserver's certificate says.
    ///
    /// # Errors
    /// Why the file holds no certificate.
    pub(super) fn adopt_certificate(&mut self, pem: &[u8]) -> Result<(), String> {
        let certificate = first_certificate(pem).map_err(|error| error.to_string())?;
        let names = &certificate.extensions.names;
        let domain = names.dns.iter().find_map(|name| {
            let domain = name.strip_prefix(SERVICE)?.strip_prefix('.')?;
            Some(domain.to_owned())
        });
        self.dns_domain = domain.or(self.dns_domain.take());
        self.names = names.dns.clone();
        self.names.extend(names.ip.iter().map(IpAddr::to_string));
        Ok(())
    }

    /// The node's name where no etcd tells it: the one name in the certificate that is neither the
    /// service's nor somebody else's. `hostname` decides between several.
    pub(super) fn node_name(&self, hostname: Option<&str>) -> Option<NodeName> {
        let own = |name: &&String| {
            !is_service(name) && name.parse::<IpAddr>().is_err() && *name != "localhost"
        };
        let candidates: Vec<_> = self.names.iter().filter(own).collect();
        let named = candidates
            .iter()
            .find(|name| Some(name.as_str()) == hostname);
        match (named, candidates.as_slice()) {
            (Some(name), _) | (None, [name]) => name.parse().ok(),
            _ => None,
        }
    }

    /// The address under which all nodes reach the apiservers; none where the administrator is led
    /// to this very node.
    pub(super) fn endpoint(&self, own: &[IpAddr]) -> Option<Endpoint> {
        let server = self.server.clone()?;
        let is_own = matches!(server.host, Host::Ip(ip) if own.contains(&ip) || ip.is_loopback());
        (!is_own).then_some(server)
    }
}

/// Names of the apiservers' certificates that nobody has to ask for: those of the service, of the nodes
/// and of the endpoint.
pub(super) fn drop_usual_names(spec: &mut ClusterSpec) {
    let mut usual: Vec<String> = Vec::new();
    for member in &spec.members {
        usual.push(member.name.to_string());
        usual.extend(member.addresses().map(|ip| ip.to_string()));
        usual.extend(member.extra_names.iter().cloned());
    }
    let services = spec.networking.service_subnet.first_hosts();
    usual.extend(services.map(|ip| ip.to_string()));
    let endpoint = spec.control_plane_endpoint();
    usual.extend(endpoint.map(|endpoint| match endpoint.host {
        Host::Ip(ip) => ip.to_string(),
        Host::Dns(name) => name,
    }));
    let names = &mut spec.apiserver.cert_sans;
    names.retain(|name| !usual.contains(name) && !is_service(name));
    let mut seen: Vec<String> = Vec::new();
    names.retain(|name| {
        let is_new = !seen.contains(name);
        seen.push(name.clone());
        is_new
    });
}

fn is_service(name: &str) -> bool {
    matches!(name, "kubernetes" | "kubernetes.default" | SERVICE)
        || name
            .strip_prefix(SERVICE)
            .is_some_and(|rest| rest.starts_with('.'))
}

fn subnets(flags: &Flags<'_>, flag: &str) -> Option<Subnets> {
    flags.value(flag)?.parse().ok()
}

/// `https://kubernetes.default.svc.DOMAIN`, kubeadm's issuer of service account tokens since 1.20.
fn domain_of_issuer(issuer: &str) -> Option<&str> {
    issuer
        .strip_prefix("https://")?
        .strip_prefix(SERVICE)?
        .strip_prefix('.')
}

/// The registry of `REGISTRY/kube-apiserver:TAG`, where kubeadm would not take it by itself.
fn repository(image: &str) -> Option<&str> {
    let untagged = image.split('@').next()?;
    let (repository, _) = untagged.rsplit_once('/')?;
    (!REGISTRIES.contains(&repository)).then_some(repository)
}

/// Flags that no other field of the cluster file says.
fn extra_args(flags: &Flags<'_>, notes: &mut Vec<String>) -> Vec<ExtraArg> {
    let mut extra = Vec::new();
    for flag in flags.iter() {
        let name = flag.name.as_str();
        if DERIVED.contains(&name) {
            continue;
        }
        let Some(value) = &flag.value else {
            notes.push(format!(
                "kube-apiserver --{name}: its value is not in the manifest, so it is left out"
            ));
            continue;
        };
        let usual = USUAL.contains(&(name, value.as_str()))
            || name == "service-account-issuer" && domain_of_issuer(value).is_some();
        if !usual {
            extra.push(ExtraArg {
                name: flag.name.clone(),
                value: value.clone(),
            });
        }
    }
    extra
}

#[cfg(test)]
mod tests {
    use super::*;

    const APISERVER: &str =
        include_str!("../../../tests/data/manifests/apiserver-kubeadm-1.20.yaml");

    fn facts(apiserver: &str, manager: &str) -> ControlPlaneFacts {
        let apiserver = StaticPod::parse(apiserver.as_bytes()).unwrap();
        let manager = StaticPod::parse(manager.as_bytes()).unwrap();
        read(&ControlPlaneFiles {
            apiserver: &apiserver,
            controller_manager: Some(&manager),
            admin_conf: Some(b"no kubeconfig"),
        })
    }

    #[test]
    fn the_manifests_tell_release_networks_and_what_is_not_kubeadms() {
        let apiserver = APISERVER
            .replace("k8s.gcr.io/", "registry.example.com/k8s/")
            .replace("=NodeRestriction", "=NodeRestriction,PodSecurityPolicy")
            .replace("--insecure-port=0", "--audit-log-maxage=30");
        let manager = "apiVersion: v1\nkind: Pod\nmetadata: {name: kube-controller-manager}\nspec:\n  \
            containers:\n  - name: m\n    command: [kube-controller-manager, --cluster-cidr=10.244.0.0/16, \
            --cluster-name=prod]\n";
        let facts = facts(&apiserver, manager);
        assert_eq!(facts.version.unwrap().to_string(), "v1.20.2");
        assert_eq!(
            facts.repository.as_deref(),
            Some("registry.example.com/k8s")
        );
        assert_eq!(facts.service_subnet.unwrap().to_string(), "10.96.0.0/12");
        assert_eq!(facts.pod_subnet.unwrap().to_string(), "10.244.0.0/16");
        assert_eq!(facts.dns_domain.as_deref(), Some("cluster.local"));
        assert_eq!(facts.cluster_name.as_deref(), Some("prod"));
        assert_eq!(facts.etcd_servers, ["https://127.0.0.1:2379"]);
        let extra = facts
            .extra_args
            .iter()
            .map(|arg| format!("{}={}", arg.name, arg.value));
        assert_eq!(
            extra.collect::<Vec<_>>(),
            [
                "enable-admission-plugins=NodeRestriction,PodSecurityPolicy",
                "audit-log-maxage=30"
            ]
        );
        assert_eq!(
            facts.notes,
            ["/etc/kubernetes/admin.conf: not readable as a kubeconfig"]
        );
    }

    #[test]
    fn a_node_without_etcd_is_named_by_its_certificate() {
        let mut facts = ControlPlaneFacts {
            names: [
                "kubernetes",
                "kubernetes.default.svc.a.b",
                "m1",
                "10.0.0.11",
            ]
            .map(str::to_owned)
            .to_vec(),
            ..ControlPlaneFacts::default()
        };
        assert_eq!(facts.node_name(None).unwrap().as_str(), "m1");
        facts.names.push("api.example.com".into());
        assert_eq!(facts.node_name(None), None);
        assert_eq!(facts.node_name(Some("m1")).unwrap().as_str(), "m1");
        assert_eq!(facts.node_name(Some("other")), None);
    }

    #[test]
    fn admin_conf_leads_to_the_endpoint_unless_it_is_the_node_itself() {
        let own = ["10.0.0.11".parse().unwrap()];
        let leads = |server: &str| {
            let server = Some(server.parse().unwrap());
            let facts = ControlPlaneFacts {
                server,
                ..ControlPlaneFacts::default()
            };
            facts.endpoint(&own).map(|endpoint| endpoint.to_string())
        };
        assert_eq!(leads("10.0.0.11:6443"), None);
        assert_eq!(leads("10.0.0.100:6443").as_deref(), Some("10.0.0.100:6443"));
        assert_eq!(
            leads("api.example.com:443").as_deref(),
            Some("api.example.com:443")
        );
    }
}
