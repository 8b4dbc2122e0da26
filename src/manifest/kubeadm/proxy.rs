//! KubeProxyConfiguration: how services are reached.

use super::texts;
use crate::manifest::yaml::Yaml;
use crate::model::{ClusterSpec, ProxyMode};

/// The document; none where kube-proxy chooses for itself.
pub(super) fn proxy(spec: &ClusterSpec) -> Option<Yaml> {
    let mode = spec.kubernetes.proxy_mode?;
    let mut fields = vec![
        ("apiVersion", Yaml::text("kubeproxy.config.k8s.io/v1alpha1")),
        ("kind", Yaml::text("KubeProxyConfiguration")),
        ("mode", Yaml::text(mode.as_str())),
    ];
    if let (ProxyMode::Ipvs, Some(vip)) = (mode, spec.frontend.vip) {
        let bits = if vip.is_ipv4() { 32 } else { 128 };
        fields.push((
            "ipvs",
            Yaml::Map(vec![
                // kube-proxy removes every virtual service that is not one of its own.
                super::comment("Virtual services of this address are not kube-proxy's to remove."),
                ("excludeCIDRs", texts([format!("{vip}/{bits}")])),
            ]),
        ));
    }
    Some(Yaml::Map(fields))
}
