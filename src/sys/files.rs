//! Files that a kubelet, etcd or a person reads: written whole or not at all.
//!
//! Invariant: a name under which others read a file only ever shows a complete one. Contents go to
//! a temporary neighbour whose name starts with a dot (the kubelet ignores those), are synced,
//! renamed into place, and the directory is synced. The mode is set before the first byte is
//! written, so a private key is never readable by others.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Part of the name of a file that is being written.
const STAGED: &str = ".etcdha-new-";

/// Longest time from making a staged file to locking it.
const SETTLED: Duration = Duration::from_millis(100);

/// How files that are written together become durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syncing {
    /// Each by itself.
    Each,
    /// The file systems whole: one journal commit instead of hundreds, at the price of writing what
    /// others have left to be written, too.
    Together,
}

impl Syncing {
    /// Beyond so many files it pays to sync whole file systems.
    const FEW: usize = 16;

    pub(super) fn of(files: usize) -> Self {
        match files <= Self::FEW {
            true => Self::Each,
            false => Self::Together,
        }
    }
}

/// What went wrong with which file.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {path}", path = path.display())]
pub struct FileError {
    /// The attempt, such as `write` or `read`.
    pub doing: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// The operating system's answer.
    #[source]
    pub source: io::Error,
}

pub(super) fn failed<'a>(
    doing: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> FileError + 'a {
    move |source| FileError {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// Reads a whole file; `None` when there is none.
pub fn read_optional(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// Reads a whole file that must exist.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(failed("read", path))
}

/// Opens a regular file for reads at any place. A pipe or device has none.
pub fn open_regular(path: &Path) -> Result<File, FileError> {
    let metadata = fs::metadata(path).map_err(failed("read", path))?;
    if metadata.is_dir() {
        return Err(failed("read", path)(io::ErrorKind::IsADirectory.into()));
    }
    if !metadata.is_file() {
        let reason = "not a regular file, but a pipe or a device";
        return Err(failed("read", path)(io::Error::other(reason)));
    }
    File::open(path).map_err(failed("read", path))
}

/// Fails where there is no such directory.
pub fn demand_dir(path: &Path) -> Result<(), FileError> {
    fs::read_dir(path)
        .map(drop)
        .map_err(failed("open directory", path))
}

/// Names in a directory, sorted; none where there is no such directory.
pub fn list(path: &Path) -> Result<Vec<String>, FileError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("list", path)(error)),
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names
        .collect::<io::Result<Vec<_>>>()
        .map_err(failed("list", path))?;
    names.sort();
    Ok(names)
}

/// Gives a file or directory to an owner; `None` leaves that one as it is. A symbolic link is given
/// itself, not what it leads to.
///
/// # Errors
/// It is not there, or this process may not.
pub fn give(path: &Path, uid: Option<u32>, gid: Option<u32>) -> Result<(), FileError> {
    std::os::unix::fs::lchown(path, uid, gid).map_err(failed("set the owner of", path))
}

/// Sets the permission bits of a file or directory.
///
/// # Errors
/// It is not there, or this process may not.
pub fn change_mode(path: &Path, mode: u32) -> Result<(), FileError> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed("set the mode of", path))
}

/// Creates a directory with `mode` and its missing parents with 0755; an existing one is left alone.
pub fn ensure_dir(path: &Path, mode: u32) -> Result<(), FileError> {
    make_dir(path, mode, Syncing::Each)
}

/// As [`ensure_dir`], but durable only with what syncs later, where `sync` says so.
pub(super) fn make_dir(path: &Path, mode: u32, sync: Syncing) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    match path.parent() {
        // A bare name stands in the current directory, which is there.
        Some(parent) if !parent.as_os_str().is_empty() => make_dir(parent, 0o755, sync)?,
        _ => {}
    }
    match fs::DirBuilder::new().mode(mode).create(path) {
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(mode))
            .map_err(failed("set the mode of", path))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        Err(error) => return Err(failed("create directory", path)(error)),
    }
    match sync {
        Syncing::Each => sync_parent(path),
        Syncing::Together => Ok(()),
    }
}

/// Replaces or creates `path` with `contents` and `mode` in one step. The owner of a file that is
/// replaced is kept.
pub fn write_atomic(path: &Path, contents: &[u8], mode: u32) -> Result<(), FileError> {
    let staged = stage(path, contents, mode, Syncing::Each)?;
    staged
        .persist(path)
        .map_err(|error| failed("write", path)(error.error))?;
    sync_parent(path)
}

/// Writes a new file and refuses to replace one that appeared meanwhile.
pub fn write_new(path: &Path, contents: &[u8], mode: u32) -> Result<(), FileError> {
    let staged = stage(path, contents, mode, Syncing::Each)?;
    staged
        .persist_noclobber(path)
        .map_err(|error| failed("create", path)(error.error))?;
    sync_parent(path)
}

/// As [`write_new`], for one text in many places; missing directories are made with `dir_mode`.
///
/// # Errors
/// The first failure. Files that were written before it stay.
pub fn write_new_all(
    paths: &[PathBuf],
    contents: &[u8],
    mode: u32,
    dir_mode: u32,
) -> Result<(), FileError> {
    // Each staged file is open until it has its name.
    const OPEN_AT_ONCE: usize = 200;
    let sync = Syncing::of(paths.len());
    for paths in paths.chunks(OPEN_AT_ONCE) {
        let mut staged = Vec::with_capacity(paths.len());
        for path in paths {
            make_dir(parent_of(path), dir_mode, sync)?;
            staged.push(stage(path, contents, mode, sync)?);
        }
        let directories: Vec<&Path> = paths.iter().map(|path| parent_of(path)).collect();
        if sync == Syncing::Together {
            sync_file_systems(&directories)?;
        }
        for (path, staged) in paths.iter().zip(staged) {
            let named = staged.persist_noclobber(path);
            named.map_err(|error| failed("create", path)(error.error))?;
        }
        match sync {
            Syncing::Each => directories
                .iter()
                .try_for_each(|directory| sync_dir(directory))?,
            Syncing::Together => sync_file_systems(&directories)?,
        }
    }
    Ok(())
}

fn stage(
    path: &Path,
    contents: &[u8],
    mode: u32,
    sync: Syncing,
) -> Result<tempfile::NamedTempFile, FileError> {
    let mut file = stage_empty(path, mode)?;
    file.write_all(contents).map_err(failed("write", path))?;
    if sync == Syncing::Each {
        file.as_file().sync_all().map_err(failed("write", path))?;
    }
    Ok(file)
}

/// Makes the temporary neighbour of `path`, with the owner of the file that is there now.
pub(super) fn stage_empty(path: &Path, mode: u32) -> Result<tempfile::NamedTempFile, FileError> {
    let directory = parent_of(path);
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    sweep(directory);
    let file = tempfile::Builder::new()
        .prefix(&format!(".{name}{STAGED}"))
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory)
        .map_err(failed("write", path))?;
    // Held while this run lives: it tells a later sweep that this is no leftover.
    file.as_file().lock().map_err(failed("lock", path))?;
    // The umask may have taken bits away from what was asked for.
    file.as_file()
        .set_permissions(Permissions::from_mode(mode))
        .map_err(failed("write", path))?;
    if let Ok(old) = fs::metadata(path) {
        let (uid, gid) = (old.uid(), old.gid());
        std::os::unix::fs::fchown(file.as_file(), Some(uid), Some(gid))
            .map_err(failed("keep the owner of", path))?;
    }
    Ok(file)
}

/// Removes what killed runs left in a directory: staged files that nobody holds locked. Best effort,
/// since a leftover is no reason not to write.
pub fn sweep(directory: &Path) {
    let names = list(directory).unwrap_or_default();
    let staged = |name: &&String| name.starts_with('.') && name.contains(STAGED);
    for name in names.iter().filter(staged) {
        let path = directory.join(name);
        let is_left = |file: &File| is_settled(file) && file.try_lock().is_ok();
        if File::open(&path).is_ok_and(|file| is_left(&file)) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// False for a file of this instant, which may not have its lock yet.
fn is_settled(file: &File) -> bool {
    let modified = file.metadata().and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > SETTLED))
}

/// Removes a file; that there is none is fine.
pub fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("remove", path)(error)),
    }
}

/// Removes a directory with all that is in it; that there is none is fine.
pub fn remove_tree(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(path) {
        Ok(()) => sync_parent(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("remove", path)(error)),
    }
}

/// Removes a directory where it is empty; one that isn't, or isn't there, is left alone.
pub fn remove_empty_dir(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir(path) {
        Ok(()) => sync_parent(path),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::DirectoryNotEmpty
                    | io::ErrorKind::ResourceBusy
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(failed("remove directory", path)(error)),
    }
}

/// Renames within one filesystem and makes the new name durable.
pub fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(failed("rename", from))?;
    sync_parent(to)?;
    sync_parent(from)
}

/// Renames without making it durable: for callers that sync the directory themselves.
pub(super) fn rename_unsynced(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(failed("rename", from))
}

/// Sets permission bits that the umask may have taken away.
pub(super) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(mode))
}

/// Makes everything durable on the file systems that hold these directories, once for each: files,
/// their names and what others have written there. It tells of failed writes since Linux 5.8
/// (`syncfs(2)`).
pub(super) fn sync_file_systems(directories: &[&Path]) -> Result<(), FileError> {
    let mut seen = BTreeSet::new();
    for directory in directories {
        let mut sync = || {
            let opened = File::open(directory)?;
            if seen.insert(opened.metadata()?.dev()) {
                rustix::fs::syncfs(&opened)?;
            }
            Ok(())
        };
        sync().map_err(failed("sync the file system of", directory))?;
    }
    Ok(())
}

/// Makes names in a directory durable.
pub(crate) fn sync_dir(directory: &Path) -> Result<(), FileError> {
    File::open(directory)
        .and_then(|handle| handle.sync_all())
        .map_err(failed("sync directory", directory))
}

/// Syncs the directory that holds `path`, so that a rename or removal survives a power cut.
pub(super) fn sync_parent(path: &Path) -> Result<(), FileError> {
    sync_dir(parent_of(path))
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn an_atomic_write_replaces_contents_and_mode_and_leaves_no_neighbour() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.key");
        write_atomic(&path, b"one", 0o644).unwrap();
        write_atomic(&path, b"two", 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(mode_of(&path), 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_run_left_is_swept_and_what_another_is_writing_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("etcd.yaml");
        let old = SystemTime::now() - Duration::from_secs(1);
        let place = |name: &str| {
            let file = File::create(dir.path().join(name)).unwrap();
            file.set_modified(old).unwrap();
            file
        };
        drop(place(".etcd.yaml.etcdha-new-a"));
        drop(place(".ca.crt.etcdha-next"));
        let writing = place(".other.yaml.etcdha-new-b");
        writing.lock().unwrap();
        write_atomic(&path, b"one", 0o600).unwrap();
        let kept = [
            ".ca.crt.etcdha-next",
            ".other.yaml.etcdha-new-b",
            "etcd.yaml",
        ];
        assert_eq!(list(dir.path()).unwrap(), kept);
    }

    #[test]
    fn a_new_file_is_never_written_over_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.key");
        write_new(&path, b"one", 0o600).unwrap();
        assert!(write_new(&path, b"two", 0o600).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn directories_get_their_mode_and_missing_files_are_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        ensure_dir(&path, 0o700).unwrap();
        ensure_dir(&path, 0o755).unwrap();
        assert_eq!(mode_of(&path), 0o700);
        assert_eq!(read_optional(&path.join("none")).unwrap(), None);
        remove(&path.join("none")).unwrap();
    }

    #[test]
    fn one_text_is_written_to_many_places_and_over_none() {
        let dir = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..450)
            .map(|number| dir.path().join(format!("n{}/{number}.crt", number % 7)))
            .collect();
        write_new_all(&paths, b"CA", 0o644, 0o700).unwrap();
        for path in &paths {
            assert_eq!(fs::read(path).unwrap(), b"CA");
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o644);
        }
        let parent = fs::metadata(dir.path().join("n3")).unwrap();
        assert_eq!(parent.mode() & 0o777, 0o700);
        write_atomic(&paths[3], b"mine", 0o644).unwrap();
        for paths in [&paths[3..4], &paths[..]] {
            assert!(write_new_all(paths, b"CA", 0o644, 0o700).is_err());
        }
        assert_eq!(fs::read(&paths[3]).unwrap(), b"mine");
        let left = list(&dir.path().join("n3")).unwrap();
        assert!(left.iter().all(|name| !name.starts_with('.')), "{left:?}");
    }
}
