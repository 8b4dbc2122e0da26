//! What does a manifest say? The part of a pod that the stand-in understands.
//!
//! Invariant: a pod that uses what the stand-in cannot do is refused, never half obeyed.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// A static pod, together with its identity.
#[derive(Debug, Clone)]
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) uid: String,
    pub(crate) file: String,
    pub(crate) spec: PodSpec,
}

#[derive(Debug, Clone, Deserialize)]
struct Manifest {
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: PodSpec,
}

#[derive(Debug, Clone, Deserialize)]
struct Metadata {
    name: String,
    namespace: Option<String>,
    uid: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodSpec {
    pub(crate) containers: Vec<Container>,
    #[serde(default)]
    init_containers: Vec<serde_json::Value>,
    #[serde(default)]
    pub(crate) volumes: Vec<Volume>,
    #[serde(default)]
    pub(crate) restart_policy: RestartPolicy,
    pub(crate) termination_grace_period_seconds: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum RestartPolicy {
    #[default]
    Always,
    OnFailure,
    Never,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Container {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) command: Vec<String>,
    #[serde(default)]
    pub(crate) args: Vec<String>,
    #[serde(default)]
    pub(crate) env: Vec<EnvVar>,
    #[serde(default)]
    pub(crate) ports: Vec<ContainerPort>,
    #[serde(default)]
    pub(crate) volume_mounts: Vec<VolumeMount>,
    pub(crate) working_dir: Option<String>,
    pub(crate) liveness_probe: Option<ProbeSpec>,
    pub(crate) readiness_probe: Option<ProbeSpec>,
    pub(crate) startup_probe: Option<ProbeSpec>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EnvVar {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) value: String,
    value_from: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerPort {
    name: Option<String>,
    container_port: u16,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VolumeMount {
    pub(crate) name: String,
    pub(crate) mount_path: String,
    #[serde(default)]
    pub(crate) read_only: bool,
    sub_path: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Volume {
    pub(crate) name: String,
    pub(crate) host_path: Option<HostPath>,
    pub(crate) empty_dir: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct HostPath {
    pub(crate) path: String,
    #[serde(default, rename = "type")]
    pub(crate) kind: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProbeSpec {
    http_get: Option<HttpGet>,
    tcp_socket: Option<TcpSocket>,
    #[serde(default)]
    pub(crate) initial_delay_seconds: u64,
    pub(crate) period_seconds: Option<u64>,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) failure_threshold: Option<u32>,
    pub(crate) success_threshold: Option<u32>,
    pub(crate) termination_grace_period_seconds: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
struct HttpGet {
    host: Option<String>,
    port: Port,
    path: Option<String>,
    scheme: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct TcpSocket {
    host: Option<String>,
    port: Port,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Port {
    Number(u16),
    Name(String),
}

/// Where a probe goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The host; without one the node's own address is meant.
    pub(crate) host: Option<String>,
    /// The TCP port.
    pub(crate) port: u16,
    /// The path to GET; without one an open port is enough.
    pub(crate) path: Option<String>,
}

impl Pod {
    /// Reads a manifest. `file` is its name in the manifest directory.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Pod> {
        let value: serde_json::Value = serde_saphyr::from_str(text).context("it is not YAML")?;
        let manifest: Manifest =
            serde_json::from_value(value.clone()).context("it is not a pod")?;
        if manifest.api_version != "v1" || manifest.kind != "Pod" {
            bail!(
                "it is a {} of {}, not a Pod of v1",
                manifest.kind,
                manifest.api_version
            );
        }
        manifest.spec.check()?;
        Ok(Pod {
            name: manifest.metadata.name,
            namespace: manifest
                .metadata
                .namespace
                .unwrap_or_else(|| "default".to_owned()),
            uid: manifest
                .metadata
                .uid
                .unwrap_or_else(|| identity(file, &value)),
            file: file.to_owned(),
            spec: manifest.spec,
        })
    }

    /// The name that only one pod of a host may have.
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// Returns the UID of a static pod: a hash over the file's name and the decoded manifest, as in the
/// kubelet (`pkg/kubelet/config/common.go`, `applyDefaults`). So an annotation makes another pod,
/// while a comment or another order of the keys does not.
fn identity(file: &str, manifest: &serde_json::Value) -> String {
    let mut hasher = DefaultHasher::new();
    file.hash(&mut hasher);
    canonical(manifest).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Writes a value with its keys in order.
fn canonical(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(map) => {
            let sorted: BTreeMap<&String, String> = map
                .iter()
                .map(|(key, value)| (key, canonical(value)))
                .collect();
            format!("{sorted:?}")
        }
        serde_json::Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("{items:?}")
        }
        scalar => scalar.to_string(),
    }
}

impl PodSpec {
    fn check(&self) -> Result<()> {
        if self.containers.is_empty() {
            bail!("it has no container");
        }
        if !self.init_containers.is_empty() {
            bail!("init containers are beyond this stand-in");
        }
        for volume in &self.volumes {
            if volume.host_path.is_none() && volume.empty_dir.is_none() {
                bail!(
                    "volume {} is neither a hostPath nor an emptyDir",
                    volume.name
                );
            }
        }
        for container in &self.containers {
            container
                .check(&self.volumes)
                .with_context(|| format!("container {}", container.name))?;
        }
        Ok(())
    }
}

impl Container {
    fn check(&self, volumes: &[Volume]) -> Result<()> {
        if self.command.is_empty() {
            bail!("it has no command, and the stand-in's images have no entry point");
        }
        if let Some(variable) = self.env.iter().find(|env| env.value_from.is_some()) {
            bail!("the value of {} comes from elsewhere", variable.name);
        }
        for mount in &self.volume_mounts {
            if mount.sub_path.is_some() {
                bail!("volume mount {} has a subPath", mount.name);
            }
            if !volumes.iter().any(|volume| volume.name == mount.name) {
                bail!("there is no volume {} to mount", mount.name);
            }
        }
        for probe in [
            &self.liveness_probe,
            &self.readiness_probe,
            &self.startup_probe,
        ]
        .into_iter()
        .flatten()
        {
            probe.target(&self.ports)?;
        }
        Ok(())
    }

    /// Returns the container's variables, in which `$(NAME)` means one that was named before.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        for env in &self.env {
            let value = expand(&env.value, &variables);
            variables.insert(env.name.clone(), value);
        }
        variables
    }

    /// Returns command and arguments with `$(NAME)` replaced by the container's variables.
    pub(crate) fn argv(&self) -> Vec<String> {
        let variables = self.variables();
        let words = self.command.iter().chain(&self.args);
        words.map(|word| expand(word, &variables)).collect()
    }
}

/// Replaces each `$(NAME)` whose variable exists; `$$` is a `$` that means nothing
/// (`third_party/forked/golang/expansion` in Kubernetes).
fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded += before;
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|it| it.split_once(')'))
        {
            match variables.get(name) {
                Some(value) => expanded += value,
                None => expanded += &format!("$({name})"),
            }
            rest = after;
        } else {
            expanded.push('$');
        }
    }
    expanded + rest
}

impl ProbeSpec {
    /// Returns where the probe goes, a named port looked up among the container's.
    pub(crate) fn target(&self, ports: &[ContainerPort]) -> Result<Target> {
        match (&self.http_get, &self.tcp_socket) {
            (Some(get), None) => {
                if get.scheme.as_deref().is_some_and(|scheme| scheme != "HTTP") {
                    bail!("HTTPS probes are beyond this stand-in");
                }
                let path = get.path.clone().unwrap_or_default();
                Ok(Target {
                    host: get.host.clone(),
                    port: get.port.number(ports)?,
                    path: Some(if path.starts_with('/') {
                        path
                    } else {
                        format!("/{path}")
                    }),
                })
            }
            (None, Some(socket)) => Ok(Target {
                host: socket.host.clone(),
                port: socket.port.number(ports)?,
                path: None,
            }),
            _ => bail!("only httpGet and tcpSocket probes are within this stand-in"),
        }
    }
}

impl Port {
    fn number(&self, ports: &[ContainerPort]) -> Result<u16> {
        match self {
            Port::Number(number) => Ok(*number),
            Port::Name(name) => ports
                .iter()
                .find(|port| port.name.as_deref() == Some(name))
                .map(|port| port.container_port)
                .with_context(|| format!("the container has no port named {name}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: etcd, namespace: kube-system}
spec:
  containers:
  - name: etcd
    command: [etcd, --name=$(ME)]
    env: [{name: ME, value: m1}]
    ports: [{name: probe-port, containerPort: 2381}]
    livenessProbe:
      httpGet: {host: 127.0.0.1, port: probe-port, path: /livez}
";

    #[test]
    fn a_named_port_and_a_variable_are_looked_up() {
        let pod = Pod::parse("etcd.yaml", POD).unwrap();
        let container = &pod.spec.containers[0];
        assert_eq!(container.argv(), ["etcd", "--name=m1"]);
        let probe = container.liveness_probe.as_ref().unwrap();
        assert_eq!(
            probe.target(&container.ports).unwrap(),
            Target {
                host: Some("127.0.0.1".to_owned()),
                port: 2381,
                path: Some("/livez".to_owned()),
            }
        );
    }

    #[test]
    fn variables_are_expanded_as_kubernetes_does() {
        let variables = BTreeMap::from([("A".to_owned(), "$(A)x".to_owned())]);
        for (text, expected) in [
            ("$(A)$(B)", "$(A)x$(B)"),
            ("$$(A) $$$(A) $$", "$(A) $$(A)x $"),
            ("$A $(A $", "$A $(A $"),
        ] {
            assert_eq!(expand(text, &variables), expected, "{text}");
        }
    }

    #[test]
    fn an_annotation_makes_another_pod_and_a_comment_does_not() {
        let uid = |file, text: &str| Pod::parse(file, text).unwrap().uid;
        let annotated = POD.replace("namespace:", "annotations: {a: b}, namespace:");
        assert_eq!(uid("a", POD), uid("a", &format!("# again\n{POD}")));
        assert_ne!(uid("a", POD), uid("a", &annotated));
        assert_ne!(uid("a", POD), uid("b", POD));
    }

    #[test]
    fn what_cannot_be_obeyed_is_refused() {
        for (from, to) in [
            ("kind: Pod", "kind: Service"),
            ("port: probe-port", "port: other"),
            ("path: /livez", "scheme: HTTPS"),
            ("value: m1", "valueFrom: {fieldRef: {fieldPath: x}}"),
            ("command: [etcd, --name=$(ME)]", "image: x"),
        ] {
            let text = POD.replace(from, to);
            assert_ne!(text, POD);
            assert!(Pod::parse("etcd.yaml", &text).is_err(), "{to}");
        }
    }
}
