//! Flags that describe a cluster: alone in place of a cluster file, or over it.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::PossibleValuesParser;
use clap::{Args, builder::TypedValueParser};

use crate::model::{
    CaFiles, ClusterSpec, EtcdSpec, EtcdVersion, KeyAlgorithm, MemberSpec, NodeName, PkiLayout,
    PkiSpec, Topology,
};

/// Name of a cluster for which none is given: kubeadm's.
const DEFAULT_NAME: &str = "kubernetes";

/// A cluster in flags. Every field overrides the cluster file's.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster (in place of a cluster file, or over it)")]
pub struct ClusterArgs {
    /// A node and its address, further addresses behind commas; may be repeated
    #[arg(long, value_name = "NAME=ADDRESS", value_delimiter = ' ')]
    pub member: Vec<MemberFlag>,

    /// Where that node's root directory is mounted here; may be repeated
    #[arg(long, value_name = "NAME=DIR")]
    pub member_root: Vec<RootFlag>,

    /// Name of the cluster [default: kubernetes]
    #[arg(long, value_name = "NAME", hide_short_help = true)]
    pub name: Option<String>,

    /// Etcd on the control plane nodes (stacked) or on hosts of its own (external)
    #[arg(long, value_name = "TOPOLOGY", value_parser = words(Topology::ALL.map(Topology::as_str)), hide_short_help = true)]
    pub topology: Option<String>,

    /// Release of etcd, such as 3.5.24
    #[arg(long, value_name = "VERSION")]
    pub etcd_version: Option<EtcdVersion>,

    /// Image of etcd's static pod [default: registry.k8s.io/etcd with the version as its tag]
    #[arg(long, value_name = "IMAGE", hide_short_help = true)]
    pub etcd_image: Option<String>,

    /// Etcd's data directory on each host [default: /var/lib/etcd]
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub data_dir: Option<PathBuf>,

    /// Port of client URLs [default: 2379]
    #[arg(long, value_name = "PORT", value_parser = port(), hide_short_help = true)]
    pub client_port: Option<u16>,

    /// Port of peer URLs [default: 2380]
    #[arg(long, value_name = "PORT", value_parser = port(), hide_short_help = true)]
    pub peer_port: Option<u16>,

    /// Port of metrics and health on loopback [default: 2381]
    #[arg(long, value_name = "PORT", value_parser = port(), hide_short_help = true)]
    pub metrics_port: Option<u16>,

    /// Certificates of this flag's cluster.
    #[command(flatten)]
    pub pki: PkiArgs,
}

/// Flags that say where a CA is.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster (in place of a cluster file, or over it)")]
pub struct CaArgs {
    /// Directory of the CA and of every node's files [default: pki]
    #[arg(long, value_name = "DIR")]
    pub pki_dir: Option<PathBuf>,

    /// Names of certificate files: kubeadm (etcd/server.crt) or cfssl (server.pem)
    #[arg(long, value_name = "LAYOUT", value_parser = words(PkiLayout::ALL.map(PkiLayout::as_str)), hide_short_help = true)]
    pub pki_layout: Option<String>,

    /// Certificate of an existing CA to adopt (PEM)
    #[arg(
        long,
        value_name = "FILE",
        requires = "pki_ca_key",
        hide_short_help = true
    )]
    pub pki_ca_cert: Option<PathBuf>,

    /// Private key of that CA (PEM)
    #[arg(
        long,
        value_name = "FILE",
        requires = "pki_ca_cert",
        hide_short_help = true
    )]
    pub pki_ca_key: Option<PathBuf>,
}

/// Flags about certificates.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster (in place of a cluster file, or over it)")]
pub struct PkiArgs {
    /// The CA.
    #[command(flatten)]
    pub ca: CaArgs,

    /// Directory of certificates on each host [default: /etc/kubernetes/pki]
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub pki_host_dir: Option<PathBuf>,

    /// Directory with cfssl files in place of the built-in templates
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub templates: Option<PathBuf>,

    /// Algorithm of new keys [default: ecdsa-p256]
    #[arg(long, value_name = "ALGORITHM", value_parser = words(KeyAlgorithm::ALL.map(KeyAlgorithm::as_str)), hide_short_help = true)]
    pub key_algorithm: Option<String>,

    /// Lifetime of leaf certificates, such as 8760h or 5y
    #[arg(long, value_name = "DURATION", hide_short_help = true)]
    pub leaf_validity: Option<String>,

    /// Lifetime of a new CA
    #[arg(long, value_name = "DURATION", hide_short_help = true)]
    pub ca_validity: Option<String>,

    /// A DNS name or address for every server and peer certificate; may be repeated
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        hide_short_help = true
    )]
    pub extra_name: Vec<String>,
}

fn words<const N: usize>(words: [&'static str; N]) -> PossibleValuesParser {
    PossibleValuesParser::new(words)
}

fn port() -> impl TypedValueParser<Value = u16> {
    clap::value_parser!(u16).range(1..)
}

/// `NAME=ADDRESS[,ADDRESS…]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberFlag {
    name: NodeName,
    address: IpAddr,
    extra_addresses: Vec<IpAddr>,
}

impl FromStr for MemberFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, addresses) = text
            .split_once('=')
            .ok_or("expected NAME=ADDRESS, such as m1=10.0.0.11")?;
        let name = name.parse().map_err(|error| format!("{error}"))?;
        let mut parsed = Vec::new();
        for address in addresses.split(',') {
            let ip = address.parse::<IpAddr>();
            parsed.push(ip.map_err(|_| format!("{address:?} is no IPv4 or IPv6 address"))?);
        }
        Ok(Self {
            name,
            address: parsed.remove(0),
            extra_addresses: parsed,
        })
    }
}

/// `NAME=DIR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootFlag {
    name: NodeName,
    root: PathBuf,
}

impl FromStr for RootFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, root) = text
            .split_once('=')
            .filter(|(_, root)| !root.is_empty())
            .ok_or("expected NAME=DIR, such as m2=/mnt/m2")?;
        Ok(Self {
            name: name.parse().map_err(|error| format!("{error}"))?,
            root: root.into(),
        })
    }
}

impl ClusterArgs {
    /// A cluster from these flags alone.
    ///
    /// # Errors
    /// The first flag that does not fit the others.
    pub(super) fn alone(&self) -> Result<ClusterSpec, String> {
        let name = self.name.as_deref().unwrap_or(DEFAULT_NAME);
        let spec = ClusterSpec::new(name, Topology::default(), EtcdSpec::default());
        self.over(spec)
    }

    /// These flags over a declared cluster.
    ///
    /// # Errors
    /// The first flag that does not fit the declaration.
    pub(super) fn over(&self, mut spec: ClusterSpec) -> Result<ClusterSpec, String> {
        set(&mut spec.name, self.name.clone());
        self.topology_over(&mut spec);
        self.etcd_over(&mut spec.etcd);
        self.pki.over(&mut spec.pki);
        for flag in &self.member {
            flag.over(&mut spec);
        }
        for RootFlag { name, root } in &self.member_root {
            let mut members = spec.members.iter_mut();
            let member = members.find(|member| member.name == *name);
            let member =
                member.ok_or_else(|| format!("--member-root {name}: there is no such member"))?;
            member.root = Some(root.clone());
        }
        Ok(spec)
    }

    /// The same flags with every path on this machine written in full.
    ///
    /// # Errors
    /// When the current directory is gone.
    pub(super) fn with_absolute_paths(&self) -> io::Result<Self> {
        let mut flags = self.clone();
        let pki = &mut flags.pki;
        let paths = [
            &mut pki.ca.pki_dir,
            &mut pki.ca.pki_ca_cert,
            &mut pki.ca.pki_ca_key,
            &mut pki.templates,
        ];
        let roots = flags.member_root.iter_mut().map(|flag| &mut flag.root);
        for path in paths.into_iter().flatten().chain(roots) {
            *path = std::path::absolute(&*path)?;
        }
        Ok(flags)
    }

    /// Another topology brings its own default roles.
    fn topology_over(&self, spec: &mut ClusterSpec) {
        let wish = self.topology.as_deref();
        let Some(topology) = Topology::ALL
            .into_iter()
            .find(|known| wish == Some(known.as_str()))
        else {
            return;
        };
        for member in &mut spec.members {
            if member.topology.is_none() && member.roles == spec.topology.default_roles() {
                member.roles = topology.default_roles();
            }
        }
        spec.topology = topology;
    }

    fn etcd_over(&self, etcd: &mut EtcdSpec) {
        let tagged = self.etcd_image.as_deref().and_then(EtcdVersion::from_image);
        if let Some(version) = self.etcd_version.clone().or(tagged) {
            if etcd.image == EtcdSpec::default_image(&etcd.version) {
                etcd.image = EtcdSpec::default_image(&version);
            }
            etcd.version = version;
        }
        set(&mut etcd.image, self.etcd_image.clone());
        set(&mut etcd.data_dir, self.data_dir.clone());
        set(&mut etcd.client_port, self.client_port);
        set(&mut etcd.peer_port, self.peer_port);
        set(&mut etcd.metrics_port, self.metrics_port);
    }
}

impl CaArgs {
    /// These flags over what a cluster file says about the CA.
    pub(super) fn over(&self, pki: &mut PkiSpec) {
        set(&mut pki.dir, self.pki_dir.clone());
        let wish = self.pki_layout.as_deref();
        let layout = PkiLayout::ALL
            .into_iter()
            .find(|known| wish == Some(known.as_str()));
        set(&mut pki.layout, layout);
        if let (Some(cert), Some(key)) = (self.pki_ca_cert.clone(), self.pki_ca_key.clone()) {
            pki.ca = Some(CaFiles { cert, key });
        }
    }
}

impl PkiArgs {
    fn over(&self, pki: &mut PkiSpec) {
        self.ca.over(pki);
        set(&mut pki.host_dir, self.pki_host_dir.clone());
        let algorithm = self
            .key_algorithm
            .as_deref()
            .and_then(|name| name.parse().ok());
        pki.key_algorithm = algorithm.or(pki.key_algorithm);
        pki.templates = self.templates.clone().or(pki.templates.take());
        pki.leaf_validity = self.leaf_validity.clone().or(pki.leaf_validity.take());
        pki.ca_validity = self.ca_validity.clone().or(pki.ca_validity.take());
        pki.extra_names.extend(self.extra_name.iter().cloned());
    }
}

impl MemberFlag {
    /// The node it describes.
    pub(super) fn name(&self) -> &NodeName {
        &self.name
    }

    fn over(&self, spec: &mut ClusterSpec) {
        let known = spec
            .members
            .iter()
            .position(|member| member.name == self.name);
        let index = known.unwrap_or_else(|| {
            let member = MemberSpec::new(self.name.clone(), self.address, spec.topology);
            spec.members.push(member);
            spec.members.len() - 1
        });
        let member = &mut spec.members[index];
        member.address = self.address;
        member.extra_addresses.clone_from(&self.extra_addresses);
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_flag_takes_several_addresses() {
        let flag: MemberFlag = "m1=10.0.0.11,fd00::11".parse().unwrap();
        assert_eq!(
            flag.extra_addresses,
            ["fd00::11".parse::<IpAddr>().unwrap()]
        );
        for bad in ["m1", "M1=10.0.0.1", "m1=", "m1=host", "m1=10.0.0.1,"] {
            assert!(bad.parse::<MemberFlag>().is_err(), "{bad}");
        }
    }

    #[test]
    fn flags_win_over_a_declaration() {
        let base = ClusterArgs {
            member: vec!["m1=10.0.0.11".parse().unwrap()],
            ..ClusterArgs::default()
        };
        let over = ClusterArgs {
            member: vec![
                "m1=10.0.0.99".parse().unwrap(),
                "m2=10.0.0.12".parse().unwrap(),
            ],
            member_root: vec!["m2=/mnt/m2".parse().unwrap()],
            topology: Some("external".into()),
            etcd_version: Some(EtcdVersion::new(3, 4, 23)),
            ..ClusterArgs::default()
        };
        let spec = over.over(base.alone().unwrap()).unwrap();
        let addresses: Vec<_> = spec.members.iter().map(|m| m.address.to_string()).collect();
        assert_eq!(addresses, ["10.0.0.99", "10.0.0.12"]);
        assert_eq!(spec.members[0].roles, Topology::External.default_roles());
        assert_eq!(spec.members[1].root(), std::path::Path::new("/mnt/m2"));
        assert_eq!(spec.etcd.image, "registry.k8s.io/etcd:3.4.23-0");
        let stray = ClusterArgs {
            member_root: vec!["m9=/mnt/m9".parse().unwrap()],
            ..ClusterArgs::default()
        };
        assert!(stray.over(spec).unwrap_err().contains("no such member"));
    }
}
