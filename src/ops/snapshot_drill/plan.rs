//! Whether and how a snapshot is drilled. Pure: facts in, plan or refusal out.

use std::path::PathBuf;
use std::time::Duration;

use crate::datadir::wal::SEGMENT_BYTES;
use crate::model::{EtcdVersion, bytes as size};
use crate::ops::Refusal;
use crate::ops::snapshot_restore::{self, ObservedSnapshot};
use crate::ops::snapshot_source::Source;
use crate::ops::snapshot_store::{State, Stored};
use crate::plan::RestoreDataDir;
use crate::snapshot::restore::Survey;

use super::observe::Observed;
use super::{DrillRequest, EtcdProgram, SpotKey};

/// What etcd may write of its own: pages while it finishes a compaction, the freelist, its log of this run.
const SLACK: u64 = 32 << 20;

/// Segments of the log: the one that was restored, and the one that etcd prepares at its start.
const SEGMENTS: u64 = 2;

/// What will be done.
#[derive(Clone, Debug)]
pub struct DrillPlan {
    /// The snapshot, where it lies.
    pub stored: Stored,
    /// Its plain file.
    pub source: Source,
    /// SHA-256 of its image, in hex.
    pub sha256: String,
    /// What it holds.
    pub survey: Survey,
    /// How long it was read.
    pub read_time: Duration,
    /// The restore; its directory is made by the run.
    pub order: RestoreDataDir,
    /// The etcd.
    pub program: EtcdProgram,
    /// Where the scratch directory is made.
    pub scratch: PathBuf,
    /// Bytes that it will take at most.
    pub needed_bytes: u64,
    /// Bytes that are free there.
    pub free_bytes: u64,
    /// Keys to look at.
    pub spot_keys: Vec<SpotKey>,
    /// Longest time for all of it.
    pub deadline: Duration,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// Plans the drill, or refuses.
///
/// # Errors
/// A [`Refusal`]: of a restore, of a release that does not fit, of too little room.
pub fn plan(
    request: &DrillRequest,
    stored: Stored,
    source: Source,
    program: EtcdProgram,
    observed: Observed,
) -> Result<DrillPlan, Refusal> {
    let order = snapshot_restore::order(&observed.request, &observed.restore).map_err(advise)?;
    // What the order could be made of is there.
    let Ok(snapshot) = observed.restore.snapshot else {
        unreachable!("an order was made of it")
    };
    let warnings = warnings(&stored, &snapshot, observed.scratch.is_in_memory);
    as_it_was_saved(&stored, &snapshot)?;
    not_too_new(&stored, &snapshot, &program.version)?;
    let survey = snapshot.survey;
    let needed_bytes = survey.used_bytes + SEGMENTS * SEGMENT_BYTES + SLACK;
    if observed.scratch.free_bytes < needed_bytes {
        let what = format!(
            "{} has {} free, the drill needs {}",
            observed.scratch.path.display(),
            size(observed.scratch.free_bytes),
            size(needed_bytes)
        );
        let fix = "make room, or name another directory: --scratch DIR";
        return Err(Refusal::new("disk-space", what, fix));
    }
    Ok(DrillPlan {
        sha256: snapshot.sha256,
        survey,
        read_time: observed.read_time,
        order,
        program,
        scratch: observed.scratch.path,
        needed_bytes,
        free_bytes: observed.scratch.free_bytes,
        spot_keys: request.spot_keys.clone(),
        deadline: request.deadline,
        warnings,
        source,
        stored,
    })
}

/// A restore may be told to take a file all the same; a drill that did would prove nothing.
fn advise(refusal: Refusal) -> Refusal {
    let fix = match refusal.id {
        "snapshot-newer" => "name an etcd of the snapshot's release: --etcd PATH",
        "digest-missing" | "digest-mismatch" | "snapshot-damaged" => {
            "save another one now; etcdha snapshot verify shows all that is wrong"
        }
        _ => return refusal,
    };
    Refusal::new(refusal.id, refusal.what, fix)
}

/// A file that fits its own digest may still be another than the one that was saved under this name.
fn as_it_was_saved(stored: &Stored, snapshot: &ObservedSnapshot) -> Result<(), Refusal> {
    let Some(record) = &stored.record else {
        return Ok(());
    };
    if record.sha256.eq_ignore_ascii_case(&snapshot.sha256) {
        return Ok(());
    }
    let what = format!(
        "{} is not what was saved under this name\nits record: {}\ncontents:   {}",
        stored.place, record.sha256, snapshot.sha256
    );
    let fix = "look for the file that belongs to the record, or save another snapshot";
    Err(Refusal::new("snapshot-damaged", what, fix))
}

/// The minor release that wrote the snapshot, and how it is called.
fn written_by(stored: &Stored, survey: &Survey) -> Option<((u64, u64), String)> {
    let record = stored.record.as_ref().map(|record| &record.etcd_version);
    let texts = [
        survey.cluster_version.as_ref(),
        survey.storage_version.as_ref(),
        record,
    ];
    // The cluster's version decides what is in the file, whichever member sent it.
    texts.into_iter().flatten().find_map(|text| {
        let version: EtcdVersion = text.parse().ok()?;
        Some((version.minor(), text.clone()))
    })
}

/// etcd is upgraded one minor release at a time; that an older one is refused is the restore's business.
fn not_too_new(
    stored: &Stored,
    snapshot: &ObservedSnapshot,
    version: &EtcdVersion,
) -> Result<(), Refusal> {
    let Some(((major, minor), text)) = written_by(stored, &snapshot.survey) else {
        return Ok(());
    };
    if version.minor() <= (major, minor + 1) {
        return Ok(());
    }
    let what = format!(
        "the snapshot is of etcd {text}, and {version} would boot from it: more than one minor \
         release apart"
    );
    let fix = format!(
        "name an etcd {major}.{minor} or {major}.{}: --etcd PATH",
        minor + 1
    );
    Err(Refusal::new("etcd-too-new", what, fix))
}

fn warnings(stored: &Stored, snapshot: &ObservedSnapshot, is_in_memory: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if is_in_memory {
        warnings.push(
            "the scratch directory is in memory: a disk would take longer to recover".to_owned(),
        );
    }
    if written_by(stored, &snapshot.survey).is_none() {
        warnings.push(
            "the snapshot does not say which etcd wrote it: whether the release fits is not known"
                .to_owned(),
        );
    }
    if stored.state == State::Unproven {
        warnings.push("no member was compared with the snapshot when it was saved".to_owned());
    }
    for alarm in &snapshot.survey.alarms {
        warnings.push(format!(
            "alarm {} was raised when it was saved; a restore drops it",
            alarm.kind()
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::Arc;

    use crate::ops::node_files::operator_node;
    use crate::ops::snapshot_restore::{
        Digest, ObservedPlace, Occupancy, OwnerWish, RestoreRequest,
    };
    use crate::plan::{FoundingPeer, OwnerIds};
    use crate::snapshot::record_for_tests as record;

    use super::super::observe::ObservedScratch;
    use super::*;

    const OWNER: OwnerIds = OwnerIds { uid: 0, gid: 0 };

    fn stored() -> Stored {
        let record = record();
        Stored {
            place: PathBuf::from("/b/s.db").into(),
            size: record.size_bytes,
            taken_at: record.taken_at,
            record: Some(record),
            state: State::Proven,
        }
    }

    fn observed(version: &EtcdVersion, cluster_version: &str) -> Observed {
        let members = vec![FoundingPeer {
            name: "drill".into(),
            peer_urls: vec!["https://127.0.0.1:2380".parse().unwrap()],
        }];
        let request = RestoreRequest {
            snapshot: "/b/s.db".into(),
            opened: None,
            node: operator_node(),
            member: "drill".into(),
            members,
            token: None,
            data_dir: "/var/tmp/x/etcd".into(),
            wal_dir: None,
            bump: None,
            skip_hash_check: false,
            version: Some(version.clone()),
            allow_newer: false,
            owner: OwnerWish::AsFound,
        };
        let snapshot = ObservedSnapshot {
            survey: Survey {
                revision: 9,
                used_bytes: 1 << 20,
                cluster_version: Some(cluster_version.into()),
                ..Survey::default()
            },
            digest: Digest::Right,
            sha256: record().sha256,
        };
        let data_dir = ObservedPlace {
            path: request.data_dir.clone(),
            occupancy: Occupancy::Empty,
            found: None,
            free_bytes: 0,
            device: 1,
        };
        let restore = snapshot_restore::Observed {
            snapshot: Ok(snapshot),
            data_dir,
            wal_dir: None,
            owner: Ok(OWNER),
            self_ids: OWNER,
        };
        let scratch = ObservedScratch {
            path: "/var/tmp".into(),
            free_bytes: 1 << 30,
            is_in_memory: false,
        };
        Observed {
            restore,
            request,
            scratch,
            read_time: Duration::ZERO,
        }
    }

    fn planned(
        version: &str,
        cluster_version: &str,
        change: impl FnOnce(&mut Observed),
    ) -> Result<DrillPlan, &'static str> {
        let version: EtcdVersion = version.parse().unwrap();
        let mut observed = observed(&version, cluster_version);
        change(&mut observed);
        let request = DrillRequest {
            source: PathBuf::from("/b").into(),
            etcd: None,
            search: None,
            spot_keys: Vec::new(),
            scratch: "/var/tmp".into(),
            deadline: Duration::from_secs(1),
        };
        let path = "/usr/bin/etcd".into();
        let program = EtcdProgram { path, version };
        let source = Source {
            place: stored().place,
            // Whoever plans does not read.
            file: Arc::new(File::open("/dev/null").unwrap()),
            layers: Vec::new(),
        };
        plan(&request, stored(), source, program, observed).map_err(|refusal| refusal.id)
    }

    #[test]
    fn the_same_and_the_next_minor_release_boot_a_snapshot() {
        for (etcd, cluster, expected) in [
            ("3.5.16", "3.5.0", None),
            ("3.5.16", "3.4.0", None),
            ("3.4.34", "3.5.0", Some("snapshot-newer")),
            ("3.6.1", "3.4.0", Some("etcd-too-new")),
        ] {
            let found = planned(etcd, cluster, |_| ()).err();
            assert_eq!(found, expected, "{etcd} from {cluster}");
        }
    }

    #[test]
    fn room_is_wanted_for_the_data_and_two_segments() {
        let needed = planned("3.5.16", "3.5.0", |_| ()).unwrap().needed_bytes;
        assert_eq!(needed, (1 << 20) + 2 * 64_000_000 + (32 << 20));
        let small = |observed: &mut Observed| observed.scratch.free_bytes = needed - 1;
        assert_eq!(planned("3.5.16", "3.5.0", small).err(), Some("disk-space"));
    }

    #[test]
    fn another_file_than_the_one_of_the_record_is_refused() {
        let other = |observed: &mut Observed| {
            if let Ok(snapshot) = &mut observed.restore.snapshot {
                snapshot.sha256 = "11".repeat(32);
            }
        };
        assert_eq!(
            planned("3.5.16", "3.5.0", other).err(),
            Some("snapshot-damaged")
        );
    }

    #[test]
    fn memory_is_warned_of() {
        let memory = |observed: &mut Observed| observed.scratch.is_in_memory = true;
        let plan = planned("3.5.16", "3.5.0", memory).unwrap();
        assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
    }
}
