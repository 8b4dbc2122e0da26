//! Applies edits one by one and proves each.

use serde_json::Value;

use super::edit::Edit;
use super::error::PatchError;
use super::flag_edits::Target;
use super::mount_edits::{add_mount, set_annotation};
use super::splice::{Splice, splice};
use crate::manifest::Position;
use crate::manifest::pod::StaticPod;
use crate::manifest::yaml::to_value;

/// The bytes to replace and the document they must then mean.
pub(super) struct Change {
    pub(super) splices: Vec<Splice>,
    pub(super) expected: Value,
}

impl Change {
    /// No change yet.
    pub(super) fn of(pod: &StaticPod) -> Result<Self, PatchError> {
        Ok(Self {
            splices: Vec::new(),
            expected: to_value(&pod.tree)?,
        })
    }
}

/// Applies `edits` in order. Every byte they are not about stays.
///
/// # Errors
/// When the text is no static pod, an edit does not fit it, or it is written in a way that can't be
/// edited without touching more. Then nothing of it was applied.
pub fn patch(text: &str, edits: &[Edit]) -> Result<String, PatchError> {
    let mut text = text.to_owned();
    for edit in edits {
        text = apply(&text, edit)?;
    }
    Ok(text)
}

fn apply(text: &str, edit: &Edit) -> Result<String, PatchError> {
    let pod = StaticPod::parse(text.as_bytes())?;
    let change = match edit {
        Edit::SetFlag {
            container,
            name,
            value,
        } => Target::find(&pod, container)?.set(name, value)?,
        Edit::AddFlag {
            container,
            name,
            value,
            after,
        } => Target::find(&pod, container)?.add(name, value, after.as_deref())?,
        Edit::RemoveFlag { container, name } => Target::find(&pod, container)?.remove(name)?,
        Edit::SetAnnotation { key, value } => set_annotation(&pod, key, value)?,
        Edit::AddMount { container, mount } => add_mount(&pod, container, mount)?,
    };
    let first = change
        .splices
        .iter()
        .map(|splice| splice.range.start)
        .min()
        .unwrap_or(0);
    let at = pod.tree.lines().position(text, first);
    let edited = splice(text, change.splices);
    let after = StaticPod::parse(edited.as_bytes())
        .ok()
        .filter(|after| to_value(&after.tree).is_ok_and(|meaning| meaning == change.expected));
    let after = after.ok_or(PatchError::Unfaithful { at })?;
    prove_flag(&after, edit, at)?;
    Ok(edited)
}

/// A word can be where it was meant to be and still be no flag to the program: one before it takes
/// it as its value, or ends the flags.
fn prove_flag(after: &StaticPod, edit: &Edit, at: Position) -> Result<(), PatchError> {
    let (container, name, wanted) = match edit {
        Edit::SetFlag {
            container,
            name,
            value,
        }
        | Edit::AddFlag {
            container,
            name,
            value,
            ..
        } => (container, name, Some(value.as_str())),
        Edit::RemoveFlag { container, name } => (container, name, None),
        Edit::SetAnnotation { .. } | Edit::AddMount { .. } => return Ok(()),
    };
    if Target::find(after, container)?.value(name) == wanted {
        Ok(())
    } else {
        let name = name.clone();
        Err(PatchError::Unheard { at, name })
    }
}
