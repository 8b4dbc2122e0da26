//! Carries a save out: fetch, verify, compare with the members, and only then give it its name.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread;

use jiff::Timestamp;

use crate::cluster::ClusterAccess;
use crate::datadir::bolt::Image;
use crate::snapshot::verify::{Severity, Verification, VerifyOptions, verify};
use crate::snapshot::{
    HashKv, Received, RecordedCluster, RecordedHash, RecordedMember, SnapshotError, SnapshotRecord,
    StorageVersion, current_revision, hash_kv_compacted_at, record_path,
};
use crate::sys::files::{self, FileError};
use crate::sys::staged::StagedFile;

use super::choose::Candidate;
use super::fetch::{FetchError, Transfer, fetch};
use super::prove::{self, Proof};
use super::target::SavePlan;

/// Permission bits of a record: it names members and addresses.
const RECORD_MODE: u32 = 0o600;

/// Hears how far a save is.
pub trait SaveEvents: Send + Sync {
    /// A member is asked.
    fn asking(&self, candidate: &Candidate);
    /// Bytes came.
    fn transferred(&self, transfer: Transfer);
    /// The member failed; the next one is asked.
    fn failed(&self, failed: &Failed);
    /// The file is read back.
    fn verifying(&self);
    /// The members are asked for their hashes.
    fn comparing(&self);
}

/// A member that did not give a good snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Its name.
    pub member: String,
    /// What went wrong.
    pub why: String,
}

/// A snapshot that was saved.
#[derive(Clone, Debug)]
pub struct Saved {
    /// Where it is.
    pub path: PathBuf,
    /// Where its record is.
    pub record_path: PathBuf,
    /// The record.
    pub record: SnapshotRecord,
    /// What the comparison with the members gave.
    pub proof: Proof,
    /// Members that failed before one did not.
    pub failed: Vec<Failed>,
}

/// Why nothing was saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Every member that could be asked failed.
    #[error("no member gave a good snapshot")]
    AllFailed(Vec<Failed>),
    /// The disk here failed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Saves a snapshot from the first member that gives a good one.
///
/// # Errors
/// [`SaveError`]; no file is left then.
pub async fn save(
    plan: &SavePlan,
    access: &ClusterAccess,
    now: Timestamp,
    events: &dyn SaveEvents,
) -> Result<Saved, SaveError> {
    let mut failed = Vec::new();
    for candidate in &plan.candidates {
        events.asking(candidate);
        let why = match attempt(plan, candidate, access, events).await {
            Ok(good) => return name(plan, candidate, good, failed, now),
            Err(AttemptError::File(error)) => return Err(error.into()),
            Err(AttemptError::Member(why)) => why,
        };
        let member = candidate.name.clone();
        let this = Failed { member, why };
        events.failed(&this);
        failed.push(this);
    }
    Err(SaveError::AllFailed(failed))
}

/// A whole snapshot that has no name yet.
struct Good {
    staged: StagedFile,
    received: Received,
    version: StorageVersion,
    hash: HashKv,
    proof: Proof,
}

enum AttemptError {
    Member(String),
    File(FileError),
}

async fn attempt(
    plan: &SavePlan,
    candidate: &Candidate,
    access: &ClusterAccess,
    events: &dyn SaveEvents,
) -> Result<Good, AttemptError> {
    let progress = |transfer| events.transferred(transfer);
    let fetched = fetch(candidate, access, &plan.path, &progress).await;
    let (staged, received) = fetched.map_err(|error| match error {
        FetchError::File(error) => AttemptError::File(error),
        other => AttemptError::Member(other.to_string()),
    })?;
    events.verifying();
    // The members compute while the file is read back.
    let revision = last_revision(staged.file());
    let asking = async {
        match revision {
            Some(revision) => prove::ask(&plan.view, access, revision).await,
            None => Vec::new(),
        }
    };
    let (answers, read_back) = tokio::join!(asking, read_back(staged, &plan.path));
    let (staged, verification) = read_back?;
    let contents = verification.contents.as_ref();
    let contents = contents.filter(|_| verification.is_restorable());
    let Some((hash, version)) = contents.and_then(|it| Some((it.hash_kv?, it.marks.version())))
    else {
        return Err(AttemptError::Member(complaint(&verification)));
    };
    events.comparing();
    let answers = match revision == Some(hash.revision) {
        true => answers,
        false => prove::ask(&plan.view, access, hash.revision).await,
    };
    let (staged, proof) = on_a_thread(move || {
        let as_if = |compacted| rehash(staged.file(), hash.revision, compacted).ok();
        let proof = prove::compare(&hash, answers, as_if);
        (staged, proof)
    })
    .await;
    if proof.different.contains(&candidate.name) {
        let why = format!(
            "its HashKV at revision {} is not the one of the snapshot that it sent",
            hash.revision
        );
        return Err(AttemptError::Member(why));
    }
    Ok(Good {
        staged,
        received,
        version,
        hash,
        proof,
    })
}

fn complaint(verification: &Verification) -> String {
    let mut errors = verification.findings.iter();
    let first = errors.find(|finding| finding.severity == Severity::Error);
    let first = first.map_or("it can't be read", |finding| finding.message.as_str());
    format!("the snapshot that it sent is damaged: {first}")
}

/// Makes the file durable, and beside that verifies what can be read back.
async fn read_back(
    staged: StagedFile,
    path: &Path,
) -> Result<(StagedFile, Verification), AttemptError> {
    let path = path.to_owned();
    on_a_thread(move || {
        let (synced, verified) = thread::scope(|scope| {
            let syncing = scope.spawn(|| staged.sync());
            let verified = verify(staged.file(), VerifyOptions::default());
            let synced = syncing.join();
            (
                synced.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                verified,
            )
        });
        synced.map_err(AttemptError::File)?;
        match verified {
            Ok(verification) => Ok((staged, verification)),
            Err(error) if error.is_io() => Err(AttemptError::File(FileError {
                doing: "read back",
                path,
                source: std::io::Error::other(error),
            })),
            Err(error) => Err(AttemptError::Member(error.to_string())),
        }
    })
    .await
}

/// The revision that the file is of, found without reading it whole; none where it can't be read, which is for
/// [`read_back`] to tell.
fn last_revision(file: &File) -> Option<i64> {
    current_revision(&Image::open(file).ok()?).ok()
}

fn rehash(file: &File, revision: i64, compacted: i64) -> Result<u32, SnapshotError> {
    let image = Image::open(file)?;
    hash_kv_compacted_at(&image, revision, compacted).map(|hash| hash.hash)
}

async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(ended) => std::panic::resume_unwind(ended.into_panic()),
    }
}

/// Gives the snapshot its name, and writes its record beside it.
fn name(
    plan: &SavePlan,
    candidate: &Candidate,
    good: Good,
    failed: Vec<Failed>,
    now: Timestamp,
) -> Result<Saved, SaveError> {
    let record = record(plan, candidate, &good, now);
    good.staged.commit_new()?;
    let record_path = record_path(&plan.path);
    let text = record.to_json().map_err(|error| FileError {
        doing: "write",
        path: record_path.clone(),
        source: error.into(),
    })?;
    files::write_atomic(&record_path, &text, RECORD_MODE)?;
    Ok(Saved {
        path: plan.path.clone(),
        record_path,
        record,
        proof: good.proof,
        failed,
    })
}

fn record(plan: &SavePlan, candidate: &Candidate, good: &Good, now: Timestamp) -> SnapshotRecord {
    let (api_version, kind) = SnapshotRecord::identity();
    let members = plan.view.members.iter().map(|member| RecordedMember {
        name: member.info.name.clone(),
        id: member.info.id.to_string(),
        peer_urls: member
            .info
            .peer_urls
            .iter()
            .map(ToString::to_string)
            .collect(),
    });
    let asked = plan.view.members.iter();
    let mut asked = asked.filter(|member| member.info.id == candidate.id);
    let status = asked.next().and_then(|member| member.status.as_ref().ok());
    SnapshotRecord {
        api_version,
        kind,
        taken_at: now,
        cluster: RecordedCluster {
            name: plan.cluster_name.clone(),
            id: plan.view.cluster_id.to_string(),
            members: members.collect(),
        },
        member: candidate.name.clone(),
        etcd_version: status
            .map(|status| status.version.clone())
            .unwrap_or_default(),
        storage_version: good.version.to_string(),
        revision: good.hash.current_revision,
        size_bytes: good.received.image_bytes + good.received.digest.len() as u64,
        sha256: good
            .received
            .digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        hash_kv: RecordedHash {
            revision: good.hash.revision,
            compact_revision: good.hash.compact_revision,
            hash: good.hash.hash,
        },
        equal_to: good.proof.equal.clone(),
    }
}
