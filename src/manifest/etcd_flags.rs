//! Which flags does an etcd release know, and what are their values?
//!
//! Read from the flag sets of every release of 3.4 (to 3.4.45), 3.5 (to 3.5.33) and 3.6 (to 3.6.14):
//! `etcdmain/config.go` and `embed/config.go`. Within a minor release flags were only ever added.
//! etcd exits with status 2 on a flag it does not know, so this decides whether a pod starts.

use crate::model::EtcdVersion;

/// What a flag's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A boolean: takes no separate word.
    Boolean,
    /// A whole number.
    Number,
    /// A Go duration.
    Duration,
    /// A comma-separated list of URLs.
    Urls,
    /// A file's path.
    File,
    /// A directory's path.
    Directory,
    /// Anything else.
    Text,
    /// Accepted and without effect.
    Ignored,
}

/// A flag of etcd.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownFlag {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The first patch release of 3.4, 3.5 and 3.6 that knows it.
    since: [u8; 3],
}

/// Stands for "no release of this minor".
const NO: u8 = u8::MAX;

const fn row(name: &'static str, kind: Kind, since: [u8; 3]) -> KnownFlag {
    KnownFlag { name, kind, since }
}

/// The flag of that name in any release.
pub(crate) fn find(name: &str) -> Option<&'static KnownFlag> {
    TABLE
        .binary_search_by(|flag| flag.name.cmp(name))
        .ok()
        .map(|index| &TABLE[index])
}

/// True for a boolean flag: Go's parser gives it no separate word.
pub(crate) fn is_boolean(name: &str) -> bool {
    find(name).is_some_and(|flag| matches!(flag.kind, Boolean | Ignored))
}

/// True when `version` accepts the flag.
pub(crate) fn knows(version: &EtcdVersion, name: &str) -> bool {
    find(name).is_some_and(|flag| flag.is_in(version))
}

/// The known name that is spelled most like `name`, unless nothing is near.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    const NEAR: f64 = 0.85;
    let scored = TABLE
        .iter()
        .map(|flag| (strsim::jaro_winkler(flag.name, name), flag.name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= NEAR).then_some(best.1)
}

/// What to write instead of a flag that a release deprecates, no longer has, or has not yet.
pub(crate) fn replacement(name: &str, version: &EtcdVersion) -> Option<String> {
    let gate = FEATURE_GATES
        .iter()
        .find(|(flag, _)| *flag == name)
        .map(|(_, gate)| *gate);
    if let (Some(gate), true) = (gate, knows(version, "feature-gates")) {
        return Some(format!("--feature-gates={gate}=true"));
    }
    let candidate = match name {
        "debug" => return Some("--log-level=debug".into()),
        "log-output" => "log-outputs".to_owned(),
        _ => match name.strip_prefix("experimental-") {
            Some(plain) => plain.to_owned(),
            None => format!("experimental-{name}"),
        },
    };
    knows(version, &candidate).then(|| format!("--{candidate}"))
}

impl KnownFlag {
    /// True when `version` accepts it.
    pub(crate) fn is_in(&self, version: &EtcdVersion) -> bool {
        let (_, minor) = version.minor();
        let index = usize::try_from(minor.saturating_sub(4)).unwrap_or(usize::MAX);
        let since = self.since.get(index).copied().filter(|&since| since != NO);
        since.is_some_and(|since| version.patch() >= u64::from(since))
    }

    /// The releases that know it, in words.
    pub(crate) fn releases(&self) -> String {
        let minors = ["3.4", "3.5", "3.6"].iter().zip(self.since);
        let known = minors.filter(|(_, since)| *since != NO);
        let texts: Vec<String> = known
            .map(|(minor, since)| match since {
                0 => (*minor).to_owned(),
                since => format!("{minor} from {minor}.{since}"),
            })
            .collect();
        texts.join(", ")
    }
}

/// Experimental booleans of 3.5 that became feature gates in 3.6 (`server/features`).
const FEATURE_GATES: [(&str, &str); 6] = [
    ("experimental-initial-corrupt-check", "InitialCorruptCheck"),
    (
        "experimental-compact-hash-check-enabled",
        "CompactHashCheck",
    ),
    (
        "experimental-txn-mode-write-with-shared-buffer",
        "TxnModeWriteWithSharedBuffer",
    ),
    (
        "experimental-stop-grpc-service-on-defrag",
        "StopGRPCServiceOnDefrag",
    ),
    ("experimental-enable-lease-checkpoint", "LeaseCheckpoint"),
    (
        "experimental-enable-lease-checkpoint-persist",
        "LeaseCheckpointPersist",
    ),
];

use Kind::{Boolean, Directory, Duration, File, Ignored, Number, Text, Urls};

#[rustfmt::skip]
const TABLE: &[KnownFlag] = &[
    row("advertise-client-urls", Urls, [0, 0, 0]),
    row("auth-token", Text, [0, 0, 0]),
    row("auth-token-ttl", Number, [10, 0, 0]),
    row("auto-compaction-mode", Text, [0, 0, 0]),
    row("auto-compaction-retention", Text, [0, 0, 0]),
    row("auto-tls", Boolean, [0, 0, 0]),
    row("backend-batch-interval", Duration, [0, 0, 0]),
    row("backend-batch-limit", Number, [0, 0, 0]),
    row("backend-bbolt-freelist-type", Text, [NO, 0, 0]),
    row("bcrypt-cost", Number, [0, 0, 0]),
    row("bootstrap-defrag-threshold-megabytes", Number, [NO, NO, 0]),
    row("cert-file", File, [0, 0, 0]),
    row("cipher-suites", Text, [0, 0, 0]),
    row("client-cert-allowed-hostname", Text, [0, 0, 0]),
    row("client-cert-auth", Boolean, [0, 0, 0]),
    row("client-cert-file", File, [NO, 0, 0]),
    row("client-crl-file", File, [0, 0, 0]),
    row("client-key-file", File, [NO, 0, 0]),
    row("cluster-active-size", Ignored, [0, 0, 0]),
    row("cluster-remove-delay", Ignored, [0, 0, 0]),
    row("cluster-sync-interval", Ignored, [0, 0, 0]),
    row("compact-hash-check-time", Duration, [NO, NO, 0]),
    row("compaction-batch-limit", Number, [NO, NO, 0]),
    row("compaction-sleep-interval", Duration, [NO, NO, 0]),
    row("config", Ignored, [0, 0, 0]),
    row("config-file", File, [0, 0, 0]),
    row("corrupt-check-time", Duration, [NO, NO, 0]),
    row("cors", Text, [0, 0, 0]),
    row("data-dir", Directory, [0, 0, 0]),
    row("debug", Boolean, [0, NO, NO]),
    row("discovery", Text, [0, 0, 0]),
    row("discovery-cacert", File, [NO, NO, 0]),
    row("discovery-cert", File, [NO, NO, 0]),
    row("discovery-dial-timeout", Duration, [NO, NO, 0]),
    row("discovery-endpoints", Text, [NO, NO, 0]),
    row("discovery-fallback", Text, [0, 0, 0]),
    row("discovery-insecure-skip-tls-verify", Boolean, [NO, NO, 0]),
    row("discovery-insecure-transport", Boolean, [NO, NO, 0]),
    row("discovery-keepalive-time", Duration, [NO, NO, 0]),
    row("discovery-keepalive-timeout", Duration, [NO, NO, 0]),
    row("discovery-key", File, [NO, NO, 0]),
    row("discovery-password", Text, [NO, NO, 0]),
    row("discovery-proxy", Text, [0, 0, 0]),
    row("discovery-request-timeout", Duration, [NO, NO, 0]),
    row("discovery-srv", Text, [0, 0, 0]),
    row("discovery-srv-name", Text, [0, 0, 0]),
    row("discovery-token", Text, [NO, NO, 0]),
    row("discovery-user", Text, [NO, NO, 0]),
    row("distributed-tracing-address", Text, [NO, NO, 0]),
    row("distributed-tracing-instance-id", Text, [NO, NO, 0]),
    row("distributed-tracing-sampling-rate", Number, [NO, NO, 0]),
    row("distributed-tracing-service-name", Text, [NO, NO, 0]),
    row("downgrade-check-time", Duration, [NO, NO, 0]),
    row("election-timeout", Number, [0, 0, 0]),
    row("enable-distributed-tracing", Boolean, [NO, NO, 0]),
    row("enable-grpc-gateway", Boolean, [0, 0, 0]),
    row("enable-log-rotation", Boolean, [NO, 0, 0]),
    row("enable-pprof", Boolean, [0, 0, 0]),
    row("enable-v2", Boolean, [0, 0, NO]),
    row("experimental-backend-bbolt-freelist-type", Text, [0, NO, NO]),
    row("experimental-bootstrap-defrag-threshold-megabytes", Number, [NO, 0, 0]),
    row("experimental-compact-hash-check-enabled", Boolean, [NO, 5, 0]),
    row("experimental-compact-hash-check-time", Duration, [NO, 5, 0]),
    row("experimental-compaction-batch-limit", Number, [0, 0, 0]),
    row("experimental-compaction-sleep-interval", Duration, [NO, 16, 0]),
    row("experimental-corrupt-check-time", Duration, [0, 0, 0]),
    row("experimental-distributed-tracing-address", Text, [NO, 0, 0]),
    row("experimental-distributed-tracing-instance-id", Text, [NO, 0, 0]),
    row("experimental-distributed-tracing-sampling-rate", Number, [NO, 11, 0]),
    row("experimental-distributed-tracing-service-name", Text, [NO, 0, 0]),
    row("experimental-downgrade-check-time", Duration, [NO, 0, 0]),
    row("experimental-enable-distributed-tracing", Boolean, [NO, 0, 0]),
    row("experimental-enable-lease-checkpoint", Boolean, [0, 0, 0]),
    row("experimental-enable-lease-checkpoint-persist", Boolean, [20, 2, 0]),
    row("experimental-enable-v2v3", Text, [0, 0, NO]),
    row("experimental-initial-corrupt-check", Boolean, [0, 0, 0]),
    row("experimental-memory-mlock", Boolean, [NO, 0, 0]),
    row("experimental-peer-skip-client-san-verification", Boolean, [0, 0, 0]),
    row("experimental-snapshot-catchup-entries", Number, [NO, 14, 0]),
    row("experimental-stop-grpc-service-on-defrag", Boolean, [NO, 14, 0]),
    row("experimental-txn-mode-write-with-shared-buffer", Boolean, [NO, 0, 0]),
    row("experimental-warning-apply-duration", Duration, [16, 0, 0]),
    row("experimental-warning-unary-request-duration", Duration, [NO, NO, 0]),
    row("experimental-watch-progress-notify-interval", Duration, [11, 0, 0]),
    row("feature-gates", Text, [NO, NO, 0]),
    row("force", Ignored, [0, 0, 0]),
    row("force-new-cluster", Boolean, [0, 0, 0]),
    row("grpc-keepalive-interval", Duration, [0, 0, 0]),
    row("grpc-keepalive-min-time", Duration, [0, 0, 0]),
    row("grpc-keepalive-timeout", Duration, [0, 0, 0]),
    row("heartbeat-interval", Number, [0, 0, 0]),
    row("host-whitelist", Text, [0, 0, 0]),
    row("initial-advertise-peer-urls", Urls, [0, 0, 0]),
    row("initial-cluster", Text, [0, 0, 0]),
    row("initial-cluster-state", Text, [0, 0, 0]),
    row("initial-cluster-token", Text, [0, 0, 0]),
    row("initial-election-tick-advance", Boolean, [0, 0, 0]),
    row("key-file", File, [0, 0, 0]),
    row("listen-client-http-urls", Urls, [25, 8, 0]),
    row("listen-client-urls", Urls, [0, 0, 0]),
    row("listen-metrics-urls", Urls, [0, 0, 0]),
    row("listen-peer-urls", Urls, [0, 0, 0]),
    row("log-format", Text, [NO, NO, 0]),
    row("log-level", Text, [0, 0, 0]),
    row("log-output", Text, [0, NO, NO]),
    row("log-outputs", Text, [0, 0, 0]),
    row("log-package-levels", Text, [0, NO, NO]),
    row("log-rotation-config-json", Text, [NO, 0, 0]),
    row("logger", Text, [0, 0, 0]),
    row("max-concurrent-streams", Number, [20, 5, 0]),
    row("max-learners", Number, [NO, NO, 0]),
    row("max-request-bytes", Number, [0, 0, 0]),
    row("max-result-buffer", Ignored, [0, 0, 0]),
    row("max-retry-attempts", Ignored, [0, 0, 0]),
    row("max-snapshots", Number, [0, 0, 0]),
    row("max-txn-ops", Number, [0, 0, 0]),
    row("max-wals", Number, [0, 0, 0]),
    row("memory-mlock", Boolean, [NO, NO, 0]),
    row("metrics", Text, [0, 0, 0]),
    row("name", Text, [0, 0, 0]),
    row("next-cluster-version-compatible", Boolean, [31, NO, NO]),
    row("peer-auto-tls", Boolean, [0, 0, 0]),
    row("peer-cert-allowed-cn", Text, [0, 0, 0]),
    row("peer-cert-allowed-hostname", Text, [0, 0, 0]),
    row("peer-cert-file", File, [0, 0, 0]),
    row("peer-client-cert-auth", Boolean, [0, 0, 0]),
    row("peer-client-cert-file", File, [NO, 0, 0]),
    row("peer-client-key-file", File, [NO, 0, 0]),
    row("peer-crl-file", File, [0, 0, 0]),
    row("peer-election-timeout", Ignored, [0, 0, 0]),
    row("peer-heartbeat-interval", Ignored, [0, 0, 0]),
    row("peer-key-file", File, [0, 0, 0]),
    row("peer-skip-client-san-verification", Boolean, [NO, NO, 0]),
    row("peer-trusted-ca-file", File, [0, 0, 0]),
    row("pre-vote", Boolean, [0, 0, 0]),
    row("proxy", Text, [0, 0, NO]),
    row("proxy-dial-timeout", Number, [0, 0, NO]),
    row("proxy-failure-wait", Number, [0, 0, NO]),
    row("proxy-read-timeout", Number, [0, 0, NO]),
    row("proxy-refresh-interval", Number, [0, 0, NO]),
    row("proxy-write-timeout", Number, [0, 0, NO]),
    row("quota-backend-bytes", Number, [0, 0, 0]),
    row("raft-read-timeout", Duration, [NO, 0, 0]),
    row("raft-write-timeout", Duration, [NO, 0, 0]),
    row("retry-interval", Ignored, [0, 0, 0]),
    row("self-signed-cert-validity", Number, [NO, 0, 0]),
    row("snapshot", Ignored, [0, 0, 0]),
    row("snapshot-catchup-entries", Number, [NO, NO, 0]),
    row("snapshot-count", Number, [0, 0, 0]),
    row("socket-reuse-address", Boolean, [NO, 0, 0]),
    row("socket-reuse-port", Boolean, [NO, 0, 0]),
    row("strict-reconfig-check", Boolean, [0, 0, 0]),
    row("test.coverprofile", Ignored, [0, 0, 0]),
    row("test.outputdir", Ignored, [0, 0, 0]),
    row("tls-max-version", Text, [25, 8, 0]),
    row("tls-min-version", Text, [25, 8, 0]),
    row("trusted-ca-file", File, [0, 0, 0]),
    row("unsafe-no-fsync", Boolean, [10, 0, 0]),
    row("v", Ignored, [0, 0, 0]),
    row("v2-deprecation", Text, [NO, 0, 0]),
    row("version", Boolean, [0, 0, 0]),
    row("vv", Ignored, [0, 0, 0]),
    row("wal-dir", Directory, [0, 0, 0]),
    row("warning-apply-duration", Duration, [NO, NO, 0]),
    row("warning-unary-request-duration", Duration, [NO, NO, 0]),
    row("watch-progress-notify-interval", Duration, [NO, NO, 0]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> EtcdVersion {
        text.parse().unwrap()
    }

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(TABLE.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn releases_differ_as_etcds_own_flag_sets_do() {
        for (flag, release, known) in [
            (
                "experimental-watch-progress-notify-interval",
                "3.4.10",
                false,
            ),
            (
                "experimental-watch-progress-notify-interval",
                "3.4.23",
                true,
            ),
            ("watch-progress-notify-interval", "3.5.16", false),
            ("watch-progress-notify-interval", "3.6.0", true),
            ("feature-gates", "3.5.30", false),
            ("enable-v2", "3.6.4", false),
            ("debug", "3.4.23", true),
            ("snapshot-count", "3.6.4", true),
            ("no-such-flag", "3.6.4", false),
        ] {
            assert_eq!(knows(&version(release), flag), known, "{flag} in {release}");
        }
        assert_eq!(
            find("tls-min-version").unwrap().releases(),
            "3.4 from 3.4.25, 3.5 from 3.5.8, 3.6"
        );
    }

    #[test]
    fn misspelt_and_deprecated_names_have_an_answer() {
        assert_eq!(nearest("trusted-cafile"), Some("trusted-ca-file"));
        assert_eq!(nearest("inital-cluster"), Some("initial-cluster"));
        assert_eq!(nearest("zzz"), None);
        let new = |flag| replacement(flag, &version("3.6.4"));
        assert_eq!(
            new("experimental-initial-corrupt-check").as_deref(),
            Some("--feature-gates=InitialCorruptCheck=true")
        );
        assert_eq!(
            new("experimental-corrupt-check-time").as_deref(),
            Some("--corrupt-check-time")
        );
        assert_eq!(new("enable-v2"), None);
        assert_eq!(
            replacement("experimental-corrupt-check-time", &version("3.5.16")),
            None
        );
    }
}
