//! A directory that appears whole or not at all: built under a name of its own on the same file
//! system, made durable, and renamed into place.
//!
//! Where nothing stands at the target yet, it is built beside it and renamed. Where the target is a
//! directory (a mount point, one with `lost+found`, or just an empty one), it is built inside and its
//! one entry is renamed, so that the target keeps what it is.
//!
//! Invariants: what is under construction is told from everything else by its name and by a mark
//! file in it, which a living run holds locked; only such a directory is ever swept. Nothing is
//! renamed over anything that holds something.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::files::{self, FileError};

/// Part of the name of a directory under construction.
const PART: &str = ".part-";

/// Name of one that is built inside its target.
const INSIDE: &str = ".etcdha";

/// The file that marks a directory as ours.
const MARK: &str = "etcdha-restore";

/// Where inside it the contents are built.
const CONTENTS: &str = "contents";

/// Longest time from making the directory to locking its mark.
const SETTLED: Duration = Duration::from_millis(200);

/// A directory under construction. Dropping it removes it, whatever has become of the run.
#[derive(Debug)]
pub struct StagedDir {
    target: PathBuf,
    outer: PathBuf,
    mark: File,
}

/// What a dead run has left.
#[derive(Debug)]
pub struct Leftover {
    /// The directory.
    pub path: PathBuf,
    /// What the run wrote down about itself.
    pub note: Vec<u8>,
    _mark: File,
}

impl StagedDir {
    /// Begins the contents of `target`, which must not be there or be a directory.
    ///
    /// # Errors
    /// Where no directory can be made there.
    pub fn begin(target: &Path) -> Result<Self, FileError> {
        let (parent, prefix) = place(target);
        // A target that is not there may lack its parents, too.
        files::ensure_dir(&parent, 0o755)?;
        Self::begin_in(&parent, &prefix, target.to_owned())
    }

    /// As [`StagedDir::begin`], in a directory that is there, under a name that begins so.
    pub(super) fn begin_in(
        parent: &Path,
        prefix: &str,
        target: PathBuf,
    ) -> Result<Self, FileError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            |source| FileError {
                doing: "create directory",
                path,
                source,
            }
        };
        let staged = tempfile::Builder::new()
            .prefix(&format!("{prefix}{PART}"))
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .tempdir_in(parent)
            .map_err(fail(parent))?;
        // From here on it is kept or removed by this type.
        let mark_path = staged.path().join(MARK);
        let mark = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&mark_path)
            .map_err(fail(&mark_path))?;
        mark.lock().map_err(fail(&mark_path))?;
        let contents = staged.path().join(CONTENTS);
        make_dir(&contents)?;
        Ok(Self {
            target,
            outer: staged.keep(),
            mark,
        })
    }

    /// Where to build: an empty directory with mode 0700.
    pub fn contents(&self) -> PathBuf {
        self.outer.join(CONTENTS)
    }

    /// The directory that holds the contents and the mark.
    pub(super) fn outer(&self) -> &Path {
        &self.outer
    }

    /// Writes down for a later run what this one is about to do, should it be killed over it.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn note(&mut self, note: &[u8]) -> Result<(), FileError> {
        let written = self
            .mark
            .write_all(note)
            .and_then(|()| self.mark.sync_all())
            .and_then(|()| File::open(&self.outer)?.sync_all());
        written.map_err(|source| FileError {
            doing: "write",
            path: self.outer.join(MARK),
            source,
        })
    }

    /// Moves the contents into place. What was built must be durable by now; the new name is when
    /// this returns.
    ///
    /// # Errors
    /// Where something stands there meanwhile, or the system refuses.
    pub fn commit(&self) -> Result<(), FileError> {
        let contents = self.contents();
        if !self.target.is_dir() {
            rename_new(&contents, &self.target)?;
            return files::sync_dir(&parent_of(&self.target));
        }
        for name in files::list(&contents)? {
            rename_new(&contents.join(&name), &self.target.join(&name))?;
        }
        files::sync_dir(&self.target)
    }
}

impl Drop for StagedDir {
    fn drop(&mut self) {
        // Best effort: the next run sweeps.
        let _ = remove(&self.outer);
    }
}

/// What dead runs have left on their way to `target`. Those that live hold their mark locked.
pub fn leftovers(target: &Path) -> Vec<Leftover> {
    // One that was built beside a target that was not there: a run may have died right after the
    // renaming, and then it is.
    let (parent, prefix) = beside(target);
    let mut found = leftovers_in(&parent, &prefix);
    if target.is_dir() {
        found.extend(leftovers_in(target, INSIDE));
    }
    found
}

/// What dead runs of this user have left in a directory under names that begin so.
pub(super) fn leftovers_in(parent: &Path, prefix: &str) -> Vec<Leftover> {
    let prefix = format!("{prefix}{PART}");
    let names = files::list(parent).unwrap_or_default();
    let staged = names.iter().filter(|name| name.starts_with(&prefix));
    staged
        .filter_map(|name| leftover(parent.join(name)))
        .collect()
}

fn leftover(path: PathBuf) -> Option<Leftover> {
    let mark_path = path.join(MARK);
    let about = fs::symlink_metadata(&path).ok()?;
    // In a directory that all may write to, somebody else's could be anything.
    if about.uid() != rustix::process::geteuid().as_raw() {
        return None;
    }
    let Ok(mark) = File::open(&mark_path) else {
        // Killed right after it was made: it is empty, and not of this instant.
        let age = about.modified().ok()?.elapsed().ok()?;
        let is_left = about.is_dir() && age > SETTLED && fs::remove_dir(&path).is_ok();
        let _ = is_left;
        return None;
    };
    mark.try_lock().ok()?;
    let note = fs::read(&mark_path).ok()?;
    Some(Leftover {
        path,
        note,
        _mark: mark,
    })
}

impl Leftover {
    /// True where its contents are in place already.
    ///
    /// # Errors
    /// Where it can't be listed.
    pub fn is_committed(&self) -> Result<bool, FileError> {
        Ok(files::list(&self.path.join(CONTENTS))?.is_empty())
    }

    /// Removes it.
    ///
    /// # Errors
    /// Where a file can't be removed.
    pub fn remove(self) -> Result<(), FileError> {
        remove(&self.path).map_err(|source| FileError {
            doing: "remove",
            path: self.path.clone(),
            source,
        })
    }
}

/// True for the name of a directory under construction inside its target.
pub fn is_part_inside(name: &str) -> bool {
    name.strip_prefix(INSIDE)
        .is_some_and(|rest| rest.starts_with(PART))
}

/// The mark goes last: without it nobody would know what the rest is.
fn remove(outer: &Path) -> io::Result<()> {
    let ignore_missing = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    ignore_missing(fs::remove_dir_all(outer.join(CONTENTS)))?;
    ignore_missing(fs::remove_file(outer.join(MARK)))?;
    ignore_missing(fs::remove_dir(outer))?;
    match outer.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// The directory that holds what is built for `target`, and how the names there begin.
fn place(target: &Path) -> (PathBuf, String) {
    match target.is_dir() {
        true => (target.to_owned(), INSIDE.to_owned()),
        false => beside(target),
    }
}

fn beside(target: &Path) -> (PathBuf, String) {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    (parent_of(target), name.into_owned())
}

fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Renames, and replaces nothing. Not durable before both directories are synced.
///
/// # Errors
/// Where something stands there, or the system refuses.
pub fn rename_new(from: &Path, to: &Path) -> Result<(), FileError> {
    let renamed = renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE);
    renamed.map_err(|source| FileError {
        doing: "move the finished directory to",
        path: to.to_owned(),
        source: source.into(),
    })
}

/// Makes a directory with mode 0700, whatever the umask.
///
/// # Errors
/// Where it is there, or can't be made.
pub fn make_dir(path: &Path) -> Result<(), FileError> {
    let made = DirBuilder::new().mode(0o700).create(path);
    made.map_err(|source| FileError {
        doing: "create directory",
        path: path.to_owned(),
        source,
    })?;
    files::change_mode(path, 0o700)
}

/// Creates a file with mode 0600 that must not be there.
///
/// # Errors
/// Where it is there, or can't be made.
pub fn create_file(path: &Path) -> Result<File, FileError> {
    let created = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    created.map_err(|source| FileError {
        doing: "create",
        path: path.to_owned(),
        source,
    })
}

/// True where a rename from one path to the other stays on one mount: also of one file system there
/// may be several, between which the kernel renames nothing (rename(2)).
///
/// # Errors
/// Where a path can't be looked at.
pub fn is_one_mount(one: &Path, other: &Path) -> Result<bool, FileError> {
    let look = |path: &Path| {
        let flags = rustix::fs::AtFlags::empty();
        let wanted = rustix::fs::StatxFlags::BASIC_STATS | rustix::fs::StatxFlags::MNT_ID;
        let found = rustix::fs::statx(CWD, path, flags, wanted);
        found.map_err(|source| FileError {
            doing: "look at",
            path: path.to_owned(),
            source: source.into(),
        })
    };
    let (one, other) = (look(one)?, look(other)?);
    let device = |found: &rustix::fs::Statx| (found.stx_dev_major, found.stx_dev_minor);
    // Kernels before 5.8 give 0 for both mounts.
    Ok(device(&one) == device(&other) && one.stx_mnt_id == other.stx_mnt_id)
}

/// What a directory is apart from its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirFacts {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Looks at a directory; none where there is none.
///
/// # Errors
/// Where it can't be looked at, or is no directory.
pub fn dir_facts(path: &Path) -> Result<Option<DirFacts>, FileError> {
    let fail = |source| FileError {
        doing: "look at",
        path: path.to_owned(),
        source,
    };
    match fs::metadata(path) {
        Ok(about) if about.is_dir() => Ok(Some(DirFacts {
            mode: about.mode() & 0o7777,
            uid: about.uid(),
            gid: about.gid(),
        })),
        Ok(_) => Err(fail(io::ErrorKind::NotADirectory.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fail(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(target: &Path) -> StagedDir {
        let staged = StagedDir::begin(target).unwrap();
        make_dir(&staged.contents().join("member")).unwrap();
        File::create(staged.contents().join("member/db")).unwrap();
        staged
    }

    #[test]
    fn it_appears_whole_beside_or_inside_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("lib/etcd");
        let staged = build(&target);
        assert!(!target.exists());
        staged.commit().unwrap();
        drop(staged);
        assert_eq!(files::list(&target).unwrap(), ["member"]);
        assert_eq!(files::list(target.parent().unwrap()).unwrap(), ["etcd"]);

        let mounted = dir.path().join("mounted");
        fs::create_dir_all(mounted.join("lost+found")).unwrap();
        let staged = build(&mounted);
        let inside = files::list(&mounted).unwrap();
        assert!(inside.iter().any(|name| is_part_inside(name)), "{inside:?}");
        staged.commit().unwrap();
        drop(staged);
        assert_eq!(files::list(&mounted).unwrap(), ["lost+found", "member"]);
    }

    #[test]
    fn nothing_is_renamed_over_what_came_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("etcd");
        let staged = build(&target);
        fs::create_dir_all(target.join("member")).unwrap();
        assert!(staged.commit().is_err());
        drop(staged);
        assert_eq!(files::list(dir.path()).unwrap(), ["etcd"]);
        assert!(files::list(&target.join("member")).unwrap().is_empty());
    }

    #[test]
    fn one_that_died_right_after_the_renaming_is_found_beside() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("etcd");
        let staged = build(&target);
        staged.commit().unwrap();
        staged.mark.unlock().unwrap();
        std::mem::forget(staged);
        let mut found = leftovers(&target);
        assert_eq!(found.len(), 1);
        let found = found.remove(0);
        assert!(found.is_committed().unwrap());
        found.remove().unwrap();
        assert_eq!(files::list(dir.path()).unwrap(), ["etcd"]);
        assert_eq!(files::list(&target).unwrap(), ["member"]);
    }

    #[test]
    fn what_a_dead_run_left_is_found_and_what_a_living_one_builds_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("etcd");
        let living = build(&target);
        let mut dead = build(&target);
        dead.note(b"about").unwrap();
        let path = dead.outer.clone();
        // As if it were killed: the lock goes, nothing is tidied.
        dead.mark.unlock().unwrap();
        std::mem::forget(dead);
        fs::create_dir(dir.path().join("etcd.part-mine")).unwrap();
        File::create(dir.path().join("etcd.part-mine/x")).unwrap();
        let mut found = leftovers(&target);
        assert_eq!(found.len(), 1);
        let found = found.remove(0);
        assert_eq!((&found.path, found.note.as_slice()), (&path, &b"about"[..]));
        found.remove().unwrap();
        drop(living);
        assert_eq!(files::list(dir.path()).unwrap(), ["etcd.part-mine"]);
    }
}
