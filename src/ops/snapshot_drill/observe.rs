//! What a drill looks at before it writes anything: the file, whole, and the scratch directory's place.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::model::PeerUrl;
use crate::ops::node_files::operator_node;
use crate::ops::snapshot_restore::{self, ObserveError, OwnerWish, RestoreRequest};
use crate::ops::snapshot_source::Source;
use crate::plan::FoundingPeer;
use crate::sys::files;
use crate::sys::{scratch_dir, space};

use super::{DrillRequest, EtcdProgram, NAME};

/// Name of the only member.
const MEMBER: &str = "drill";

/// What was found.
#[derive(Clone, Debug)]
pub struct Observed {
    /// What a restore has to know.
    pub restore: snapshot_restore::Observed,
    /// The restore that it is about.
    pub request: RestoreRequest,
    /// Where the scratch directory will be.
    pub scratch: ObservedScratch,
    /// How long the file was read.
    pub read_time: Duration,
}

/// The place of the scratch directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedScratch {
    /// The directory that will hold it.
    pub path: PathBuf,
    /// Bytes that may be written there.
    pub free_bytes: u64,
    /// True where they are kept in memory.
    pub is_in_memory: bool,
}

/// Reads the file and looks at the place. `watch` is told how many bytes of how many have been read;
/// false ends the look.
///
/// # Errors
/// Files that can't be read, a place that is no directory, being ended.
pub fn observe(
    request: &DrillRequest,
    source: &Source,
    program: &EtcdProgram,
    watch: &(dyn Fn(u64, u64) -> bool + Sync),
) -> Result<Observed, ObserveError> {
    files::demand_dir(&request.scratch)?;
    let path = std::path::absolute(&request.scratch).unwrap_or_else(|_| request.scratch.clone());
    let scratch = ObservedScratch {
        free_bytes: space::free_bytes(&path)?,
        is_in_memory: scratch_dir::is_in_memory(&path)?,
        path,
    };
    let restore_request = restore_request(&scratch, source, program);
    let since = Instant::now();
    Ok(Observed {
        restore: snapshot_restore::observe(&restore_request, watch)?,
        request: restore_request,
        scratch,
        read_time: since.elapsed(),
    })
}

/// A cluster of one, in a directory that is not there yet.
fn restore_request(
    scratch: &ObservedScratch,
    source: &Source,
    program: &EtcdProgram,
) -> RestoreRequest {
    RestoreRequest {
        snapshot: source.place.to_string().into(),
        opened: Some(source.file.clone()),
        node: operator_node(),
        member: MEMBER.to_owned(),
        members: vec![FoundingPeer {
            name: MEMBER.to_owned(),
            peer_urls: vec![peer_url()],
        }],
        token: None,
        data_dir: scratch.path.join(NAME).join("etcd"),
        wal_dir: None,
        bump: None,
        skip_hash_check: false,
        version: Some(program.version.clone()),
        allow_newer: false,
        owner: OwnerWish::AsFound,
    }
}

/// Where its peers would reach the member, if it had any. It listens on another port, which is not known
/// before it starts.
fn peer_url() -> PeerUrl {
    let url = "https://127.0.0.1:2380";
    url.parse()
        .unwrap_or_else(|_| unreachable!("{url} is a peer URL"))
}
