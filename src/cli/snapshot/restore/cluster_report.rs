//! What is true of a restored cluster, for a person and for a program.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::output::json::v1;
use crate::cli::output::{Page, Report, Table, clean, elapsed};
use crate::model::MemberSpec;
use crate::ops::cluster_restore::{ClusterRestoreRequest, Planned};
use crate::plan::{Action, Applied, Receipt, Step, StepRecord};

/// A restored cluster.
pub(super) struct ClusterRestoreReport<'a> {
    request: &'a ClusterRestoreRequest,
    planned: &'a Planned,
    times: Option<Times>,
    apiservers: Vec<String>,
    /// Directories with old data, by node.
    old: Vec<(String, String)>,
    receipt: Option<String>,
}

/// How long it took.
#[derive(Clone, Copy)]
struct Times {
    recovery: Duration,
    down: Option<Duration>,
}

impl<'a> ClusterRestoreReport<'a> {
    /// Nothing was to be done.
    pub(super) fn unchanged(request: &'a ClusterRestoreRequest, planned: &'a Planned) -> Self {
        let kept = planned.kept.iter();
        Self {
            request,
            planned,
            times: None,
            apiservers: Vec::new(),
            old: kept
                .map(|(node, path)| (node.to_string(), path.display().to_string()))
                .collect(),
            receipt: None,
        }
    }

    /// The plan was applied.
    ///
    /// # Errors
    /// A receipt that can't be read again.
    pub(super) fn applied(
        request: &'a ClusterRestoreRequest,
        planned: &'a Planned,
        applied: &Applied,
        restores: bool,
    ) -> Result<Self, CliError> {
        let receipt = Receipt::load(&applied.receipt_path)?;
        let mut report = Self::unchanged(request, planned);
        report.times = restores.then(|| times(&receipt)).flatten();
        let steps = planned.plan.steps.iter();
        report.apiservers = steps
            .filter(|step| matches!(step.action, Action::ProveWriteThrough { .. }))
            .map(|step| step.on.clone())
            .collect();
        for member in planned.cluster.members.iter().filter(|_| restores) {
            let root = request.spec.member(&member.on).map(MemberSpec::root);
            let inside = member.before.strip_prefix("/").unwrap_or(&member.before);
            let is_there = root.is_some_and(|root| root.join(inside).exists());
            let found = (member.on.to_string(), member.before.display().to_string());
            if is_there && !report.old.contains(&found) {
                report.old.push(found);
            }
        }
        report.receipt = Some(applied.receipt_path.display().to_string());
        Ok(report)
    }
}

fn times(receipt: &Receipt) -> Option<Times> {
    let steps: Vec<(&Step, &StepRecord)> = receipt.plan.steps.iter().zip(&receipt.steps).collect();
    let begin = steps.first()?.1.started_at?;
    let end = steps.last()?.1.finished_at?;
    let is_stop =
        |action: &Action| matches!(action, Action::StopPod(_) | Action::StopService { .. });
    let stopped = steps
        .iter()
        .find(|(step, _)| is_stop(&step.action))
        .and_then(|(_, record)| record.started_at);
    let proof = |wanted: fn(&Action) -> bool| {
        let found = steps.iter().find(|(step, _)| wanted(&step.action))?;
        found.1.finished_at
    };
    let served = proof(|action| matches!(action, Action::ProveWriteThrough { .. }))
        .or_else(|| proof(|action| matches!(action, Action::ProveRestored(_))));
    Some(Times {
        recovery: between(begin, end),
        down: stopped.zip(served).map(|(from, to)| between(from, to)),
    })
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

impl Report for ClusterRestoreReport<'_> {
    const KIND: &'static str = "SnapshotClusterRestore";

    fn document(&self) -> impl Serialize {
        let cluster = &self.planned.cluster;
        let members = cluster.members.iter();
        v1::SnapshotClusterRestore {
            result: match self.receipt {
                Some(_) => "restored",
                None => "unchanged",
            },
            cluster: &self.request.spec.name,
            cluster_id: cluster.cluster_id.to_string(),
            snapshot: self.request.snapshot.display().to_string(),
            sha256: &cluster.snapshot_sha256,
            revision: cluster.first_revision,
            hash_kv: cluster.hash_kv,
            members: members
                .map(|member| v1::RestoredClusterMember {
                    name: member.on.to_string(),
                    id: member.id.to_string(),
                })
                .collect(),
            apiservers: self.apiservers.clone(),
            proven_at: self.planned.proven_at.map(|at| at.to_string()),
            recovery_seconds: self.times.map(|times| times.recovery.as_secs_f64()),
            down_seconds: self.times.and_then(|times| Some(times.down?.as_secs_f64())),
            old_data: self
                .old
                .iter()
                .map(|(node, path)| v1::OldData {
                    node: node.clone(),
                    path: path.clone(),
                })
                .collect(),
            receipt: self.receipt.as_deref(),
        }
    }

    fn page(&self, page: &mut Page) {
        let cluster = &self.planned.cluster;
        let mut table = Table::new(["MEMBER", "ID", "CLUSTER", "REVISION"]);
        for member in &cluster.members {
            table.row([
                member.on.to_string(),
                member.id.to_string(),
                cluster.cluster_id.to_string(),
                cluster.first_revision.to_string(),
            ]);
        }
        page.table(&table);
        page.blank();
        let name = &self.request.spec.name;
        let Some(receipt) = &self.receipt else {
            let since = self.planned.proven_at.map(|at| format!(" since {at}"));
            let since = since.unwrap_or_default();
            page.line(format!(
                "Nothing to do: cluster {name} runs from this snapshot{since}."
            ));
            self.old_data(page);
            return;
        };
        page.line(format!(
            "Cluster {name} runs from {}: HashKV {} on {} members, as in the file.",
            clean(&self.request.snapshot.display().to_string()),
            cluster.hash_kv,
            cluster.members.len()
        ));
        if let Some(times) = self.times {
            let down = times
                .down
                .map(|down| format!("; down for {}", elapsed(down)));
            page.line(format!(
                "Recovery took {}{}.",
                elapsed(times.recovery),
                down.unwrap_or_default()
            ));
        }
        self.old_data(page);
        page.hint("Next: look at it with etcdha status; then save a snapshot of it");
        page.hint(format!("Receipt: {receipt}"));
    }
}

impl ClusterRestoreReport<'_> {
    /// Where old data lies, and how it goes.
    fn old_data(&self, page: &mut Page) {
        if self.old.is_empty() {
            return;
        }
        page.line("Old data is kept until you remove it:");
        for (node, path) in &self.old {
            page.line(format!("  on {node}: rm -r {}", clean(path)));
        }
    }
}
