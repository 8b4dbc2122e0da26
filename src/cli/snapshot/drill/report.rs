//! What a drill would do, and what it found, for a person and for a program.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::output::json::v1;
use crate::cli::output::{Page, Report, Table, Tone, bytes, clean, count, elapsed};
use crate::ops::snapshot_drill::{DrillPlan, Drilled};

/// What would be done.
pub(super) struct PlanReport<'a>(pub(super) &'a DrillPlan);

impl Report for PlanReport<'_> {
    const KIND: &'static str = "SnapshotDrillPlan";

    fn document(&self) -> impl Serialize {
        let plan = self.0;
        v1::SnapshotDrillPlan {
            snapshot: plan.stored.place.to_string(),
            taken_at: plan.stored.taken_at.to_string(),
            revision: plan.survey.revision,
            size_bytes: plan.survey.image_bytes,
            etcd: plan.program.path.display().to_string(),
            etcd_version: plan.program.version.to_string(),
            scratch: plan.scratch.display().to_string(),
            needed_bytes: plan.needed_bytes,
            free_bytes: plan.free_bytes,
            spot_keys: plan.spot_keys.iter().map(ToString::to_string).collect(),
            warnings: plan.warnings.clone(),
        }
    }

    fn page(&self, page: &mut Page) {
        let plan = self.0;
        let path = plan.stored.place.to_string();
        page.line(format!(
            "{} drill {}",
            Tone::Strong.paint("Plan:"),
            clean(&path)
        ));
        page.blank();
        let mut table = Table::new(["STEP", "WHAT", "WITH"]);
        let scratch = plan.scratch.display();
        let rows = [
            (
                "restore",
                format!(
                    "revision {}, {}",
                    count(plan.survey.revision.unsigned_abs()),
                    bytes(plan.survey.image_bytes)
                ),
                format!(
                    "{scratch}: {} of {} free",
                    bytes(plan.needed_bytes),
                    bytes(plan.free_bytes)
                ),
            ),
            (
                "boot",
                format!("etcd {}", plan.program.version),
                plan.program.path.display().to_string(),
            ),
            (
                "compare",
                "HashKV, revision, keys, leases, users, roles, alarms".to_owned(),
                match plan.spot_keys.len() {
                    0 => String::new(),
                    1 => "1 spot key".to_owned(),
                    many => format!("{many} spot keys"),
                },
            ),
            ("remove", "all of it".to_owned(), String::new()),
        ];
        for (step, what, with) in rows {
            table.row([step.to_owned(), what, with]);
        }
        page.table(&table);
    }
}

/// What was found.
pub(super) struct DrillReport<'a> {
    pub(super) plan: &'a DrillPlan,
    pub(super) drilled: &'a Drilled,
    pub(super) now: Timestamp,
}

impl Report for DrillReport<'_> {
    const KIND: &'static str = "SnapshotDrill";

    fn document(&self) -> impl Serialize {
        let Self { plan, drilled, .. } = self;
        let timings = &drilled.timings;
        let checks = drilled.checks.iter().map(|check| v1::DrillCheck {
            what: check.what,
            snapshot: check.snapshot.clone(),
            server: check.server.clone(),
            equal: check.is_equal,
        });
        let spotted = drilled.spotted.iter().map(|spotted| v1::DrillSpotKey {
            key: spotted.key.clone(),
            compared: spotted.compared,
            found: spotted.found.clone(),
            right: spotted.is_right,
        });
        v1::SnapshotDrill {
            proven: drilled.is_proven(),
            snapshot: plan.stored.place.to_string(),
            taken_at: plan.stored.taken_at.to_string(),
            sha256: plan.sha256.clone(),
            size_bytes: plan.survey.image_bytes,
            revision: drilled.hash_kv.revision,
            keys: drilled.hash_kv.live_keys.unwrap_or_default(),
            hash_kv: drilled.hash_kv.hash,
            etcd: plan.program.path.display().to_string(),
            etcd_version: plan.program.version.to_string(),
            recovery_seconds: timings.recovery().as_secs_f64(),
            read_seconds: timings.read.as_secs_f64(),
            restore_seconds: timings.restore.as_secs_f64(),
            boot_seconds: timings.boot.as_secs_f64(),
            compare_seconds: timings.compare.as_secs_f64(),
            checks: checks.collect(),
            spot_keys: spotted.collect(),
            warnings: plan.warnings.clone(),
        }
    }

    fn page(&self, page: &mut Page) {
        let Self { plan, drilled, .. } = self;
        let path = plan.stored.place.to_string();
        let path = clean(&path);
        let version = &plan.program.version;
        match drilled.is_proven() {
            true => page.line(format!(
                "{} etcd {version} boots from {path} and holds what it should.",
                Tone::Good.paint("Proven:")
            )),
            false => page.line(format!(
                "{} etcd {version} boots from {path} and does not hold what it should.",
                Tone::Bad.paint("Not proven:")
            )),
        }
        page.blank();
        self.tables(page);
        page.blank();
        let timings = &drilled.timings;
        page.line(format!(
            "Recovery took {}: read {}, restore {}, boot {}. Compared in {}.",
            Tone::Strong.paint(&elapsed(timings.recovery())),
            elapsed(timings.read),
            elapsed(timings.restore),
            elapsed(timings.boot),
            elapsed(timings.compare)
        ));
        page.line(format!(
            "{}, revision {}, {} keys, taken {}.",
            bytes(plan.survey.image_bytes),
            count(drilled.hash_kv.revision.unsigned_abs()),
            count(drilled.hash_kv.live_keys.unwrap_or_default()),
            self.age()
        ));
        if !drilled.is_proven() {
            page.hint("Next: save another snapshot (etcdha snapshot save) and drill that");
        }
    }
}

impl DrillReport<'_> {
    fn tables(&self, page: &mut Page) {
        let mut table = Table::new(["COMPARED", "SNAPSHOT", "SERVER", "RESULT"]);
        for check in &self.drilled.checks {
            table.row([
                check.what.to_owned(),
                check.snapshot.clone(),
                check.server.clone(),
                result(check.is_equal, "equal", "differs"),
            ]);
        }
        page.table(&table);
        if self.drilled.spotted.is_empty() {
            return;
        }
        page.blank();
        let mut table = Table::new(["SPOT KEY", "COMPARED", "FOUND", "RESULT"]);
        for spotted in &self.drilled.spotted {
            table.row([
                clean(&spotted.key).into_owned(),
                spotted.compared.to_owned(),
                spotted.found.clone(),
                result(spotted.is_right, "right", "wrong"),
            ]);
        }
        page.table(&table);
    }

    fn age(&self) -> String {
        let age = self.plan.stored.taken_at.duration_until(self.now);
        match Duration::try_from(age) {
            Ok(age) => format!("{} ago", elapsed(age)),
            // The clock was ahead then, or is behind now.
            Err(_) => format!("at {}", self.plan.stored.taken_at),
        }
    }
}

fn result(is_good: bool, good: &str, bad: &str) -> String {
    match is_good {
        true => Tone::Good.paint(good),
        false => Tone::Bad.paint(bad),
    }
}
