//! Static pods are stopped and started by their manifests: moved out of the kubelet's sight, and back.

use crate::plan::cluster_restore::{StartPod, StopPod};
use crate::plan::step::{Outcome, StepError};
use crate::plan::world::World;
use crate::sys::files;

use super::{demand_no_mark, kept, stopped};

/// Mode of what is set aside: no less private than a manifest.
const KEPT_MODE: u32 = 0o600;

/// Sets the manifest aside: the copy is durable before the manifest goes.
pub(in crate::plan) fn stop(world: &World, on: &str, pod: &StopPod) -> Result<Outcome, StepError> {
    let node = world.node(on)?;
    let (path, kept) = (node.local(&pod.path), kept(world, node, &pod.path));
    let Some(found) = files::read_optional(&path)? else {
        return match kept.is_file() {
            true => Ok(Outcome::Unchanged),
            false => Err(moved(pod, "no file")),
        };
    };
    if found != pod.contents.as_bytes() {
        return Err(moved(pod, "another text"));
    }
    if let Some(parent) = kept.parent() {
        files::ensure_dir(parent, 0o700)?;
    }
    files::write_atomic(&kept, &found, KEPT_MODE)?;
    files::remove(&path)?;
    Ok(Outcome::Plain)
}

fn moved(pod: &StopPod, found: &str) -> StepError {
    StepError::Moved {
        what: pod.path.display().to_string(),
        expected: "the manifest that was there".into(),
        found: found.into(),
    }
}

/// Puts what was set aside where it was; a manifest that is there by now is somebody's.
pub(in crate::plan) fn take_back_stop(
    world: &World,
    on: &str,
    pod: &StopPod,
) -> Result<(), StepError> {
    let node = world.node(on)?;
    let (path, kept) = (node.local(&pod.path), kept(world, node, &pod.path));
    let Some(old) = files::read_optional(&kept)? else {
        return Ok(());
    };
    if let Some(old_data) = &pod.old_data
        && node.local(&old_data.join("member")).exists()
    {
        // On an empty directory etcd would found a cluster of its own.
        return Err(StepError::Moved {
            what: format!("the data of {on}"),
            expected: "the old data in its place".into(),
            found: format!("it is still in {}", old_data.display()),
        });
    }
    if !path.exists() {
        files::write_new(&path, &old, pod.mode)?;
    }
    Ok(files::remove(&kept)?)
}

/// Writes the manifest.
pub(in crate::plan) fn start(
    world: &World,
    on: &str,
    pod: &StartPod,
) -> Result<Outcome, StepError> {
    let node = world.node(on)?;
    let path = node.local(&pod.path);
    let outcome = match files::read_optional(&path)? {
        Some(found) if found == pod.contents.as_bytes() => Outcome::Unchanged,
        Some(_) => {
            return Err(StepError::Moved {
                what: pod.path.display().to_string(),
                expected: "no file: it was set aside".into(),
                found: "another text".into(),
            });
        }
        None => {
            files::write_new(&path, pod.contents.as_bytes(), pod.mode)?;
            Outcome::Plain
        }
    };
    if pod.member.is_none() {
        files::remove(&kept(world, node, &pod.path))?;
    }
    Ok(outcome)
}

/// Stops a member again that was started on its new data.
pub(in crate::plan) async fn take_back_start(
    world: &World,
    on: &str,
    pod: &StartPod,
) -> Result<(), StepError> {
    let Some(member) = &pod.member else {
        return Ok(());
    };
    demand_no_mark(world, member.cluster_id)?;
    let node = world.node(on)?;
    let path = node.local(&pod.path);
    if files::read_optional(&path)?.as_deref() == Some(pod.contents.as_bytes()) {
        files::remove(&path)?;
    }
    stopped::demand(node, member).await
}
