//! A private key and its certificate, committed together.
//!
//! Invariant: a certificate is never visible without its key. Both files are staged under fixed
//! names and synced; then the key is renamed, then the certificate. Whatever a kill leaves behind
//! says how far it came: with both staged files there, nothing had been renamed (roll back); with
//! only the certificate's, the key had (go on). So the next run can put it right without knowing
//! what was in them.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use zeroize::Zeroizing;

use super::files::{self, FileError, Syncing};

/// A key and a certificate and where they go.
#[derive(Debug)]
pub struct Pair {
    /// Where the key goes.
    pub key_path: PathBuf,
    /// The key; mode 0600.
    pub key: SecretBytes,
    /// Where the certificate goes.
    pub cert_path: PathBuf,
    /// The certificate; mode 0644.
    pub cert: Vec<u8>,
}

/// Bytes that are wiped when dropped and never printed.
pub struct SecretBytes(pub Zeroizing<Vec<u8>>);

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretBytes(..)")
    }
}

const KEY_MODE: u32 = 0o600;
const CERT_MODE: u32 = 0o644;

/// Threads that write and sync at once: file systems commit syncs that meet in one go.
const WRITERS: usize = 8;

/// Writes all pairs, replacing those that exist. Missing directories are made with `dir_mode`.
///
/// # Errors
/// The first failure. Pairs committed before it stay; the others are as they were.
pub fn commit(pairs: &[Pair], dir_mode: u32) -> Result<(), FileError> {
    let sync = Syncing::of(pairs.len());
    let directories: BTreeSet<&Path> = pairs
        .iter()
        .flat_map(|pair| [pair.key_path.parent(), pair.cert_path.parent()])
        .flatten()
        .collect();
    let directories: Vec<&Path> = directories.into_iter().collect();
    // Sorted, the outer ones come first: one that holds a key must not come to be as the mere parent
    // of another, which everybody may look into.
    for directory in &directories {
        files::make_dir(directory, dir_mode, sync)?;
    }
    let staging = each(pairs, |pair| {
        recover(&pair.key_path, &pair.cert_path)?;
        stage(&pair.key_path, &pair.key.0, KEY_MODE, sync)?;
        stage(&pair.cert_path, &pair.cert, CERT_MODE, sync)
    });
    if let Err(error) = staging {
        for pair in pairs {
            let _ = files::remove(&staged(&pair.key_path));
            let _ = files::remove(&staged(&pair.cert_path));
        }
        return Err(error);
    }
    // The staged names must be durable before the first rename, or a power cut could leave a
    // renamed key and no trace of its certificate.
    barrier(&directories, sync)?;
    for pair in pairs {
        files::rename_unsynced(&staged(&pair.key_path), &pair.key_path)?;
        files::rename_unsynced(&staged(&pair.cert_path), &pair.cert_path)?;
    }
    barrier(&directories, sync)
}

/// Makes what happened in these directories durable: their names, where the files' contents have
/// been synced each by itself, or everything.
fn barrier(directories: &[&Path], sync: Syncing) -> Result<(), FileError> {
    match sync {
        Syncing::Each => each(directories, |directory| files::sync_dir(directory)),
        Syncing::Together => files::sync_file_systems(directories),
    }
}

/// Finishes or rolls back what an interrupted [`commit`] left of this pair.
pub fn recover(key_path: &Path, cert_path: &Path) -> Result<(), FileError> {
    let (key, cert) = (staged(key_path), staged(cert_path));
    match (key.exists(), cert.exists()) {
        (false, true) if key_path.exists() => files::rename(&cert, cert_path),
        (key_is_there, cert_is_there) => {
            if key_is_there {
                files::remove(&key)?;
            }
            if cert_is_there {
                files::remove(&cert)?;
            }
            Ok(())
        }
    }
}

/// True where a [`commit`] of this pair was killed and has not been put right.
pub fn is_interrupted(key_path: &Path, cert_path: &Path) -> bool {
    staged(key_path).exists() || staged(cert_path).exists()
}

fn staged(path: &Path) -> PathBuf {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    path.with_file_name(format!(".{name}.etcdha-next"))
}

fn stage(path: &Path, contents: &[u8], mode: u32, sync: Syncing) -> Result<(), FileError> {
    let staged = staged(path);
    let fail = |source| FileError {
        doing: "write",
        path: path.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&staged);
    let mut file = file.map_err(fail)?;
    files::set_mode(&file, mode).map_err(fail)?;
    let written = file.write_all(contents);
    let written = written.and_then(|()| match sync {
        Syncing::Each => file.sync_all(),
        Syncing::Together => Ok(()),
    });
    if let Err(error) = written {
        // Best effort: a full disk is no reason to leave half a key behind.
        let _ = files::remove(&staged);
        return Err(fail(error));
    }
    Ok(())
}

/// Runs `work` on every item, several at once; the first error is returned.
fn each<T: Sync>(
    items: &[T],
    work: impl Fn(&T) -> Result<(), FileError> + Sync,
) -> Result<(), FileError> {
    let chunk = items.len().div_ceil(WRITERS).max(1);
    thread::scope(|scope| {
        let work = &work;
        let writers: Vec<_> = items
            .chunks(chunk)
            .map(|chunk| scope.spawn(move || chunk.iter().try_for_each(work)))
            .collect();
        let results = writers.into_iter().map(|writer| match writer.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        results.collect::<Vec<_>>().into_iter().collect()
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn pair(dir: &Path, name: &str, text: &str) -> Pair {
        Pair {
            key_path: dir.join(format!("{name}.key")),
            key: SecretBytes(Zeroizing::new(format!("{text} key").into_bytes())),
            cert_path: dir.join(format!("{name}.crt")),
            cert: format!("{text} cert").into_bytes(),
        }
    }

    fn names(dir: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(dir).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn pairs_are_written_with_their_modes_and_replaced_together() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["old", "new"] {
            let pairs: Vec<_> = (0..20)
                .map(|number| pair(dir.path(), &number.to_string(), text))
                .collect();
            commit(&pairs, 0o700).unwrap();
        }
        assert_eq!(names(dir.path()).len(), 40);
        let key = dir.path().join("7.key");
        assert_eq!(fs::read(&key).unwrap(), b"new key");
        assert_eq!(fs::read(dir.path().join("7.crt")).unwrap(), b"new cert");
        assert_eq!(
            fs::metadata(key).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_kill_at_any_point_is_put_right() {
        for staged_files in 0..4 {
            let dir = tempfile::tempdir().unwrap();
            let old = pair(dir.path(), "server", "old");
            commit(std::slice::from_ref(&old), 0o700).unwrap();
            let new = pair(dir.path(), "server", "new");
            if staged_files > 0 {
                stage(&new.key_path, &new.key.0, KEY_MODE, Syncing::Each).unwrap();
            }
            if staged_files > 1 {
                stage(&new.cert_path, &new.cert, CERT_MODE, Syncing::Each).unwrap();
            }
            if staged_files > 2 {
                files::rename(&staged(&new.key_path), &new.key_path).unwrap();
            }
            recover(&new.key_path, &new.cert_path).unwrap();
            let expected = if staged_files > 2 { &new } else { &old };
            assert_eq!(fs::read(&new.key_path).unwrap(), *expected.key.0);
            assert_eq!(fs::read(&new.cert_path).unwrap(), expected.cert);
            assert_eq!(names(dir.path()).len(), 2);
        }
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_an_error_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let pairs = tempfile::tempdir().unwrap();
        files::write_atomic(&dir.path().join("file"), b"", 0o644).unwrap();
        let lost = pair(&dir.path().join("file/none"), "server", "new");
        let error = commit(&[pair(pairs.path(), "peer", "new"), lost], 0o700).unwrap_err();
        assert!(
            error.to_string().starts_with("create directory "),
            "{error}"
        );
        assert!(names(pairs.path()).is_empty());
    }
}
