//! InitConfiguration and JoinConfiguration: what one node needs.

use super::{Field, KubeadmConfig, KubeadmError, KubeadmEtcd, comment, head};
use crate::manifest::yaml::Yaml;
use crate::model::{ClusterSpec, MemberSpec};

pub(super) fn init(config: &KubeadmConfig<'_>, member: &MemberSpec) -> Yaml {
    let mut fields = head(config, "InitConfiguration");
    fields.push(("localAPIEndpoint", local_endpoint(config.spec, member)));
    fields.push(("nodeRegistration", registration(member)));
    fields.extend([
        comment("To hand the CAs to joining control planes (kubeadm init --upload-certs), fill in"),
        comment("certificateKey: what kubeadm certs certificate-key prints."),
    ]);
    Yaml::Map(fields)
}

pub(super) fn join(config: &KubeadmConfig<'_>, member: &MemberSpec) -> Result<Yaml, KubeadmError> {
    let spec = config.spec;
    let endpoint = spec.control_plane_endpoint();
    let endpoint = endpoint.ok_or(KubeadmError::NoEndpoint)?;
    let mut fields = head(config, "JoinConfiguration");
    let token = vec![
        ("apiServerEndpoint", Yaml::text(endpoint.to_string())),
        comment(
            "Fill in both; a control plane node prints them: kubeadm token create --print-join-command",
        ),
        ("token", Yaml::text("")),
        ("caCertHashes", Yaml::List(Vec::new())),
    ];
    let discovery = vec![("bootstrapToken", Yaml::Map(token))];
    fields.push(("discovery", Yaml::Map(discovery)));
    let control_plane = vec![
        ("localAPIEndpoint", local_endpoint(spec, member)),
        comment(
            "Where the CAs were not copied by hand, fill in certificateKey: what a control plane",
        ),
        comment(
            "node prints on kubeadm init phase upload-certs --upload-certs (good for two hours).",
        ),
    ];
    fields.push(("controlPlane", Yaml::Map(control_plane)));
    fields.push(("nodeRegistration", registration(member)));
    if let KubeadmEtcd::Local { .. } = config.etcd {
        fields.extend([
            comment(
                "Where etcdha member add has given this node its etcd, let kubeadm leave it alone:",
            ),
            comment(
                "kubeadm join --skip-phases=control-plane-join/etcd --ignore-preflight-errors=\\",
            ),
            comment("DirAvailable--var-lib-etcd,FileAvailable--etc-kubernetes-manifests-etcd.yaml"),
        ]);
    }
    Ok(Yaml::Map(fields))
}

fn local_endpoint(spec: &ClusterSpec, member: &MemberSpec) -> Yaml {
    Yaml::Map(vec![
        ("advertiseAddress", Yaml::text(member.address.to_string())),
        ("bindPort", Yaml::Int(spec.apiserver.port.into())),
    ])
}

fn registration(member: &MemberSpec) -> Yaml {
    let fields: Vec<Field> = vec![
        ("name", Yaml::text(member.name.as_str())),
        comment("Where a host has several container runtimes, name one with criSocket."),
    ];
    Yaml::Map(fields)
}
