//! Carries a save out: fetch, verify, compare with the members, and only then give it its name.

use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::cluster::ClusterAccess;
use crate::datadir::bolt::Image;
use crate::model::SnapshotPlace;
use crate::model::hex;
use crate::s3::{S3Access, S3Error};
use crate::snapshot::verify::{KnownImage, Severity, Verification, VerifyOptions, verify};
use crate::snapshot::{
    HashKv, Received, RecordedCluster, RecordedFile, RecordedHash, RecordedMember, SnapshotError,
    SnapshotRecord, StorageVersion, current_revision, hash_kv_compacted_at,
};
use crate::sys::files::FileError;
use crate::sys::staged::Spool;

use super::choose::Candidate;
use super::fetch::{FetchError, Transfer, fetch};
use super::prove::{self, Proof};
use super::store::{self, Stored};
use super::target::SavePlan;

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
    /// It is compressed or encrypted; [`SaveEvents::transferred`] follows.
    fn packing(&self);
    /// It is put into a place; for a store, [`SaveEvents::transferred`] follows.
    fn storing(&self, place: &SnapshotPlace);
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
    pub place: SnapshotPlace,
    /// Where copies are.
    pub copies: Vec<SnapshotPlace>,
    /// Where there should be a copy and is none, and why.
    pub missing: Vec<(SnapshotPlace, String)>,
    /// The record.
    pub record: SnapshotRecord,
    /// How long the bytes took to come.
    pub transfer: Duration,
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
    /// The store failed.
    #[error(transparent)]
    Store(#[from] S3Error),
}

/// Saves a snapshot from the first member that gives a good one.
///
/// # Errors
/// [`SaveError`]; no file is left then. That a copy failed is no error, but told.
pub async fn save(
    plan: &SavePlan,
    access: &ClusterAccess,
    store: Option<&S3Access>,
    now: Timestamp,
    events: &dyn SaveEvents,
) -> Result<Saved, SaveError> {
    let mut failed = Vec::new();
    for candidate in &plan.candidates {
        events.asking(candidate);
        let why = match attempt(plan, candidate, access, events).await {
            Ok(good) => return keep(plan, candidate, good, failed, now, store, events).await,
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
    spool: Spool,
    transfer: Duration,
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
    let since = Instant::now();
    let fetched = fetch(candidate, access, &plan.spool, &progress).await;
    let transfer = since.elapsed();
    let (spool, received) = fetched.map_err(|error| match error {
        FetchError::File(error) => AttemptError::File(error),
        other => AttemptError::Member(other.to_string()),
    })?;
    events.verifying();
    // The members compute while the file is read back.
    let handle = spool.handle().map_err(AttemptError::File)?;
    let revision = last_revision(&handle);
    let asking = async {
        match revision {
            Some(revision) => prove::ask(&plan.view, access, revision).await,
            None => Vec::new(),
        }
    };
    let (answers, verification) =
        tokio::join!(asking, read_back(&spool, plan.spool.path(), &received));
    let verification = verification?;
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
    let proof = on_a_thread(move || {
        let as_if = |compacted| rehash(&handle, hash.revision, compacted).ok();
        prove::compare(&hash, answers, as_if)
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
        spool,
        transfer,
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

/// Makes the file durable, and beside that verifies what can be read back. The file stays with the caller: ended
/// by a signal, it goes at once, however long the thread still reads.
async fn read_back(
    spool: &Spool,
    path: &Path,
    received: &Received,
) -> Result<Verification, AttemptError> {
    let path = path.to_owned();
    let options = VerifyOptions {
        known: Some(KnownImage {
            checksum: received.checksum,
            sha256: received.digest,
        }),
        ..VerifyOptions::default()
    };
    let file = spool.handle().map_err(AttemptError::File)?;
    // What has no name will not stay.
    let stays = matches!(spool, Spool::Named(_));
    on_a_thread(move || {
        let (synced, verified) = thread::scope(|scope| {
            let syncing = scope.spawn(|| if stays { file.sync_all() } else { Ok(()) });
            let verified = verify(&file, options);
            let synced = syncing.join();
            (
                synced.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                verified,
            )
        });
        synced.map_err(|source| {
            AttemptError::File(FileError {
                doing: "sync",
                path: path.clone(),
                source,
            })
        })?;
        verified.map_err(|error| match error.is_io() {
            true => AttemptError::File(FileError {
                doing: "read back",
                path,
                source: std::io::Error::other(error),
            }),
            false => AttemptError::Member(error.to_string()),
        })
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

pub(super) async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(ended) => std::panic::resume_unwind(ended.into_panic()),
    }
}

/// Packs the snapshot, and puts it with its record into every place.
async fn keep(
    plan: &SavePlan,
    candidate: &Candidate,
    good: Good,
    failed: Vec<Failed>,
    now: Timestamp,
    access: Option<&S3Access>,
    events: &dyn SaveEvents,
) -> Result<Saved, SaveError> {
    let mut record = record(plan, candidate, &good, now);
    let Stored {
        spool,
        bytes,
        sha256,
    } = store::packed(plan, good.spool, &good.received, events).await?;
    let recipients = plan.packing.recipients.iter();
    record.stored = Some(RecordedFile {
        compression: plan.packing.compression.map(|it| it.to_string()),
        recipients: recipients.map(ToString::to_string).collect(),
        size_bytes: bytes,
        sha256: hex(&sha256),
    });
    let putting = store::Putting {
        access,
        record: &record,
        sha256,
        events,
    };
    let file = spool.handle()?;
    putting.first(spool, &plan.place).await?;
    let (mut copies, mut missing) = (Vec::new(), Vec::new());
    for place in &plan.copies {
        match putting.copy(&file, place).await {
            Ok(()) => copies.push(place.clone()),
            Err(error) => missing.push((place.clone(), store::chain(&error))),
        }
    }
    Ok(Saved {
        place: plan.place.clone(),
        copies,
        missing,
        record,
        transfer: good.transfer,
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
        sha256: hex(&good.received.digest),
        stored: None,
        hash_kv: RecordedHash {
            revision: good.hash.revision,
            compact_revision: good.hash.compact_revision,
            hash: good.hash.hash,
        },
        equal_to: good.proof.equal.clone(),
    }
}
