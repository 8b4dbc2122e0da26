//! What rules look at: a file, the program in it, all files together.

use super::evidence::{CertificateFact, DataDirFact, Evidence};
use crate::manifest::Position;
use crate::manifest::flags::{Flags, Program};
use crate::manifest::pod::{Container, PathInPod, StaticPod};
use crate::model::{EtcdUrl, EtcdVersion, Host, UrlError};

/// A manifest to lint.
#[derive(Clone, Debug)]
pub struct LintFile {
    /// The file as the operator named it.
    pub file: String,
    /// The directory it lies in, written so that equal directories are equal texts.
    pub directory: String,
    /// What it says.
    pub pod: StaticPod,
    /// What is known of its host.
    pub evidence: Evidence,
}

impl LintFile {
    /// A manifest about whose host nothing is known, in the directory its name tells.
    pub fn new(file: impl Into<String>, pod: StaticPod) -> Self {
        let file = file.into();
        let directory = file.rsplit_once('/').map_or("", |(directory, _)| directory);
        Self {
            directory: directory.to_owned(),
            file,
            pod,
            evidence: Evidence::default(),
        }
    }

    pub(super) fn file_name(&self) -> &str {
        self.file.rsplit('/').next().unwrap_or(&self.file)
    }

    /// True for a directory that looks like one a kubelet reads.
    pub fn is_in_manifest_directory(&self) -> bool {
        self.directory.rsplit('/').next() == Some("manifests")
    }

    /// The start of the file.
    pub(super) fn top(&self) -> Position {
        Position { line: 1, column: 1 }
    }
}

/// The container that runs etcd or kube-apiserver.
pub(super) struct Workload<'a> {
    pub(super) index: usize,
    pub(super) file: &'a LintFile,
    pub(super) program: Program,
    pub(super) container: &'a Container,
    pub(super) flags: Flags<'a>,
    /// etcd's release, where the image's tag names it.
    pub(super) version: Option<EtcdVersion>,
}

/// One URL of a flag.
pub(super) struct UrlIn {
    pub(super) text: String,
    pub(super) parsed: Result<EtcdUrl, UrlError>,
}

/// What etcd takes for a URL flag that is not given (`embed/config.go`).
const DEFAULT_URLS: [(&str, &str); 5] = [
    ("advertise-client-urls", "http://localhost:2379"),
    ("initial-advertise-peer-urls", "http://localhost:2380"),
    ("listen-client-urls", "http://localhost:2379"),
    ("listen-metrics-urls", ""),
    ("listen-peer-urls", "http://localhost:2380"),
];

impl<'a> Workload<'a> {
    pub(super) fn of(index: usize, file: &'a LintFile) -> Option<Self> {
        let programs = [Program::Etcd, Program::Apiserver].into_iter();
        let found = programs.filter_map(|program| Some((program, program.container(&file.pod)?)));
        let (program, container) = { found }.next()?;
        let image = container
            .image
            .as_ref()
            .filter(|_| program == Program::Etcd);
        Some(Self {
            index,
            file,
            program,
            container,
            flags: Flags::of(container, program.dialect()),
            version: image.and_then(|image| EtcdVersion::from_image(&image.value)),
        })
    }

    /// True when the image's tag names a release of etcd that came after those known here.
    pub(super) fn is_newer_than_known(&self) -> bool {
        let image = self
            .container
            .image
            .as_ref()
            .map_or("", |image| image.value.as_str());
        let tag = image
            .split('@')
            .next()
            .and_then(|image| image.rsplit_once(':'));
        let mut numbers = tag
            .map_or("", |(_, tag)| tag.trim_start_matches('v'))
            .split(['.', '-'])
            .map_while(|number| number.parse::<u64>().ok());
        let release = numbers.next().zip(numbers.next());
        self.version.is_none() && release.is_some_and(|release| release > (3, 6))
    }

    /// True when the flags in the file are not what the program gets.
    pub(super) fn is_hidden(&self) -> bool {
        let config_file = self.program == Program::Etcd && self.flags.get("config-file").is_some();
        self.flags.in_shell() || config_file
    }

    /// Where a flag stands, or the container where it does not.
    pub(super) fn at(&self, flag: &str) -> Position {
        self.flags
            .get(flag)
            .map_or(self.container.at, |flag| flag.at)
    }

    /// True when a flag is given but its value is not in the file.
    pub(super) fn is_unresolved(&self, flag: &str) -> bool {
        self.flags
            .get(flag)
            .is_some_and(|flag| flag.value.is_none())
    }

    /// The URLs of an etcd flag, etcd's defaults included; empty when its value is not in the file.
    pub(super) fn urls(&self, flag: &str) -> Vec<UrlIn> {
        let parts: Vec<String> = match self.flags.get(flag) {
            Some(_) => self
                .flags
                .list(flag)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            None => {
                let default = DEFAULT_URLS.iter().find(|(name, _)| *name == flag);
                let default = default.map_or("", |(_, url)| *url);
                default
                    .split(',')
                    .filter(|url| !url.is_empty())
                    .map(str::to_owned)
                    .collect()
            }
        };
        parts
            .into_iter()
            .map(|text| UrlIn {
                parsed: text.parse(),
                text,
            })
            .collect()
    }

    /// The URLs of an etcd flag that can be read.
    pub(super) fn good_urls(&self, flag: &str) -> Vec<EtcdUrl> {
        self.urls(flag)
            .into_iter()
            .filter_map(|url| url.parsed.ok())
            .collect()
    }

    /// Name and URL of each entry of `--initial-cluster`.
    pub(super) fn initial_cluster(&self) -> Vec<(&str, &str)> {
        let entries = self.flags.list("initial-cluster").into_iter();
        entries.filter_map(|entry| entry.split_once('=')).collect()
    }

    /// The names of `--initial-cluster`, each once.
    pub(super) fn initial_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in self.initial_cluster() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The member's name; `None` when it is not in the file.
    pub(super) fn member_name(&self) -> Option<&str> {
        match self.flags.get("name") {
            None => Some("default"),
            Some(flag) => flag.value.as_deref(),
        }
    }

    /// True for `--initial-cluster-state=existing`.
    pub(super) fn joins(&self) -> bool {
        self.flags.value("initial-cluster-state") == Some("existing")
    }

    /// Where the path of a flag leads; `None` when the flag is absent.
    pub(super) fn locate(&self, flag: &str) -> Option<PathInPod<'a>> {
        let path = self.flags.value(flag)?;
        Some(self.file.pod.locate(self.container, path))
    }

    /// The path on the host a flag leads to.
    pub(super) fn host_path(&self, flag: &str) -> Option<String> {
        match self.locate(flag)? {
            PathInPod::Host { path, .. } => Some(path),
            _ => None,
        }
    }

    /// The certificate a flag names, when it is known and readable.
    pub(super) fn certificate(&self, flag: &str) -> Option<&'a CertificateFact> {
        let path = self.host_path(flag)?;
        self.file.evidence.certificates.get(&path)?.as_ref().ok()
    }

    /// What is known of the data directory.
    pub(super) fn data_dir(&self) -> Option<DataDirFact> {
        self.file
            .evidence
            .data_dirs
            .get(&self.host_path("data-dir")?)
            .copied()
    }

    /// True when the data directory is known to hold a member.
    pub(super) fn has_data(&self) -> bool {
        matches!(self.data_dir(), Some(DataDirFact::Member(_)))
    }
}

/// All files of one run.
pub(super) struct Together<'a> {
    pub(super) files: &'a [LintFile],
    pub(super) workloads: Vec<Workload<'a>>,
}

impl<'a> Together<'a> {
    /// The etcd members whose flags are known.
    pub(super) fn members(&self) -> Vec<&Workload<'a>> {
        self.running(Program::Etcd)
    }

    /// The apiservers whose flags are known.
    pub(super) fn apiservers(&self) -> Vec<&Workload<'a>> {
        self.running(Program::Apiserver)
    }

    fn running(&self, program: Program) -> Vec<&Workload<'a>> {
        let shadows = super::rules::shadows(self);
        let workloads = self
            .workloads
            .iter()
            .filter(|w| w.program == program && !w.is_hidden());
        workloads
            .filter(|workload| !shadows.contains(&workload.index))
            .collect()
    }

    /// Every unordered pair of members.
    pub(super) fn member_pairs(&self) -> Vec<(&Workload<'a>, &Workload<'a>)> {
        let members = self.members();
        let mut pairs = Vec::new();
        for (index, first) in members.iter().enumerate() {
            pairs.extend(members[index + 1..].iter().map(|second| (*first, *second)));
        }
        pairs
    }
}

/// True for an address or name that only the host itself reaches.
pub(super) fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Ip(ip) => ip.is_loopback(),
        Host::Dns(name) => name.eq_ignore_ascii_case("localhost"),
    }
}

/// True for the address that means every address.
pub(super) fn is_unspecified(host: &Host) -> bool {
    matches!(host, Host::Ip(ip) if ip.is_unspecified())
}

/// True when a listener on `listener` takes a connection to `dialled`.
pub(super) fn serves(listener: &EtcdUrl, dialled: &Host, port: u16) -> bool {
    let both_loopback = is_loopback(&listener.host)
        && is_loopback(dialled)
        && (matches!(listener.host, Host::Dns(_)) || matches!(dialled, Host::Dns(_)));
    listener.port == port
        && (listener.host == *dialled || is_unspecified(&listener.host) || both_loopback)
}
