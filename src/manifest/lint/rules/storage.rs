//! M066–M069: is the data safe from the flags?

use crate::manifest::lint::report::Severity;
use crate::manifest::lint::rule::{Check, Rule, Sink};
use crate::manifest::lint::subject::Workload;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "M066",
        name: "quota-default",
        severity: Severity::Warning,
        why: "etcd's default quota is 2 GiB; when it is used up every write is refused until someone \
              compacts, defragments and disarms the alarm",
        fix: "--quota-backend-bytes=8589934592",
        check: Check::Etcd(quota_default),
    },
    Rule {
        id: "M067",
        name: "quota-too-large",
        severity: Severity::Warning,
        why: "etcd is made for databases up to 8 GiB: above, starts, snapshots and joins take minutes \
              and need as much memory",
        fix: "at most 8589934592",
        check: Check::Etcd(quota_too_large),
    },
    Rule {
        id: "M068",
        name: "force-new-cluster",
        severity: Severity::Error,
        why: "each start throws every other member out of the cluster: it is for one start after a \
              disaster, and a static pod starts again and again",
        fix: "remove the flag",
        check: Check::Etcd(force_new_cluster),
    },
    Rule {
        id: "M069",
        name: "no-fsync",
        severity: Severity::Error,
        why: "acknowledged writes are lost when the host loses power, and the member votes as if they \
              were not",
        fix: "remove the flag",
        check: Check::Etcd(no_fsync),
    },
];

const QUOTA: &str = "quota-backend-bytes";
/// etcd's own suggested maximum; it logs a warning above.
const MAX_QUOTA: u64 = 8 << 30;

fn quota_default(workload: &Workload<'_>, sink: &mut Sink) {
    let value = workload.flags.value(QUOTA);
    if workload.flags.get(QUOTA).is_none() || value == Some("0") {
        let message = "no quota is set: writes stop when the database reaches 2 GiB";
        let fix = format!("add --{QUOTA}={MAX_QUOTA}");
        sink.report(workload.at(QUOTA), message.into(), fix);
    }
}

fn quota_too_large(workload: &Workload<'_>, sink: &mut Sink) {
    let quota = workload
        .flags
        .value(QUOTA)
        .and_then(|value| value.parse::<u64>().ok());
    if let Some(quota) = quota.filter(|&quota| quota > MAX_QUOTA) {
        let gib = quota >> 30;
        let message = format!("a quota of {gib} GiB: etcd is made for up to 8 GiB");
        sink.report(
            workload.at(QUOTA),
            message,
            format!("--{QUOTA}={MAX_QUOTA}"),
        );
    }
}

fn force_new_cluster(workload: &Workload<'_>, sink: &mut Sink) {
    let flag = "force-new-cluster";
    if workload.flags.is_true(flag) == Some(true) {
        let message = "each start throws every other member out of the cluster";
        sink.report(
            workload.at(flag),
            message.into(),
            "remove --force-new-cluster",
        );
    }
}

fn no_fsync(workload: &Workload<'_>, sink: &mut Sink) {
    let flag = "unsafe-no-fsync";
    if workload.flags.is_true(flag) == Some(true) {
        let message = "acknowledged writes are lost when the host loses power";
        sink.report(
            workload.at(flag),
            message.into(),
            "remove --unsafe-no-fsync",
        );
    }
}
