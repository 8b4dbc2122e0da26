//! Edits of volumes, mounts and annotations.

use serde_json::{Value, json};

use super::append::{append_entry, append_to_list};
use super::apply::Change;
use super::edit::HostMount;
use super::error::PatchError;
use super::flag_edits::{find_container, own_container, own_spec};
use super::layout::{editable, own_entry};
use super::splice::Splice;
use crate::manifest::pod::{StaticPod, VolumeSource};
use crate::manifest::yaml::{Yaml, like};

/// Adds a mount, and its volume where none shows that directory yet.
pub(super) fn add_mount(
    pod: &StaticPod,
    container: &str,
    mount: &HostMount,
) -> Result<Change, PatchError> {
    let index = find_container(pod, container)?;
    check_mount_path(pod, index, mount)?;
    let mut change = Change::of(pod)?;
    let existing = volume_of(pod, &mount.host_path);
    let volume = existing.clone().unwrap_or_else(|| mount.volume.clone());
    let node = own_container(pod, index)?;
    let mut fields = vec![
        ("mountPath", Yaml::text(&mount.mount_path)),
        ("name", Yaml::text(&volume)),
    ];
    let mut expected = json!({"mountPath": mount.mount_path, "name": volume});
    if mount.read_only {
        fields.push(("readOnly", Yaml::Bool(true)));
        expected["readOnly"] = Value::Bool(true);
    }
    change.splices.push(append_to_list(
        &pod.tree,
        node,
        "volumeMounts",
        Yaml::Map(fields),
    )?);
    push(
        &mut change.expected["spec"]["containers"][index]["volumeMounts"],
        expected,
    );
    // Behind the mount: where both go to the end of the file, the pod's volumes come last.
    if existing.is_none() {
        add_volume(pod, mount, &mut change)?;
    }
    Ok(change)
}

fn check_mount_path(pod: &StaticPod, index: usize, mount: &HostMount) -> Result<(), PatchError> {
    let mounts = &pod.containers[index].mounts;
    match mounts
        .iter()
        .find(|found| found.mount_path.value == mount.mount_path)
    {
        Some(found) => {
            let what = format!("{} is mounted already", mount.mount_path);
            Err(PatchError::Taken {
                at: found.mount_path.at,
                what,
            })
        }
        None => Ok(()),
    }
}

/// The name of the volume that shows `host_path`.
fn volume_of(pod: &StaticPod, host_path: &str) -> Option<String> {
    let shows = |source: &VolumeSource| match source {
        VolumeSource::HostPath { path, .. } => path.value == host_path,
        VolumeSource::Other(_) => false,
    };
    let volume = pod.volumes.iter().find(|volume| shows(&volume.source))?;
    Some(volume.name.value.clone())
}

fn add_volume(pod: &StaticPod, mount: &HostMount, change: &mut Change) -> Result<(), PatchError> {
    if let Some(taken) = pod.volume(&mount.volume) {
        let what = format!("the volume name {:?} is taken", mount.volume);
        return Err(PatchError::Taken {
            at: taken.name.at,
            what,
        });
    }
    let mut host_path = vec![("path", Yaml::text(&mount.host_path))];
    let mut expected = json!({"path": mount.host_path});
    if let Some(kind) = &mount.host_type {
        host_path.push(("type", Yaml::text(kind)));
        expected["type"] = Value::String(kind.clone());
    }
    let volume = Yaml::Map(vec![
        ("hostPath", Yaml::Map(host_path)),
        ("name", Yaml::text(&mount.volume)),
    ]);
    let spec = own_spec(pod)?;
    change
        .splices
        .push(append_to_list(&pod.tree, spec, "volumes", volume)?);
    let expected = json!({"hostPath": expected, "name": mount.volume});
    push(&mut change.expected["spec"]["volumes"], expected);
    Ok(())
}

fn push(list: &mut Value, item: Value) {
    match list {
        Value::Array(items) => items.push(item),
        other => *other = Value::Array(vec![item]),
    }
}

/// Sets an annotation.
pub(super) fn set_annotation(
    pod: &StaticPod,
    key: &str,
    value: &str,
) -> Result<Change, PatchError> {
    let tree = &pod.tree;
    let mut change = Change::of(pod)?;
    let metadata = own_entry(tree, tree.root(), "metadata")?.map(|entry| entry.value);
    let metadata = metadata.unwrap_or_else(|| tree.root());
    let named = Yaml::Named(vec![(key.to_owned(), Yaml::text(value))]);
    let splice = match own_entry(tree, metadata, "annotations")? {
        None => append_entry(tree, metadata, &Yaml::Map(vec![("annotations", named)]))?,
        Some(annotations) => match own_entry(tree, annotations.value, key)? {
            None => append_entry(tree, annotations.value, &named)?,
            Some(entry) => {
                let style = editable(tree, entry.value)?;
                let written = like(style, value, tree.is_flow(annotations.value));
                let same = pod
                    .annotations
                    .get(key)
                    .is_some_and(|found| found.value == value);
                let span = tree.node(entry.value).span.clone();
                let written = if same {
                    tree.text()[span.clone()].to_owned()
                } else {
                    written
                };
                Splice::replace(span, written)
            }
        },
    };
    change.splices.push(splice);
    change.expected["metadata"]["annotations"][key] = Value::String(value.to_owned());
    Ok(change)
}
