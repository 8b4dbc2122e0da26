//! Is a stored snapshot what was saved? Reads it whole.

use std::fs::File;
use std::path::Path;

use crate::model::hex;
use crate::model::{ObjectPlace, SnapshotPlace};
use crate::s3::{S3Access, S3Client};
use crate::snapshot::verify::{VerifyOptions, verify};
use crate::snapshot::{RecordedFile, SnapshotRecord, digest};

use super::look::{State, Stored};

/// True for one that can be restored. A plain file is verified; one that is packed or in a store was proven
/// before, and has to have the SHA-256 of its record.
pub async fn is_sound(found: &Stored, store: Option<&S3Access>) -> bool {
    let Some(record) = &found.record else {
        return false;
    };
    if matches!(found.state, State::Damaged(_)) {
        return false;
    }
    match (&found.place, store) {
        (SnapshotPlace::Path(path), _) => {
            let (path, record) = (path.clone(), record.clone());
            let read = tokio::task::spawn_blocking(move || is_sound_file(&path, &record));
            read.await.unwrap_or(false)
        }
        (SnapshotPlace::Object(object), Some(access)) => {
            let stored = record.stored.as_ref();
            match stored {
                Some(stored) => is_sound_object(object, stored, access).await,
                None => false,
            }
        }
        (SnapshotPlace::Object(_), None) => false,
    }
}

fn is_sound_file(path: &Path, record: &SnapshotRecord) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    match &record.stored {
        Some(stored) if !record.is_plain() => {
            digest(&file, stored.size_bytes).is_ok_and(|found| hex(&found) == stored.sha256)
        }
        _ => verify(&file, VerifyOptions::default()).is_ok_and(|found| found.is_restorable()),
    }
}

async fn is_sound_object(object: &ObjectPlace, stored: &RecordedFile, access: &S3Access) -> bool {
    let Ok(client) = S3Client::new(access, &object.bucket) else {
        return false;
    };
    let fetched = client.fetch(&object.key, std::io::sink(), |_| {}).await;
    fetched.is_ok_and(|it| it.bytes == stored.size_bytes && hex(&it.sha256) == stored.sha256)
}
