//! M060–M065: do the probes restart an etcd that a restart does not help?

use crate::manifest::etcd_health;
use crate::manifest::lint::report::Severity;
use crate::manifest::lint::rule::{Check, Rule, Sink};
use crate::manifest::lint::subject::Workload;
use crate::manifest::pod::{HttpGet, Probe, ProbeAction};
use crate::model::EtcdVersion;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "M060",
        name: "liveness-on-quota",
        severity: Severity::Warning,
        why: "/health fails while the NOSPACE alarm is on; restarting etcd does not make room, it only \
              takes the member away while an operator compacts and defragments",
        fix: "/livez, or /health?exclude=NOSPACE&serializable=true on older releases",
        check: Check::Etcd(liveness_on_quota),
    },
    Rule {
        id: "M061",
        name: "liveness-needs-leader",
        severity: Severity::Warning,
        why: "/health without serializable=true fails while there is no leader: when one member is \
              lost the kubelet restarts the others too, with growing back-off",
        fix: "/livez, or /health?exclude=NOSPACE&serializable=true on older releases",
        check: Check::Etcd(liveness_needs_leader),
    },
    Rule {
        id: "M062",
        name: "liveness-readyz",
        severity: Severity::Error,
        why: "/readyz fails on a learner, without a leader and with a CORRUPT alarm: as a liveness \
              probe it kills the member in exactly those cases",
        fix: "/livez for liveness, /readyz for readiness",
        check: Check::Etcd(liveness_readyz),
    },
    Rule {
        id: "M063",
        name: "startup-kills-learner",
        severity: Severity::Warning,
        why: "a joining member is a learner until it has caught up and is promoted; a startup probe \
              that needs either kills it when that takes longer than the probe's patience",
        fix: "/livez as startup probe of a joining member, or a failureThreshold that covers a day",
        check: Check::Etcd(startup_kills_learner),
    },
    Rule {
        id: "M064",
        name: "probe-path-unknown",
        severity: Severity::Error,
        why: "this release answers 404 there, so the probe always fails and the kubelet kills etcd",
        fix: "/health?exclude=NOSPACE&serializable=true",
        check: Check::Etcd(path_unknown),
    },
    Rule {
        id: "M065",
        name: "liveness-missing",
        severity: Severity::Warning,
        why: "nobody restarts an etcd that hangs",
        fix: "a liveness probe on /livez at the metrics port",
        check: Check::Etcd(liveness_missing),
    },
];

fn http(probe: Option<&Probe>) -> Option<(&HttpGet, &str, &str)> {
    match &probe?.action {
        ProbeAction::HttpGet(http) => {
            let (path, query) = http
                .path
                .value
                .split_once('?')
                .unwrap_or((&http.path.value, ""));
            Some((http, path, query))
        }
        _ => None,
    }
}

fn asks_for(query: &str, pair: &str) -> bool {
    query.split('&').any(|part| part == pair)
}

/// True where the release, when it is known, understands the query.
fn understands(workload: &Workload<'_>, knows: fn(&EtcdVersion) -> bool) -> bool {
    workload.version.as_ref().is_none_or(knows)
}

fn better(workload: &Workload<'_>) -> &'static str {
    match &workload.version {
        Some(version) if !etcd_health::has_serializable(version) => "probe /metrics instead",
        Some(version) if !etcd_health::has_livez(version) => {
            "probe /health?exclude=NOSPACE&serializable=true"
        }
        _ => "probe /livez",
    }
}

fn liveness_on_quota(workload: &Workload<'_>, sink: &mut Sink) {
    if let Some((http, "/health", query)) = http(workload.container.liveness.as_ref()) {
        let excluded = asks_for(query, "exclude=NOSPACE");
        if !excluded || !understands(workload, etcd_health::has_exclude) {
            let message = "the liveness probe fails when the quota is used up, and the kubelet kills \
                           etcd again and again";
            sink.report(http.path.at, message.into(), better(workload));
        }
    }
}

fn liveness_needs_leader(workload: &Workload<'_>, sink: &mut Sink) {
    if let Some((http, "/health", query)) = http(workload.container.liveness.as_ref()) {
        let local = asks_for(query, "serializable=true");
        if !local || !understands(workload, etcd_health::has_serializable) {
            let message = "the liveness probe fails while there is no leader, and the kubelet kills \
                           etcd again and again";
            sink.report(http.path.at, message.into(), better(workload));
        }
    }
}

fn liveness_readyz(workload: &Workload<'_>, sink: &mut Sink) {
    if let Some((http, path, _)) = http(workload.container.liveness.as_ref())
        && path.starts_with("/readyz")
    {
        let message =
            "/readyz as liveness probe kills a learner, and every member without a leader";
        sink.report(http.path.at, message.into(), "probe /livez");
    }
}

fn startup_kills_learner(workload: &Workload<'_>, sink: &mut Sink) {
    /// Patience that outlasts a slow join.
    const ENOUGH_SECONDS: u64 = 60 * 60;
    let Some(probe) = workload
        .container
        .startup
        .as_ref()
        .filter(|_| workload.joins())
    else {
        return;
    };
    let Some((http, path, query)) = http(Some(probe)) else {
        return;
    };
    let waits = match path {
        "/readyz" => match &workload.version {
            Some(version) if etcd_health::readyz_fails_on_learner(version) => "is promoted",
            _ => "has caught up",
        },
        "/health" if !asks_for(query, "serializable=true") => "has caught up",
        "/health" if !understands(workload, etcd_health::has_serializable) => "has caught up",
        _ => return,
    };
    let patience = u64::from(probe.failure_threshold) * u64::from(probe.period_seconds);
    if patience < ENOUGH_SECONDS {
        let message = format!(
            "the startup probe fails until the joining member {waits}, and after {patience} s the \
             kubelet kills it"
        );
        sink.report(http.path.at, message, better(workload));
    }
}

fn path_unknown(workload: &Workload<'_>, sink: &mut Sink) {
    let Some(version) = &workload.version else {
        return sink.unknown();
    };
    let container = workload.container;
    for probe in [
        &container.liveness,
        &container.readiness,
        &container.startup,
    ] {
        let Some((http, path, _)) = http(probe.as_ref()) else {
            continue;
        };
        let is_new = path.starts_with("/livez") || path.starts_with("/readyz");
        if is_new && !etcd_health::has_livez(version) {
            let message = format!("etcd {version} has no {path}");
            sink.report(
                http.path.at,
                message,
                "probe /health?exclude=NOSPACE&serializable=true",
            );
        }
    }
}

fn liveness_missing(workload: &Workload<'_>, sink: &mut Sink) {
    if workload.container.liveness.is_none() {
        let message = "there is no liveness probe: nobody restarts an etcd that hangs";
        sink.report(workload.container.at, message.into(), better(workload));
    }
}
