//! Writes a cluster file with comments, as `etcdha init` leaves it: what is set as a line, what has its
//! default as a comment with that default.
//!
//! Invariant: reading the text gives the same cluster back.

use std::fmt::{Display, Write as _};
use std::path::Path;

use super::cluster::{ClusterSpec, MemberSpec};
use super::etcd::{EtcdSpec, ExtraArg, ResourceList, Resources, ServiceSpec};
use super::pki::PkiSpec;
use super::{API_VERSION, KIND, render_frontend, render_kubernetes};

impl ClusterSpec {
    /// The cluster file, commented.
    pub fn render(&self) -> String {
        let mut text = Text::default();
        text.line(
            "# What etcdha manages. etcdha config check checks this file, etcdha config schema",
        );
        text.line("# describes every field. Lines behind a # show defaults.");
        text.line(format!("apiVersion: {API_VERSION}"));
        text.line(format!("kind: {KIND}"));
        text.line(format!("name: {}", scalar(&self.name)));
        text.gap("stacked: etcd is a static pod on every control plane node; external: hosts of its own.");
        text.line(format!("topology: {}", self.topology.as_str()));
        text.gap("What every etcd member shares.");
        text.line("etcd:");
        etcd(&mut text, &self.etcd);
        members(&mut text, self);
        pki(&mut text, &self.pki);
        rest(&mut text, self);
        text.0
    }
}

/// The file under construction.
#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn line(&mut self, line: impl Display) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{line}");
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    /// A comment behind an empty line.
    pub(super) fn gap(&mut self, comment: &str) {
        self.line(format_args!("\n# {comment}"));
    }

    /// A comment inside a section.
    pub(super) fn note(&mut self, comment: &str) {
        self.line(format_args!("  # {comment}"));
    }

    /// A field of a section: a line, or a comment where it has its default.
    pub(super) fn field(&mut self, key: &str, value: impl Display, is_default: bool) {
        let mark = if is_default { "# " } else { "" };
        self.line(format_args!("  {mark}{key}: {value}"));
    }

    /// A field without a default: a line, or an example in a comment.
    pub(super) fn optional(&mut self, key: &str, value: Option<impl Display>, example: &str) {
        match value {
            Some(value) => self.field(key, value, false),
            None => self.field(key, example, true),
        }
    }

    /// More flags of a program: a list, or an example in a comment.
    pub(super) fn extra_args(&mut self, args: &[ExtraArg], example: &str) {
        if args.is_empty() {
            self.field("extraArgs", example, true);
            return;
        }
        self.line("  extraArgs:");
        for arg in args {
            let (name, value) = (scalar(&arg.name), scalar(&arg.value));
            self.line(format_args!("    - {{name: {name}, value: {value}}}"));
        }
    }
}

fn etcd(text: &mut Text, etcd: &EtcdSpec) {
    let usual = EtcdSpec::for_version(etcd.version.clone());
    text.note("The release that runs. Flags and probes follow it.");
    text.field("version", &etcd.version, false);
    text.field("image", scalar(&etcd.image), etcd.image == usual.image);
    text.field(
        "dataDir",
        path(&etcd.data_dir),
        etcd.data_dir == usual.data_dir,
    );
    text.field(
        "clientPort",
        etcd.client_port,
        etcd.client_port == usual.client_port,
    );
    text.field(
        "peerPort",
        etcd.peer_port,
        etcd.peer_port == usual.peer_port,
    );
    text.field(
        "metricsPort",
        etcd.metrics_port,
        etcd.metrics_port == usual.metrics_port,
    );
    text.field(
        "snapshotCount",
        etcd.snapshot_count,
        etcd.snapshot_count == usual.snapshot_count,
    );
    text.note("Largest size of the database; etcd's own default is 2Gi.");
    text.optional(
        "quotaBackendBytes",
        etcd.quota_backend_bytes.map(size),
        "8Gi",
    );
    text.note("Token of a cluster that is made anew; its name where nothing is said.");
    text.optional(
        "clusterToken",
        etcd.cluster_token.as_deref().map(scalar),
        "prod-2",
    );
    text.note("More flags of etcd. One that etcdha sets too is overridden.");
    text.extra_args(
        &etcd.extra_args,
        "[{name: auto-compaction-retention, value: \"8\"}]",
    );
    resources(text, &etcd.resources);
    service(text, &etcd.service);
}

fn service(text: &mut Text, service: &ServiceSpec) {
    let mark = if *service == ServiceSpec::default() {
        "# "
    } else {
        ""
    };
    text.note("The systemd unit of each member in an external topology.");
    text.line(format_args!("  {mark}service:"));
    for (key, path) in [
        ("unit", &service.unit),
        ("environmentFile", &service.environment_file),
        ("binary", &service.binary),
    ] {
        text.line(format_args!("  {mark}  {key}: {}", self::path(path)));
    }
    text.line(format_args!("  {mark}  user: {}", scalar(&service.user)));
}

/// Whole gibibytes as such, for the eye.
fn size(bytes: u64) -> String {
    const GIB: u64 = 1 << 30;
    if bytes.is_multiple_of(GIB) {
        format!("{}Gi", bytes / GIB)
    } else {
        bytes.to_string()
    }
}

fn resources(text: &mut Text, resources: &Resources) {
    let usual = Resources::default();
    let mark = if *resources == usual { "# " } else { "" };
    text.line(format_args!("  {mark}resources:"));
    for (key, list) in [
        ("requests", &resources.requests),
        ("limits", &resources.limits),
    ] {
        text.line(format_args!("  {mark}  {key}: {}", amounts(list)));
    }
}

fn amounts(list: &ResourceList) -> String {
    let pair = |key: &str, value: &Option<String>| {
        value
            .as_ref()
            .map(|value| format!("{key}: {}", scalar(value)))
    };
    let pairs = [pair("cpu", &list.cpu), pair("memory", &list.memory)];
    let pairs: Vec<_> = pairs.into_iter().flatten().collect();
    format!("{{{}}}", pairs.join(", "))
}

fn members(text: &mut Text, spec: &ClusterSpec) {
    text.gap(
        "The nodes, each with the address it advertises. Optional: extraAddresses, extraNames,",
    );
    text.line(
        "# roles, topology where it is another, and root: where this host's root directory is mounted",
    );
    text.line("# on the machine of etcdha.");
    if spec.members.is_empty() {
        text.line("members: []");
        return;
    }
    text.line("members:");
    for member in &spec.members {
        self::member(text, spec, member);
    }
}

fn member(text: &mut Text, spec: &ClusterSpec, member: &MemberSpec) {
    text.line(format_args!("  - name: {}", scalar(member.name.as_str())));
    text.line(format_args!(
        "    address: {}",
        scalar(&member.address.to_string())
    ));
    if !member.extra_addresses.is_empty() {
        let addresses = member.extra_addresses.iter().map(ToString::to_string);
        text.line(format_args!("    extraAddresses: {}", list(addresses)));
    }
    if !member.extra_names.is_empty() {
        text.line(format_args!(
            "    extraNames: {}",
            list(&member.extra_names)
        ));
    }
    if let Some(topology) = member.topology {
        text.line(format_args!("    topology: {}", topology.as_str()));
    }
    if member.roles != spec.topology_of(member).default_roles() {
        let roles = member.roles.iter().map(|role| role.as_str());
        text.line(format_args!("    roles: {}", list(roles)));
    }
    if let Some(root) = &member.root {
        text.line(format_args!("    root: {}", path(root)));
    }
}

fn pki(text: &mut Text, pki: &PkiSpec) {
    let usual = PkiSpec::default();
    text.gap("Certificates. Directories are relative to this file.");
    text.line("pki:");
    text.note("Here etcdha keeps the CA, and nodes/NAME for what goes to each node.");
    text.field("dir", path(&pki.dir), pki.dir == usual.dir);
    text.note("Here they live on each host.");
    text.field(
        "hostDir",
        path(&pki.host_dir),
        pki.host_dir == usual.host_dir,
    );
    text.note("File names: kubeadm (etcd/server.crt) or cfssl (server.pem).");
    text.field("layout", pki.layout.as_str(), pki.layout == usual.layout);
    text.note("An existing CA to adopt. Without one, etcdha makes it.");
    let ca = pki.ca.as_ref();
    let ca = ca.map(|ca| format!("{{cert: {}, key: {}}}", path(&ca.cert), path(&ca.key)));
    text.optional("ca", ca, "{cert: ca.crt, key: ca.key}");
    text.note("A directory with cfssl's files (ca-config.json …) in place of the built-in ones.");
    text.optional(
        "templates",
        pki.templates.as_deref().map(path),
        "pki-templates",
    );
    let algorithm = pki.key_algorithm.unwrap_or_default();
    text.field("keyAlgorithm", algorithm, pki.key_algorithm.is_none());
    text.optional(
        "leafValidity",
        pki.leaf_validity.as_deref().map(scalar),
        "5y",
    );
    text.optional("caValidity", pki.ca_validity.as_deref().map(scalar), "10y");
    text.note("DNS names and addresses added to every server and peer certificate.");
    let names = (!pki.extra_names.is_empty()).then(|| list(&pki.extra_names));
    text.optional("extraNames", names, "[etcd.example.com]");
    text.field("includeVip", pki.include_vip, !pki.include_vip);
}

fn rest(text: &mut Text, spec: &ClusterSpec) {
    render_kubernetes::kubernetes(text, spec);
    render_frontend::section(text, &spec.frontend);
    text.gap("The login on the hosts.");
    let user = spec.ssh.user.as_deref();
    let mark = if user.is_none() { "# " } else { "" };
    text.line(format_args!(
        "{mark}ssh: {{user: {}}}",
        scalar(user.unwrap_or("root"))
    ));
}

pub(super) fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items
        .into_iter()
        .map(|item| scalar(item.as_ref()))
        .collect();
    format!("[{}]", items.join(", "))
}

fn path(path: &Path) -> String {
    scalar(&path.display().to_string())
}

/// A YAML scalar that reads back as this very text: plain where nothing can be misread, else in
/// double quotes.
pub(super) fn scalar(text: &str) -> String {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@".contains(&byte);
    let colon = text.bytes().zip(text.bytes().skip(1));
    // A colon is harmless between two harmless characters, as in an image or an IPv6 address.
    let colons = colon
        .filter(|(byte, _)| *byte == b':')
        .all(|(_, next)| harmless(next) || next == b':');
    let starts = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'/');
    let plain = starts
        && colons
        && !text.ends_with(':')
        && text.bytes().all(|byte| harmless(byte) || byte == b':')
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "null" | "true" | "false"
        );
    if plain { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            ' '..='~' => quoted.push(c),
            c if c.is_alphanumeric() => quoted.push(c),
            // Writing to a string does not fail.
            c => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}
