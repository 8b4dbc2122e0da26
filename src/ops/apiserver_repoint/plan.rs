//! The order of steps. Pure: facts in, plan or refusal out.
//!
//! For each node: the manifest, the wait for its pod, the proof. The proof is the point behind which
//! a later failure does not go back, so that a node that works is left alone when another does
//! not.

use crate::manifest::patch::{Edit, patch};
use crate::manifest::{ATTEMPT_ANNOTATION, attempt_of};
use crate::ops::Refusal;
use crate::ops::apiserver_nodes::{ApiserverManifest, FoundManifest};
use crate::plan::{Action, ApiserverTarget, FileExpectation, Plan, Repoint, Step, WriteFile};

use super::observed::{Answer, Observed, ObservedNode, Wanted};
use super::preflight;
use super::{RepointRequest, Wish};

/// Plans the roll, or refuses it.
///
/// # Errors
/// A [`Refusal`] where an apiserver would not work with its new etcd, or would show other data.
pub fn plan(request: &RepointRequest, observed: &Observed) -> Result<Plan, Refusal> {
    preflight::check(request, observed)?;
    let mut steps = Vec::new();
    let mut begun: Vec<ApiserverTarget> = Vec::new();
    let mut pending = Vec::new();
    for node in &observed.nodes {
        let Some((current, wanted, target)) = parts(node) else {
            continue;
        };
        if node.is_settled() {
            begun.insert(0, target.clone());
        } else {
            pending.push((node, current, wanted, target));
        }
    }
    let later: Vec<ApiserverTarget> = pending
        .iter()
        .filter(|(node, ..)| node.ready.is_ok())
        .map(|(.., target)| (*target).clone())
        .collect();
    for (node, current, wanted, target) in &pending {
        // Other apiservers may still serve the old cluster while one moves to a new one.
        let mut others = begun.clone();
        if !request.migrate {
            others.extend(observed.others.iter().cloned());
            let rest = later.iter().filter(|other| other.name != target.name);
            others.extend(rest.filter(|other| !begun.contains(other)).cloned());
        }
        steps.extend(node_steps(request, node, current, wanted, target, others)?);
        begun.insert(0, (*target).clone());
    }
    let names: Vec<_> = pending
        .iter()
        .map(|(node, ..)| node.name.to_string())
        .collect();
    Ok(Plan {
        command: request.wish.command().into(),
        headline: headline(request, &names),
        checked: checked(observed, &names),
        notes: notes(request, observed, &names),
        steps,
    })
}

fn parts(node: &ObservedNode) -> Option<(&ApiserverManifest, &Wanted, &ApiserverTarget)> {
    match (&node.manifest, &node.wanted, &node.target) {
        (FoundManifest::One(current), Some(Ok(wanted)), Some(target)) => {
            Some((current, wanted, target))
        }
        _ => None,
    }
}

fn node_steps(
    request: &RepointRequest,
    node: &ObservedNode,
    current: &ApiserverManifest,
    wanted: &Wanted,
    target: &ApiserverTarget,
    others: Vec<ApiserverTarget>,
) -> Result<Vec<Step>, Refusal> {
    let step = |action: Action| Step {
        on: node.name.to_string(),
        action,
        voters: None,
    };
    let file_name = current.path.file_name().unwrap_or_default().display();
    let file = WriteFile {
        what: format!("{file_name} (etcd: {})", wanted.label),
        path: current.path.clone(),
        mode: current.mode,
        contents: fresh(node, current, wanted)?,
        expect: expectation(node, current, wanted),
        starts: None,
    };
    let path = file.path.clone();
    let deadline_seconds = request.wait_seconds;
    let etcd = wanted.says.etcd.clone();
    Ok(vec![
        step(Action::RepointApiserver(Box::new(Repoint {
            file,
            target: target.clone(),
            etcd: etcd.clone(),
            before: (current.text != wanted.text).then(|| current.says.etcd.clone()),
            was_ready: node.ready.is_ok() || current.text == wanted.text,
            deadline_seconds,
        }))),
        step(Action::WaitApiserver {
            target: Box::new(target.clone()),
            etcd: etcd.clone(),
            file: path,
            deadline_seconds,
        }),
        step(Action::ProveWriteThrough {
            target: Box::new(target.clone()),
            others,
            etcd,
            is_same_manifest: false,
        }),
    ])
}

/// What must be there, and is put back where the new manifest does not come up: the present text, or,
/// where an earlier run was killed after writing, what it found.
fn expectation(
    node: &ObservedNode,
    current: &ApiserverManifest,
    wanted: &Wanted,
) -> FileExpectation {
    match &node.last {
        Some(last)
            if current.text == wanted.text && last.new_text == current.text && !last.is_proven =>
        {
            FileExpectation::Sha256 {
                hash: last.old_sha256.clone(),
            }
        }
        _ => FileExpectation::of(current.text.as_bytes()),
    }
}

/// The text, numbered as an attempt where the same one has crashed here before: a static pod's UID is a
/// hash of its manifest, and the kubelet remembers its back-off of up to five minutes.
fn fresh(
    node: &ObservedNode,
    current: &ApiserverManifest,
    wanted: &Wanted,
) -> Result<String, Refusal> {
    let mut text = wanted.text.clone();
    let mut attempt = attempt_of(&text).unwrap_or(1);
    while text != current.text && has_crashed(node, &text) {
        attempt = attempt.saturating_add(1);
        let edit = Edit::SetAnnotation {
            key: ATTEMPT_ANNOTATION.to_owned(),
            value: attempt.to_string(),
        };
        text = patch(&wanted.text, &[edit]).map_err(|error| {
            let what = format!(
                "the manifest of {} crashed before, and can't be marked as another attempt: {error}",
                node.name
            );
            let fix = "give its metadata annotations of one line each";
            Refusal::new("manifest-not-editable", what, fix)
        })?;
    }
    Ok(text)
}

fn has_crashed(node: &ObservedNode, text: &str) -> bool {
    match FileExpectation::of(text.as_bytes()) {
        FileExpectation::Sha256 { hash } => node.crashed.contains(&hash[..16.min(hash.len())]),
        FileExpectation::Absent => false,
    }
}

fn headline(request: &RepointRequest, names: &[String]) -> String {
    let count = match names.len() {
        1 => "1 apiserver".to_owned(),
        count => format!("{count} apiservers"),
    };
    let cluster = &request.spec.name;
    match &request.wish {
        Wish::LocalFirst => {
            format!("point {count} of {cluster} at every etcd member, its own first")
        }
        Wish::All => format!("point {count} of {cluster} at every etcd member"),
        Wish::Local => format!("point {count} of {cluster} at its own etcd member"),
        Wish::Urls(urls) => {
            let servers = if urls.len() == 1 { "server" } else { "servers" };
            format!(
                "point {count} of {cluster} at {} etcd {servers}",
                urls.len()
            )
        }
        Wish::Previous => {
            format!("put {count} of {cluster} back to the etcd before the last repoint")
        }
    }
}

fn checked(observed: &Observed, names: &[String]) -> Vec<String> {
    if names.is_empty() {
        return Vec::new();
    }
    let planned = || {
        let nodes = observed.nodes.iter();
        nodes.filter(|node| names.contains(&node.name.to_string()))
    };
    let ready = planned().filter(|node| node.ready.is_ok()).count();
    let servers = planned().filter_map(|node| node.wanted.as_ref()?.as_ref().ok());
    let answers = servers.flat_map(|wanted| &wanted.answers);
    let present =
        |answer: &Result<Answer, String>| !matches!(answer, Ok(answer) if answer.is_promised);
    let servers = answers.filter(|(_, answer)| present(answer)).count();
    let files = match servers {
        0 => "the apiservers' files for etcd at a present member".to_owned(),
        count => format!("{count} TLS connections to etcd with the apiservers' own files"),
    };
    vec![
        files,
        "one cluster".to_owned(),
        "the data they serve now".to_owned(),
        "files readable inside the pods".to_owned(),
        format!("{ready} of {} apiservers ready", names.len()),
    ]
}

fn notes(request: &RepointRequest, observed: &Observed, names: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    if request.wish == Wish::Previous {
        let nodes = observed.nodes.iter().filter(|node| node.wanted.is_none());
        notes.extend(nodes.map(|node| format!("{} was never repointed by etcdha.", node.name)));
    }
    if names.is_empty() {
        return notes;
    }
    if observed.nodes.len() + observed.others.len() == 1 {
        notes.push("There is one apiserver: the API is away while it restarts.".to_owned());
    }
    if !observed.left_out.is_empty() {
        notes.push(format!(
            "Left out, since they do not vote yet: {}.",
            observed.left_out.join(", ")
        ));
    }
    if request.wish.needs_members() && !observed.leaving.is_empty() {
        notes.push(format!(
            "Left out, since they are on their way out: {}.",
            observed.leaving.join(", ")
        ));
    }
    for node in &observed.nodes {
        let Some(Ok(wanted)) = &node.wanted else {
            continue;
        };
        let resources: Vec<_> = wanted
            .says
            .overrides
            .iter()
            .map(|(part, _)| part.resource.as_str())
            .collect();
        if !resources.is_empty() {
            notes.push(format!(
                "--etcd-servers-overrides of {} stays as it is ({}).",
                node.name,
                resources.join(", ")
            ));
        }
        if let (true, Some(Ok(found))) = (request.migrate, &node.migration)
            && found.left_behind > 0
        {
            notes.push(format!(
                "{}: {} revisions after revision {}, leases and events only, stay behind in the old \
                 cluster.",
                node.name, found.left_behind, found.revision
            ));
        }
    }
    if request.migrate && names.len() + observed.others.len() > 1 {
        notes.push(
            "Until the last one is moved, the apiservers serve two clusters: stop writers first."
                .to_owned(),
        );
    }
    notes
}
