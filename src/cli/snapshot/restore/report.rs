//! What was restored, for a person and for a program.

use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::output::json::v1;
use crate::cli::output::{Page, Report, Table, bytes, clean};
use crate::ops::snapshot_restore::{Observed, RestoreRequest, ids};
use crate::plan::{Applied, Outcome, RestoreDataDir};

/// A restored member.
pub(super) struct RestoreReport {
    document: v1::SnapshotRestore,
    local_dir: String,
    is_alone: bool,
}

impl RestoreReport {
    pub(super) fn new(
        order: &RestoreDataDir,
        observed: &Observed,
        request: &RestoreRequest,
    ) -> Result<Self, CliError> {
        let ids = ids(order)?;
        let snapshot = observed.snapshot.as_ref().ok();
        let survey = snapshot.map(|snapshot| &snapshot.survey);
        let alarms = survey.iter().flat_map(|survey| &survey.alarms);
        let local_dir = request.node.local(&order.data_dir.path);
        let document = v1::SnapshotRestore {
            result: "restored",
            snapshot: order.snapshot.display().to_string(),
            sha256: snapshot.map(|snapshot| snapshot.sha256.clone()),
            hash: order.content,
            member: order.member.clone(),
            member_id: ids.member.to_string(),
            cluster_id: ids.cluster.to_string(),
            cluster_token: order.token.clone(),
            data_dir: order.data_dir.path.display().to_string(),
            wal_dir: order
                .wal_dir
                .as_ref()
                .map(|wal| wal.path.display().to_string()),
            snapshot_revision: survey.map_or(0, |survey| survey.revision),
            revision: order
                .first_revision
                .unwrap_or(survey.map_or(0, |survey| survey.revision)),
            hash_kv: None,
            dropped_members: survey
                .map(|survey| survey.members.clone())
                .unwrap_or_default(),
            dropped_alarms: alarms
                .map(|alarm| format!("{} {:x}", alarm.kind(), alarm.member_id))
                .collect(),
            size_bytes: survey.map_or(0, |survey| survey.used_bytes),
        };
        Ok(Self {
            document,
            local_dir: local_dir.display().to_string(),
            is_alone: order.members.len() == 1,
        })
    }

    /// The same for a directory that was restored before.
    pub(super) fn unchanged(mut self) -> Self {
        self.document.result = "unchanged";
        self
    }

    /// With what was found out while it was made.
    pub(super) fn made(mut self, applied: &Applied) -> Self {
        if let Some(&Outcome::Restored { hash_kv, .. }) = applied.outcomes.first() {
            self.document.hash_kv = Some(hash_kv);
        }
        self
    }

    /// What keeps two restores of one directory apart.
    pub(super) fn lock_name(&self) -> String {
        format!("restore-{:08x}", crc32c::crc32c(self.local_dir.as_bytes()))
    }
}

impl Report for RestoreReport {
    const KIND: &'static str = "SnapshotRestore";

    fn document(&self) -> impl Serialize {
        &self.document
    }

    fn page(&self, page: &mut Page) {
        let found = &self.document;
        let mut table = Table::new(["MEMBER", "ID", "CLUSTER", "REVISION", "SIZE", "DIRECTORY"]);
        table.row([
            found.member.clone(),
            found.member_id.clone(),
            found.cluster_id.clone(),
            found.revision.to_string(),
            bytes(found.size_bytes),
            found.data_dir.clone(),
        ]);
        page.table(&table);
        page.blank();
        let word = match found.result {
            "unchanged" => "Restored before, and not used since",
            _ => "Restored and read back",
        };
        let proof = found.hash_kv.map(|hash| format!(" (HashKV {hash})"));
        let proof = proof.unwrap_or_default();
        page.line(format!("{word}: {}{proof}.", clean(&found.data_dir)));
        page.hint(match self.is_alone {
            true => "Next: start etcd on it, then the apiservers.".to_owned(),
            false => format!(
                "Next: restore the other members from the same file (token {}), then start all of \
                 them, then the apiservers.",
                clean(&found.cluster_token)
            ),
        });
    }
}
