//! The outside world as a plan sees it: nodes, etcd, the CA. Sends each action to the file that
//! carries it out.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::ClusterAccess;
use crate::node::LocalNode;
use crate::pki::CertificateAuthority;
use crate::s3::S3Access;
use crate::sys::files::FileError;

use super::action::Action;
use super::apply::{
    apiserver, certs, cluster_restore, crl, files, membership, requests, restore, service,
    snapshots, wait, write_through,
};
use super::engine::{Performer, Progress};
use super::restore::RestoreDataDir;
use super::step::{Outcome, Step, StepError};

/// Everything that applying a plan needs.
#[derive(Debug, Default)]
pub struct World {
    /// The nodes that steps name.
    pub nodes: Vec<LocalNode>,
    /// How to reach etcd.
    pub access: Option<ClusterAccess>,
    /// How to reach the store of snapshots.
    pub store: Option<S3Access>,
    /// The CA that signs, once loaded or made.
    pub authority: Option<CertificateAuthority>,
    /// Where replaced files are kept, on the node they came from, outside any manifest directory.
    pub backup_dir: PathBuf,
    /// The plain file of the snapshot that is restored, where it is another than the one of its name.
    pub snapshot: Option<Arc<File>>,
    /// True after a restore of this run has failed.
    pub restore_left_nothing: bool,
}

impl World {
    pub(super) fn node(&self, name: &str) -> Result<&LocalNode, StepError> {
        let found = self.nodes.iter().find(|node| node.name.as_str() == name);
        found.ok_or_else(|| StepError::Missing(format!("node {name} is not known to this run")))
    }

    pub(super) fn access(&self) -> Result<&ClusterAccess, StepError> {
        let missing = || StepError::Missing("this run has no access to etcd".into());
        self.access.as_ref().ok_or_else(missing)
    }

    pub(super) fn store(&self) -> Result<&S3Access, StepError> {
        let missing = || StepError::Missing("this run has no access to a store".into());
        self.store.as_ref().ok_or_else(missing)
    }
}

impl World {
    /// True where this very restore has been done before and no etcd has used the directory since.
    ///
    /// # Errors
    /// Files that can't be read.
    pub fn is_restored(&self, on: &str, order: &RestoreDataDir) -> Result<bool, StepError> {
        restore::is_restored(self, on, order)
    }

    /// True where all that is in the log's own directory is what a killed restore has put there on its
    /// way to `data_dir`: the next one takes that back before it begins. Paths are local ones.
    ///
    /// # Errors
    /// Files that can't be read.
    pub fn is_unfinished_log(data_dir: &Path, wal_dir: &Path) -> Result<bool, FileError> {
        restore::is_unfinished_log(data_dir, wal_dir)
    }

    /// Removes what killed runs have left on their way to the directory.
    ///
    /// # Errors
    /// Files that can't be removed.
    pub fn tidy_restore(&self, on: &str, order: &RestoreDataDir) -> Result<(), StepError> {
        restore::tidy(self, on, order)
    }
}

impl Performer for World {
    async fn perform(
        &mut self,
        step: &Step,
        progress: &dyn Fn(Progress),
    ) -> Result<Outcome, StepError> {
        match &step.action {
            Action::MakeCa(ca) => certs::make_ca(self, &step.on, ca),
            Action::MakeLeaves { leaves } => certs::make_leaves(self, leaves),
            Action::InstallCa { targets } => certs::install_ca(self, targets),
            Action::MakeRequests { requests } => requests::make(self, requests),
            Action::SignRequest(request) => requests::sign(self, &step.on, request),
            Action::WriteCrl(list) => crl::write(self, &step.on, list),
            Action::CopyCrl { from, path } => crl::copy(self, &step.on, from, path),
            Action::WriteFile(file) => files::write(self, &step.on, file),
            Action::PrepareDataDir { path, member } => {
                files::prepare_data_dir(self, &step.on, path, member).await
            }
            Action::RestoreDataDir(order) => {
                let made = restore::restore(self, &step.on, order, progress).await;
                self.restore_left_nothing = made.is_err();
                made
            }
            Action::StageData(order) => {
                cluster_restore::stage(self, &step.on, order, progress).await
            }
            Action::StopPod(pod) => cluster_restore::stop(self, &step.on, pod),
            Action::StopService { commands } => Ok(service::ask(&step.on, commands)),
            Action::WaitStopped(wait) => cluster_restore::wait_stopped(self, wait, progress).await,
            Action::SwapData(swap) => cluster_restore::swap(self, &step.on, swap).await,
            Action::StartPod(pod) => cluster_restore::start(self, &step.on, pod),
            Action::WaitRestored(new) => cluster_restore::serving(self, new, progress).await,
            Action::ProveRestored(cluster) => cluster_restore::proven(self, cluster).await,
            Action::GiveFiles(files) => service::give(self, &step.on, files),
            Action::StartService { commands } => Ok(service::ask(&step.on, commands)),
            Action::WaitTried {
                path,
                deadline_seconds,
            } => service::tried(self, &step.on, path, *deadline_seconds, progress).await,
            Action::AddLearner { member, .. } => {
                membership::add_learner(self.access()?, member).await
            }
            Action::WaitStarted {
                member,
                deadline_seconds,
            } => wait::started(self.access()?, member, *deadline_seconds, progress).await,
            Action::WaitCaughtUp {
                member,
                max_lag,
                deadline_seconds,
                settle_seconds,
            } => {
                let wait = wait::CatchUp {
                    max_lag: *max_lag,
                    deadline: Duration::from_secs(*deadline_seconds),
                    settle: Duration::from_secs(*settle_seconds),
                };
                wait::caught_up(self.access()?, member, wait, progress).await
            }
            Action::Promote {
                member,
                deadline_seconds,
            } => membership::promote(self.access()?, member, *deadline_seconds).await,
            Action::VerifyMembers { voters } => membership::verify(self.access()?, *voters).await,
            Action::RemoveSnapshot(order) => snapshots::remove(self, &step.on, order).await,
            Action::RemoveUpload(order) => snapshots::remove_upload(self, order).await,
            Action::RepointApiserver(repoint) => apiserver::repoint(self, &step.on, repoint).await,
            Action::WaitApiserver {
                target,
                etcd,
                file,
                deadline_seconds,
            } => {
                let etcd = Some(etcd);
                let wait = apiserver::Wait { target, etcd, file };
                wait.run(self, *deadline_seconds, progress).await
            }
            Action::ProveWriteThrough {
                target,
                others,
                etcd,
                ..
            } => write_through::prove(self, target, others, etcd, progress).await,
        }
    }

    async fn undo(&mut self, step: &Step, outcome: &Outcome) -> Result<(), StepError> {
        match &step.action {
            Action::MakeLeaves { leaves } => {
                let places = leaves.iter().flat_map(|leaf| {
                    let on = leaf.on.as_str();
                    [
                        (on, leaf.cert_path.as_path()),
                        (on, leaf.key_path.as_path()),
                    ]
                });
                certs::remove_created(self, &places.collect::<Vec<_>>(), outcome)
            }
            Action::InstallCa { targets } => {
                let places = targets.iter().map(|ca| (ca.on.as_str(), ca.path.as_path()));
                certs::remove_created(self, &places.collect::<Vec<_>>(), outcome)
            }
            Action::WriteFile(file) => match &file.starts {
                Some(member) => files::remove_starter(self, &step.on, file, member).await,
                None => files::restore(self, &step.on, file, outcome),
            },
            Action::MakeRequests { requests } => requests::take_back(self, requests, outcome),
            Action::SignRequest(request) => {
                let place = (step.on.as_str(), request.cert_path.as_path());
                certs::remove_created(self, &[place], outcome)
            }
            Action::PrepareDataDir { path, member } => {
                files::clear_data_dir(self, &step.on, path, member, outcome).await
            }
            // It has tidied up itself: what is there by now is another run's.
            Action::RestoreDataDir(_) if self.restore_left_nothing => Ok(()),
            Action::RestoreDataDir(order) => restore::take_back(self, &step.on, order),
            Action::StageData(order) => cluster_restore::take_back_stage(self, &step.on, order),
            Action::StopPod(pod) => cluster_restore::take_back_stop(self, &step.on, pod),
            Action::SwapData(swap) => cluster_restore::take_back_swap(self, &step.on, swap).await,
            Action::StartPod(pod) => cluster_restore::take_back_start(self, &step.on, pod).await,
            // There is no way back; this tells whether there is anything to come back from.
            Action::ProveRestored(cluster) => cluster_restore::demand_unproven(self, cluster),
            Action::AddLearner { member, .. } => {
                membership::remove_learner(self.access()?, member).await
            }
            Action::RepointApiserver(repoint) => {
                apiserver::put_back(self, &step.on, repoint, outcome).await
            }
            // There is no way back; this tells whether there is anything to come back from.
            Action::Promote { member, .. } => {
                membership::demand_no_vote(self.access()?, member).await
            }
            // A CA that has signed must not be lost, nor what it has revoked.
            // Whoever may read files that are gone, or runs what a person started, does no harm.
            Action::MakeCa(_)
            | Action::GiveFiles(_)
            | Action::StartService { .. }
            | Action::StopService { .. }
            | Action::WaitStopped(_)
            | Action::WaitRestored(_)
            | Action::WaitTried { .. }
            | Action::WriteCrl(_)
            | Action::RemoveSnapshot(_)
            | Action::RemoveUpload(_)
            | Action::CopyCrl { .. }
            | Action::WaitStarted { .. }
            | Action::WaitCaughtUp { .. }
            | Action::WaitApiserver { .. }
            | Action::ProveWriteThrough { .. }
            | Action::VerifyMembers { .. } => Ok(()),
        }
    }
}
