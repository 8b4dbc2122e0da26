//! Old data makes room for new: both only change their names, so nothing is copied and nothing is lost.
//!
//! Invariant: under the data directory's own name `member` is either the old data, whole, or the new,
//! whole, or not there. Nothing is renamed over anything.

use std::path::{Path, PathBuf};

use crate::node::LocalNode;
use crate::plan::cluster_restore::{DataSwap, SwapPlaces};
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;
use crate::sys::files::{self, FileError};
use crate::sys::staged_dir::rename_new;

use super::stage::discard;
use super::{demand_no_mark, stopped};

/// The one entry of a data directory that is etcd's.
const MEMBER: &str = "member";

/// The places as seen from here.
struct Local {
    place: PathBuf,
    new: PathBuf,
    before: PathBuf,
}

impl Local {
    fn of(node: &LocalNode, places: &SwapPlaces) -> Self {
        Self {
            place: node.local(&places.place),
            new: node.local(&places.new),
            before: node.local(&places.before),
        }
    }
}

/// True where the new data is in place, whether or not its server has run since.
pub(super) fn holds_new(node: &LocalNode, swap: &DataSwap) -> Result<bool, FileError> {
    let data = Local::of(node, &swap.data_dir);
    let is_moved = data.place.join(MEMBER).is_dir() && !data.new.join(MEMBER).exists();
    Ok(is_moved && has_new_log(node, swap)?)
}

fn has_new_log(node: &LocalNode, swap: &DataSwap) -> Result<bool, FileError> {
    let log = match &swap.wal_dir {
        Some(wal) => wal.place.clone(),
        None => swap.data_dir.place.join("member/wal"),
    };
    Ok(node.log_identity(&log)? == Some((swap.member_id, swap.cluster_id)))
}

/// Moves the old data aside and the new data into its place.
pub(in crate::plan) async fn swap(
    world: &World,
    on: &str,
    swap: &DataSwap,
) -> Result<Outcome, StepError> {
    let node = world.node(on)?;
    let data = Local::of(node, &swap.data_dir);
    let wal = swap.wal_dir.as_ref().map(|wal| Local::of(node, wal));
    if holds_new(node, swap)? {
        files::remove_empty_dir(&data.new)?;
        return Ok(Outcome::Unchanged);
    }
    // The wait before has seen it end for good; this is for a run that took it over.
    if stopped::member_runs(node, swap).await?.is_some() {
        stopped::demand(node, swap).await?;
    }
    if !data.new.join(MEMBER).is_dir() {
        return Err(StepError::Moved {
            what: data.new.display().to_string(),
            expected: "the data that was made before".into(),
            found: "none".into(),
        });
    }
    move_all(&data.place, &data.before, |name| name == MEMBER)?;
    if let Some(wal) = &wal {
        if !has_new_log(node, swap)? {
            move_all(&wal.place, &wal.before, is_of_a_log)?;
        }
        settle(&wal.place, swap)?;
        // The log goes first: data without its log would start as a new member.
        move_all(&wal.new, &wal.place, is_of_a_log)?;
        files::remove_empty_dir(&wal.new)?;
    }
    settle(&data.place, swap)?;
    move_all(&data.new, &data.place, |name| name == MEMBER)?;
    files::remove_empty_dir(&data.new)?;
    Ok(Outcome::Plain)
}

/// What a directory for the log holds besides what is the file system's own.
fn is_of_a_log(name: &str) -> bool {
    name != "lost+found" && !name.starts_with(".etcdha")
}

/// The directory with the owner and the mode that etcd wants.
fn settle(place: &Path, swap: &DataSwap) -> Result<(), FileError> {
    files::ensure_dir(place, 0o700)?;
    if let Some(owner) = swap.owner {
        files::give(place, Some(owner.uid), Some(owner.gid))?;
    }
    files::change_mode(place, 0o700)
}

/// Moves entries of a directory to another one, which is made where there is something to move.
fn move_all(from: &Path, to: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<(), FileError> {
    let mut names = files::list(from)?;
    names.retain(|name| is_wanted(name));
    if names.is_empty() {
        return Ok(());
    }
    files::ensure_dir(to, 0o700)?;
    for name in names {
        rename_new(&from.join(&name), &to.join(&name))?;
    }
    files::sync_dir(to)?;
    files::sync_dir(from)
}

/// Puts the old data back. The new data is removed: it can be made again from the snapshot, and no
/// client has written to it.
pub(in crate::plan) async fn take_back(
    world: &World,
    on: &str,
    swap: &DataSwap,
) -> Result<(), StepError> {
    demand_no_mark(world, swap.cluster_id)?;
    let node = world.node(on)?;
    let data = Local::of(node, &swap.data_dir);
    let wal = swap.wal_dir.as_ref().map(|wal| Local::of(node, wal));
    let is_swapped = holds_new(node, swap)?;
    if !is_swapped && !data.before.join(MEMBER).exists() {
        // It was never begun, or the old data was none.
        put_log_back(node, swap, wal.as_ref())?;
        return Ok(());
    }
    stopped::demand(node, swap).await?;
    if is_swapped {
        // Out of its place in one step; what is removed afterwards is nobody's.
        move_all(&data.place, &data.new, |name| name == MEMBER)?;
    }
    put_log_back(node, swap, wal.as_ref())?;
    move_all(&data.before, &data.place, |name| name == MEMBER)?;
    files::remove_empty_dir(&data.before)?;
    if is_swapped {
        discard(node, swap)?;
    }
    if swap.is_new {
        files::remove_empty_dir(&data.place)?;
    }
    Ok(())
}

fn put_log_back(node: &LocalNode, swap: &DataSwap, wal: Option<&Local>) -> Result<(), StepError> {
    let Some(wal) = wal else { return Ok(()) };
    if has_new_log(node, swap)? {
        move_all(&wal.place, &wal.new, is_of_a_log)?;
    }
    move_all(&wal.before, &wal.place, is_of_a_log)?;
    Ok(files::remove_empty_dir(&wal.before)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ClusterId, MemberId};

    const HEAD: &[u8] = include_bytes!("../../../../tests/data/restores/restore-3.5.wal.head");
    const SEGMENT: &str = "0000000000000000-0000000000000000.wal";

    /// A host with old data and, beside it, new data; the log has a directory of its own or not.
    struct Bench {
        _root: tempfile::TempDir,
        world: World,
        swap: DataSwap,
        has_wal: bool,
    }

    fn places(place: &str) -> SwapPlaces {
        SwapPlaces {
            place: place.into(),
            new: format!("{place}.new").into(),
            before: format!("{place}.before").into(),
        }
    }

    impl Bench {
        fn new(has_wal: bool) -> Self {
            let root = tempfile::tempdir().unwrap();
            let node = LocalNode {
                name: "m1".parse().unwrap(),
                root: root.path().to_owned(),
            };
            let bench = Self {
                world: World {
                    nodes: vec![node],
                    backup_dir: "/state".into(),
                    ..World::default()
                },
                swap: DataSwap {
                    member_id: MemberId(0xbdd9_228d_0ad6_358c),
                    cluster_id: ClusterId(0x2619_acb4_877e_7ec8),
                    data_dir: places("/data"),
                    wal_dir: has_wal.then(|| places("/log")),
                    owner: None,
                    is_new: false,
                    // Nothing listens there.
                    peer_url: "http://127.0.0.1:1".parse().unwrap(),
                    is_service: false,
                },
                _root: root,
                has_wal,
            };
            bench.write("/data/member/snap/db", b"old");
            bench.write("/data/lost+found/x", b"");
            bench.write("/data.new/member/snap/db", b"new");
            let (old, new) = match has_wal {
                true => ("/log", "/log.new"),
                false => ("/data/member/wal", "/data.new/member/wal"),
            };
            bench.write(&format!("{old}/old.wal"), b"old");
            bench.write(&format!("{new}/{SEGMENT}"), HEAD);
            bench
        }

        fn node(&self) -> &LocalNode {
            &self.world.nodes[0]
        }

        fn write(&self, path: &str, bytes: &[u8]) {
            let local = self.node().local(Path::new(path));
            files::ensure_dir(local.parent().unwrap(), 0o755).unwrap();
            files::write_atomic(&local, bytes, 0o600).unwrap();
        }

        fn read(&self, path: &str) -> String {
            let found = self.node().read(Path::new(path)).unwrap();
            found.map_or("none".into(), |bytes| String::from_utf8(bytes).unwrap())
        }

        fn has(&self, path: &str) -> bool {
            self.node().local(Path::new(path)).exists()
        }

        fn swap(&self) -> Outcome {
            runtime()
                .block_on(swap(&self.world, "m1", &self.swap))
                .unwrap()
        }

        fn is_swapped(&self) {
            assert!(holds_new(self.node(), &self.swap).unwrap());
            assert_eq!(self.read("/data/member/snap/db"), "new");
            assert_eq!(self.read("/data.before/member/snap/db"), "old");
            assert!(!self.has("/data.new") && !self.has("/log.new"));
            assert!(self.has("/data/lost+found/x"));
            if self.has_wal {
                assert_eq!(self.read("/log.before/old.wal"), "old");
                assert!(self.has(&format!("/log/{SEGMENT}")));
            }
        }

        fn take_back(&self) {
            let taken = take_back(&self.world, "m1", &self.swap);
            runtime().block_on(taken).unwrap();
            assert_eq!(self.read("/data/member/snap/db"), "old");
            assert!(!self.has("/data.before") && !self.has("/log.before"));
            let log = if self.has_wal {
                "/log"
            } else {
                "/data/member/wal"
            };
            assert_eq!(self.read(&format!("{log}/old.wal")), "old");
            assert!(!self.has(&format!("{log}/{SEGMENT}")));
        }
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    }

    #[test]
    fn old_and_new_data_change_places_and_back() {
        for has_wal in [false, true] {
            let bench = Bench::new(has_wal);
            assert_eq!(bench.swap(), Outcome::Plain);
            bench.is_swapped();
            assert_eq!(bench.swap(), Outcome::Unchanged);
            bench.is_swapped();
            bench.take_back();
            bench.take_back();
        }
    }

    #[test]
    fn wherever_a_run_is_killed_the_next_goes_on_or_back() {
        // Each kill leaves one move more done.
        let moves = [
            ("/data/member", "/data.before/member"),
            ("/log/old.wal", "/log.before/old.wal"),
            ("/log.new/SEGMENT", "/log/SEGMENT"),
        ];
        for done in 0..=moves.len() {
            for goes_on in [true, false] {
                let bench = Bench::new(true);
                for (from, to) in &moves[..done] {
                    let local = |path: &str| {
                        let path = path.replace("SEGMENT", SEGMENT);
                        bench.node().local(Path::new(&path))
                    };
                    files::ensure_dir(local(to).parent().unwrap(), 0o700).unwrap();
                    files::rename(&local(from), &local(to)).unwrap();
                }
                if goes_on {
                    bench.swap();
                    bench.is_swapped();
                }
                bench.take_back();
            }
        }
    }

    #[test]
    fn what_was_proven_is_never_taken_back() {
        let bench = Bench::new(false);
        bench.swap();
        let mark = crate::plan::cluster_restore::RestoreMark {
            cluster_id: bench.swap.cluster_id,
            snapshot_sha256: String::new(),
            first_revision: 1,
            hash_kv: 1,
            proven_at: jiff::Timestamp::UNIX_EPOCH,
            old_data: "/data.before".into(),
        };
        bench.write("/state/restored.json", &serde_json::to_vec(&mark).unwrap());
        let taken = take_back(&bench.world, "m1", &bench.swap);
        let error = runtime().block_on(taken).unwrap_err();
        assert!(
            error.to_string().contains("clients write to it since"),
            "{error}"
        );
        bench.is_swapped();
    }
}
