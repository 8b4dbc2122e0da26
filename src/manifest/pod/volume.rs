//! Reads volumes and where they are mounted.

use super::model::{Volume, VolumeMount, VolumeSource};
use super::read::Fields;
use crate::manifest::ManifestError;

pub(super) fn read_volumes(spec: &Fields<'_>) -> Result<Vec<Volume>, ManifestError> {
    spec.mappings("volumes")?.iter().map(read_volume).collect()
}

fn read_volume(fields: &Fields<'_>) -> Result<Volume, ManifestError> {
    let source = match fields.mapping("hostPath")? {
        Some(host) => VolumeSource::HostPath {
            path: host.required_text("path")?,
            kind: host.text("type")?,
        },
        None => VolumeSource::Other(fields.other_key(&["name"]).unwrap_or("emptyDir").to_owned()),
    };
    Ok(Volume {
        name: fields.required_text("name")?,
        source,
    })
}

pub(super) fn read_mounts(container: &Fields<'_>) -> Result<Vec<VolumeMount>, ManifestError> {
    container
        .mappings("volumeMounts")?
        .iter()
        .map(read_mount)
        .collect()
}

fn read_mount(fields: &Fields<'_>) -> Result<VolumeMount, ManifestError> {
    Ok(VolumeMount {
        name: fields.required_text("name")?,
        mount_path: fields.required_text("mountPath")?,
        sub_path: fields
            .text("subPath")?
            .filter(|path| !path.value.is_empty()),
        read_only: fields
            .boolean("readOnly")?
            .is_some_and(|read_only| read_only.value),
    })
}
