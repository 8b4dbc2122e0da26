//! The probes, by release and by what the start is for.
//!
//! kubeadm's probes, except where they would kill a healthy etcd:
//! - A joining member is a learner until it has caught up and is promoted. `/readyz` fails on a
//!   learner since 3.5.19 and 3.6.0, and a linearizable `/health` fails until the learner has applied
//!   the log, so either as startup probe makes the kubelet kill it after four minutes, and again.
//!   A join therefore starts on a local read, or, where the release has none, may take a day: the
//!   deadline is etcdha's, which removes the learner and says why.
//! - Reads wait while a learner unpacks a snapshot of several GiB, so a join's liveness takes longer to
//!   give up than kubeadm's two minutes.
//! - `/health` fails while there is no leader and while a NOSPACE alarm is on. Restarting etcd mends
//!   neither, it only adds crash back-off to the outage, so liveness is a local read without alarms;
//!   releases that have none are alive as long as they serve their metrics.

use super::config::{ClusterState, EtcdConfig, RenderError};
use super::flag_set::FlagSet;
use crate::manifest::etcd_health;
use crate::manifest::yaml::Yaml;
use crate::model::{EtcdUrl, EtcdVersion, Host, Scheme};

const PERIOD_SECONDS: u32 = 10;
/// kubeadm gives a start four minutes.
const STARTUP_FAILURES: u32 = 24;
const LIVENESS_FAILURES: u32 = 8;
/// Restoring a full 8 GiB database from a snapshot on slow disks stays within this many periods.
const PATIENT_LIVENESS_FAILURES: u32 = 24;
/// A day, for a join on a release whose only check needs the learner to have caught up.
const PATIENT_STARTUP_FAILURES: u32 = 24 * 60 * 60 / PERIOD_SECONDS;

/// The name 1.34's kubeadm gives the port; probes refer to it.
const PORT_NAME: &str = "probe-port";

/// Where probes knock.
pub(super) struct Target {
    host: String,
    port: u16,
    /// kubeadm names the port since 1.34, which brought etcd 3.6.
    named: bool,
}

/// The container's fields that probing takes.
pub(super) struct Probes {
    pub(super) liveness: Yaml,
    pub(super) ports: Option<Yaml>,
    pub(super) readiness: Option<Yaml>,
    pub(super) startup: Yaml,
}

pub(super) fn probes(config: &EtcdConfig, flags: &FlagSet) -> Result<Probes, RenderError> {
    let target = target(config, flags)?;
    let version = &config.version;
    let (startup_path, startup_failures) = startup(version, config.state);
    let liveness_failures = match config.state {
        ClusterState::New => LIVENESS_FAILURES,
        ClusterState::Existing => PATIENT_LIVENESS_FAILURES,
    };
    let readiness = etcd_health::has_livez(version).then(|| {
        let mut fields = http_get(&target, "/readyz", 3);
        fields.extend([
            ("periodSeconds", Yaml::Int(1)),
            ("timeoutSeconds", Yaml::Int(15)),
        ]);
        Yaml::Map(fields)
    });
    Ok(Probes {
        liveness: slow_probe(&target, liveness(version), liveness_failures),
        ports: target.named.then(|| port_list(&target)),
        readiness,
        startup: slow_probe(&target, startup_path, startup_failures),
    })
}

fn liveness(version: &EtcdVersion) -> &'static str {
    if etcd_health::has_livez(version) {
        "/livez"
    } else if etcd_health::has_serializable(version) {
        "/health?exclude=NOSPACE&serializable=true"
    } else {
        "/metrics"
    }
}

fn startup(version: &EtcdVersion, state: ClusterState) -> (&'static str, u32) {
    let (livez, local) = (
        etcd_health::has_livez(version),
        etcd_health::has_serializable(version),
    );
    match state {
        ClusterState::New if livez => ("/readyz", STARTUP_FAILURES),
        ClusterState::New => (
            "/health?exclude=NOSPACE&serializable=false",
            STARTUP_FAILURES,
        ),
        ClusterState::Existing if local => (liveness(version), STARTUP_FAILURES),
        ClusterState::Existing => ("/health?exclude=NOSPACE", PATIENT_STARTUP_FAILURES),
    }
}

fn target(config: &EtcdConfig, flags: &FlagSet) -> Result<Target, RenderError> {
    let urls = flags.value("listen-metrics-urls").unwrap_or_default();
    let parsed = urls
        .split(',')
        .filter_map(|url| url.trim().parse::<EtcdUrl>().ok());
    let mut plain = parsed.filter(|url| url.scheme == Scheme::Http);
    let url = plain.next().ok_or_else(|| RenderError::NoProbeUrl {
        found: urls.to_owned(),
    })?;
    let host = match &url.host {
        Host::Ip(ip) if ip.is_unspecified() => super::flag_set::loopback(*ip).to_string(),
        Host::Ip(ip) => ip.to_string(),
        Host::Dns(name) => name.clone(),
    };
    let named = config.version.at_least(3, 6, 0);
    Ok(Target {
        host,
        port: url.port,
        named,
    })
}

fn slow_probe(target: &Target, path: &str, failures: u32) -> Yaml {
    let mut fields = http_get(target, path, failures);
    fields.extend([
        ("initialDelaySeconds", Yaml::Int(10)),
        ("periodSeconds", Yaml::Int(PERIOD_SECONDS.into())),
        ("timeoutSeconds", Yaml::Int(15)),
    ]);
    Yaml::Map(fields)
}

fn http_get(target: &Target, path: &str, failures: u32) -> Vec<(&'static str, Yaml)> {
    let port = if target.named {
        Yaml::text(PORT_NAME)
    } else {
        Yaml::Int(target.port.into())
    };
    let request = Yaml::Map(vec![
        ("host", Yaml::text(&target.host)),
        ("path", Yaml::text(path)),
        ("port", port),
        ("scheme", Yaml::text("HTTP")),
    ]);
    vec![
        ("failureThreshold", Yaml::Int(failures.into())),
        ("httpGet", request),
    ]
}

fn port_list(target: &Target) -> Yaml {
    Yaml::List(vec![Yaml::Map(vec![
        ("containerPort", Yaml::Int(target.port.into())),
        ("name", Yaml::text(PORT_NAME)),
        ("protocol", Yaml::text("TCP")),
    ])])
}
