//! Reads the front end's own file (kind `Frontend`), which a node has without the cluster file.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::check_frontend;
use super::frontend::{CheckedFrontend, Frontend, Probe, ProbeTrust};
use super::mistake::{Mistake, Severity, SpecError};
use super::node::{self, Item};
use super::parse::{ADDRESS, port, set};
use super::parse_frontend::{plane, scheduler, truth};
use super::reader::{self, Reader, Section};
use super::{API_VERSION, kubernetes::APISERVER_PORT};
use crate::model::{
    Forward, Persistence, RealServer, SchedulerFlags, ServiceKey, Settings, Subnets,
    VirtualService, parse_duration,
};

/// `kind` of the file.
pub(super) const KIND: &str = "Frontend";

const KEYS: &[(&str, &[&str])] = &[
    ("", ROOT),
    ("services[]", SERVICE),
    ("services[].servers[]", SERVER),
    ("probe", PROBE),
];
const ROOT: &[&str] = &[
    "apiVersion",
    "kind",
    "plane",
    "services",
    "probe",
    "drain",
    "failClosed",
    "serveRemote",
    "networks",
];
const SERVICE: &[&str] = &[
    "vip",
    "port",
    "scheduler",
    "schedulerFlags",
    "persistence",
    "forward",
    "servers",
];
const SERVER: &[&str] = &["address", "port", "weight"];
const PROBE: &[&str] = &[
    "path",
    "interval",
    "timeout",
    "fall",
    "accept",
    "ca",
    "serverName",
    "cert",
    "key",
    "insecure",
];

const DURATION: &str = "a duration such as 1s or 1m30s";

impl Frontend {
    /// Reads a file of kind `Frontend` and checks it.
    ///
    /// # Errors
    /// Every mistake of the file with its place.
    pub fn parse(text: &str) -> Result<CheckedFrontend, SpecError> {
        let tree = node::parse(text).map_err(|mistake| SpecError {
            mistakes: vec![*mistake],
        })?;
        let mut reader = Reader::new(text, KEYS).called("the front end's file");
        let (frontend, paths) = frontend(&mut reader, &tree);
        let readable = reader.mistakes.is_empty();
        for mistake in check_frontend::of_node(&frontend, &paths) {
            if readable || mistake.severity == Severity::Error {
                reader.add(mistake, None);
            }
        }
        let mut mistakes = reader.mistakes;
        mistakes.sort_by_key(|mistake| mistake.position.map(|place| (place.line, place.column)));
        if mistakes
            .iter()
            .any(|mistake| mistake.severity == Severity::Error)
        {
            return Err(SpecError { mistakes });
        }
        Ok(CheckedFrontend {
            frontend,
            warnings: mistakes,
        })
    }

    /// True for a text that says it is a front end's file.
    pub fn is_meant(text: &str) -> bool {
        text.lines().any(|line| {
            let kind = line.trim_end().strip_prefix("kind:");
            kind.is_some_and(|kind| kind.trim() == KIND)
        })
    }
}

/// The front end, and where each of its services stands.
fn frontend(reader: &mut Reader<'_>, tree: &Item) -> (Frontend, BTreeMap<ServiceKey, String>) {
    reader.note("", tree);
    let root = reader.section("", Some(tree), ROOT);
    for (key, value) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        root.require(reader, key, value);
        root.choice(reader, key, &[(value, ())]);
    }
    root.require(
        reader,
        "services",
        "[{vip: 169.254.247.1, servers: [{address: 10.0.0.11}]}]",
    );
    let (mut frontend, mut paths) = (Frontend::default(), BTreeMap::new());
    set(&mut frontend.plane, plane(reader, &root));
    for (path, item) in root.list(reader, "services") {
        if let Some(service) = service(reader, &path, item) {
            paths.insert(service.key, path.clone());
            add_service(reader, &path, &mut frontend.services, service);
        }
    }
    frontend.probe = probe(reader, &root);
    set(&mut frontend.drain, duration(reader, &root, "drain"));
    set(
        &mut frontend.fail_closed,
        truth(reader, &root, "failClosed"),
    );
    set(
        &mut frontend.serve_remote,
        truth(reader, &root, "serveRemote"),
    );
    for (path, item) in root.list(reader, "networks") {
        let expected = "a network such as 10.96.0.0/12";
        frontend
            .networks
            .extend(reader::parse::<Subnets>(reader, &path, item, expected));
    }
    (frontend, paths)
}

fn add_service(
    reader: &mut Reader<'_>,
    path: &str,
    services: &mut BTreeMap<ServiceKey, VirtualService>,
    service: VirtualService,
) {
    let key = service.key;
    if services.insert(key, service).is_some() {
        let path = format!("{path}.vip");
        let mistake = Mistake::error(path.clone(), format!("{path}: {key} is there twice"));
        reader.add(mistake.fix("put all its servers into one service"), None);
    }
}

fn service(reader: &mut Reader<'_>, path: &str, item: &Item) -> Option<VirtualService> {
    let section = reader.section(path, Some(item), SERVICE);
    section.require(reader, "vip", "169.254.247.1");
    section.require(reader, "servers", "[{address: 10.0.0.11}]");
    let vip = section.parsed::<IpAddr>(reader, "vip", ADDRESS);
    let port = port(reader, &section, "port").unwrap_or(APISERVER_PORT);
    let methods = Forward::ALL.map(|it| (it.as_str(), it));
    let forward = section
        .choice(reader, "forward", &methods)
        .unwrap_or_default();
    let settings = Settings {
        scheduler: scheduler(reader, &section).unwrap_or_default(),
        persistence: persistence(reader, &section),
        scheduler_flags: scheduler_flags(reader, &section),
    };
    let mut servers = BTreeMap::new();
    for (path, item) in section.list(reader, "servers") {
        let Some((address, server)) = server(reader, &path, item, forward) else {
            continue;
        };
        if servers.insert(address, server).is_some() {
            let path = format!("{path}.address");
            let message = format!("{path}: {address} is there twice");
            reader.add(
                Mistake::error(path, message).fix("list every server once"),
                None,
            );
        }
    }
    let key = ServiceKey { vip: vip?, port };
    Some(VirtualService {
        key,
        settings,
        servers,
    })
}

fn server(
    reader: &mut Reader<'_>,
    path: &str,
    item: &Item,
    forward: Forward,
) -> Option<(SocketAddr, RealServer)> {
    let section = reader.section(path, Some(item), SERVER);
    section.require(reader, "address", "10.0.0.11");
    let address = section.parsed::<IpAddr>(reader, "address", ADDRESS);
    let port = port(reader, &section, "port").unwrap_or(APISERVER_PORT);
    let weight = section
        .parsed(reader, "weight", "a number from 0")
        .unwrap_or(1);
    Some((
        SocketAddr::new(address?, port),
        RealServer { weight, forward },
    ))
}

fn persistence(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Persistence> {
    let timeout = duration(reader, section, "persistence")?;
    if timeout.as_secs() == 0 || timeout.subsec_nanos() != 0 {
        let path = section.path_of("persistence");
        let mistake = Mistake::error(
            path.clone(),
            format!("{path}: the kernel counts whole seconds"),
        );
        reader.add(mistake.expected("1s or more"), None);
        return None;
    }
    Some(Persistence { timeout })
}

fn scheduler_flags(reader: &mut Reader<'_>, section: &Section<'_>) -> SchedulerFlags {
    let mut flags = SchedulerFlags::default();
    for (path, item) in section.list(reader, "schedulerFlags") {
        match reader::choose(reader, &path, item, &[("fallback", true), ("port", false)]) {
            Some(true) => flags.fallback = true,
            Some(false) => flags.port = true,
            None => {}
        }
    }
    flags
}

fn probe(reader: &mut Reader<'_>, root: &Section<'_>) -> Probe {
    let section = reader.section("probe", root.get("probe"), PROBE);
    let mut probe = Probe::default();
    set(&mut probe.path, section.text(reader, "path"));
    set(&mut probe.interval, duration(reader, &section, "interval"));
    set(&mut probe.timeout, duration(reader, &section, "timeout"));
    set(
        &mut probe.fall,
        section.parsed(reader, "fall", "a number from 1"),
    );
    for (path, item) in section.list(reader, "accept") {
        let code = reader::parse::<u16>(reader, &path, item, "a status code such as 401");
        probe.accept.extend(code);
    }
    probe.trust = trust(reader, &section);
    probe
}

fn trust(reader: &mut Reader<'_>, section: &Section<'_>) -> ProbeTrust {
    let mut trust = ProbeTrust::default();
    set(&mut trust.ca, section.text(reader, "ca").map(PathBuf::from));
    let expected = "a DNS name or an address";
    trust.server_name = section.parsed(reader, "serverName", expected);
    set(&mut trust.insecure, truth(reader, section, "insecure"));
    let pair = ["cert", "key"].map(|key| section.text(reader, key).map(PathBuf::from));
    match pair {
        [Some(cert), Some(key)] => trust.identity = Some((cert, key)),
        [None, None] => {}
        [Some(_), None] => section.require(reader, "key", "/etc/kubernetes/pki/probe.key"),
        [None, Some(_)] => section.require(reader, "cert", "/etc/kubernetes/pki/probe.crt"),
    }
    trust
}

fn duration(reader: &mut Reader<'_>, section: &Section<'_>, key: &str) -> Option<Duration> {
    let text = section.text(reader, key)?;
    match parse_duration(&text) {
        Ok(duration) => Some(duration),
        Err(error) => {
            let path = section.path_of(key);
            reader.add(
                Mistake::error(path.clone(), format!("{path}: {error}")).expected(DURATION),
                None,
            );
            None
        }
    }
}
