//! What repointing looks at: manifests, files, etcd as each apiserver will meet it, apiservers.
//! Changes nothing.

use std::collections::BTreeSet;
use std::path::Path;

use crate::apiserver::demand_ready;
use crate::cluster::{self, ClusterAccess, ClusterError, ClusterView};
use crate::model::{ClientUrl, ClusterId, MemberSpec};
use crate::node::LocalNode;
use crate::ops::Refusal;
use crate::ops::apiserver_nodes::{
    ApiserverManifest, FoundManifest, LOOK_PATIENCE, ManifestSays, control_plane,
    credential_places, file_troubles, find_manifest, reach, read_manifest, running_flags,
};
use crate::ops::node_files::{local_node, operator_node};
use crate::ops::receipts::{FoundReceipt, list};
use crate::plan::{ApiserverTarget, ReceiptError};
use crate::sys::files::{self, FileError};

use super::etcd::{answers, listed_urls, migration};
use super::history::{last_change, last_repoint};
use super::observed::{Observed, ObservedNode, Serving, Wanted};
use super::{RepointRequest, Wish, wanted};

/// Why looking failed.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// etcd does not answer.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A file can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A receipt can't be read.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
}

struct Look<'a> {
    request: &'a RepointRequest,
    view: Option<&'a ClusterView>,
    nodes: &'a [LocalNode],
    receipts: &'a [FoundReceipt],
}

/// Looks at everything repointing decides on. `access` is asked for the members.
///
/// # Errors
/// Where no member answers though the members decide, or a node's files can't be read.
pub async fn observe(
    request: &RepointRequest,
    access: &ClusterAccess,
) -> Result<Observed, ObserveError> {
    let view = match request.wish.needs_members() {
        true => Some(cluster::observe(access).await?),
        false => None,
    };
    let mut nodes: Vec<_> = control_plane(&request.spec).map(local_node).collect();
    nodes.push(operator_node());
    let receipts = list(&request.receipts)?;
    let look = Look {
        request,
        view: view.as_ref(),
        nodes: &nodes,
        receipts: &receipts,
    };
    let mut observed = Observed {
        nodes: Vec::new(),
        others: Vec::new(),
        left_out: left_out(request, view.as_ref()),
        leaving: leaving(request, view.as_ref()),
    };
    for name in &request.names {
        let member = control_plane(&request.spec).find(|member| member.name == *name);
        if let Some(member) = member {
            observed.nodes.push(look.node(member).await?);
        }
    }
    for member in control_plane(&request.spec) {
        if !request.names.contains(&member.name) {
            observed.others.extend(look.ready_other(member).await?);
        }
    }
    Ok(observed)
}

fn left_out(request: &RepointRequest, view: Option<&ClusterView>) -> Vec<String> {
    let Some(view) = view else { return Vec::new() };
    let members = request.spec.staying_members();
    members
        .filter(|member| !request.joining.contains(&member.name))
        .filter(|member| !wanted::votes(&request.spec, view, member))
        .map(|member| member.name.to_string())
        .collect()
}

fn leaving(request: &RepointRequest, view: Option<&ClusterView>) -> Vec<String> {
    let Some(view) = view else { return Vec::new() };
    let members = request.spec.leaving_members();
    members
        .filter(|member| wanted::votes(&request.spec, view, member))
        .map(|member| member.name.to_string())
        .collect()
}

/// A server answers for itself.
fn itself(_: &ClientUrl) -> Option<ClientUrl> {
    None
}

impl Look<'_> {
    async fn node(&self, member: &MemberSpec) -> Result<ObservedNode, ObserveError> {
        let node = local_node(member);
        let mut seen = ObservedNode {
            name: member.name.clone(),
            manifest: find_manifest(&node, member, &self.request.spec)?,
            wanted: None,
            serving: Serving::Unknown("there is no manifest".into()),
            target: None,
            ready: Err("there is no manifest".into()),
            running: None,
            crashed: crashed(&node, &self.request.backup_dir)?,
            last: last_change(self.receipts, &member.name),
            migration: None,
        };
        let FoundManifest::One(current) = seen.manifest.clone() else {
            return Ok(seen);
        };
        seen.running = running_flags(&node, &current.says.process);
        seen.target = self.target(member, &node, &current.says).await;
        seen.ready = match &seen.target {
            Some(target) => self.ready(target).await,
            None => Err("there is no CA to verify it with".to_owned()),
        };
        seen.wanted = self.wanted(member, &node, &current).await?;
        if let Some(Ok(wanted)) = &seen.wanted {
            seen.serving = self.serving(&node, &current.says, wanted).await;
            if self.request.migrate {
                seen.migration = migration(&node, &current.says.etcd, &wanted.says.etcd).await;
            }
        }
        Ok(seen)
    }

    async fn target(
        &self,
        member: &MemberSpec,
        node: &LocalNode,
        says: &ManifestSays,
    ) -> Option<ApiserverTarget> {
        let kubeconfig = self.request.kubeconfig.as_deref();
        let places = credential_places(kubeconfig, node, self.nodes, says);
        reach(member, says, places, self.nodes).await
    }

    async fn ready(&self, target: &ApiserverTarget) -> Result<(), String> {
        let access = target
            .access(self.nodes, LOOK_PATIENCE)
            .map_err(|error| error.to_string())?;
        demand_ready(&access).await
    }

    /// The apiserver of a node that is left alone, where it is ready.
    async fn ready_other(
        &self,
        member: &MemberSpec,
    ) -> Result<Option<ApiserverTarget>, ObserveError> {
        let node = local_node(member);
        let FoundManifest::One(manifest) = find_manifest(&node, member, &self.request.spec)? else {
            return Ok(None);
        };
        let Some(target) = self.target(member, &node, &manifest.says).await else {
            return Ok(None);
        };
        let is_ready = self.ready(&target).await.is_ok();
        Ok(is_ready.then_some(target))
    }

    async fn wanted(
        &self,
        member: &MemberSpec,
        node: &LocalNode,
        current: &ApiserverManifest,
    ) -> Result<Option<Result<Wanted, Refusal>>, ObserveError> {
        let texts = match &self.request.wish {
            Wish::Previous => match self.previous(member, node, current)? {
                Some(text) => vec![text],
                None => return Ok(None),
            },
            _ => {
                let has = |path: &Path| node.read_followed(path).is_ok_and(|file| file.is_some());
                let sets = wanted::candidates(self.request, member, current, &has);
                sets.into_iter()
                    .map(|files| wanted::text(self.request, member, current, self.view, files))
                    .collect()
            }
        };
        let mut best: Option<Wanted> = None;
        for text in texts {
            let text = match text {
                Ok(text) => text,
                Err(refusal) => return Ok(Some(Err(refusal))),
            };
            let wanted = match self.examine(member, node, text).await {
                Ok(wanted) => wanted,
                Err(refusal) => return Ok(Some(Err(refusal))),
            };
            let works = wanted.troubles.is_empty()
                && wanted.answers.iter().all(|(_, answer)| answer.is_ok());
            if works {
                return Ok(Some(Ok(wanted)));
            }
            best.get_or_insert(wanted);
        }
        Ok(best.map(Ok))
    }

    /// The manifest before the last repoint; the present one where it is that already. Nothing where
    /// the node was never repointed.
    fn previous(
        &self,
        member: &MemberSpec,
        node: &LocalNode,
        current: &ApiserverManifest,
    ) -> Result<Option<Result<String, Refusal>>, ObserveError> {
        let Some(last) = last_repoint(self.receipts, &member.name) else {
            return Ok(None);
        };
        if last.is_old(&current.text) {
            return Ok(Some(Ok(current.text.clone())));
        }
        let name = &member.name;
        if last.new_text != current.text {
            let what = format!(
                "{} on {name} was changed after the last repoint",
                current.path.display()
            );
            let fix =
                "point it where you want it instead: etcdha apiserver repoint --servers URL,…";
            return Ok(Some(Err(Refusal::new("manifest-changed", what, fix))));
        }
        let file = current.path.file_name().unwrap_or_default().display();
        let copy = format!(
            "{file}.{}",
            &last.old_sha256[..16.min(last.old_sha256.len())]
        );
        let copy = self.request.backup_dir.join(copy);
        let Some(bytes) = node.read(&copy)? else {
            let what = format!(
                "the copy of {name}'s old manifest is gone: {}",
                copy.display()
            );
            let fix =
                "point it where you want it instead: etcdha apiserver repoint --servers URL,…";
            return Ok(Some(Err(Refusal::new("manifest-changed", what, fix))));
        };
        Ok(Some(Ok(String::from_utf8_lossy(&bytes).into_owned())))
    }

    /// Looks at a manifest to be as its apiserver will: files on the node, etcd through them.
    async fn examine(
        &self,
        member: &MemberSpec,
        node: &LocalNode,
        text: String,
    ) -> Result<Wanted, Refusal> {
        let says = match read_manifest(&text, member) {
            Ok(Some(says)) => says,
            Ok(None) => return Err(unreadable(member, "it holds no kube-apiserver")),
            Err(why) => return Err(unreadable(member, &why)),
        };
        let spec = &self.request.spec;
        let mut silent_overrides = Vec::new();
        for (part, urls) in &says.overrides {
            for (url, answer) in answers(node, &says.etcd, urls, itself).await {
                if let Err(why) = answer {
                    silent_overrides.push((part.resource.clone(), format!("{url}: {why}")));
                }
            }
        }
        Ok(Wanted {
            label: wanted::label(spec, &says.etcd.dial),
            troubles: file_troubles(node, &text, &says),
            answers: answers(node, &says.etcd, &says.etcd.dial, |url| self.stand_in(url)).await,
            silent_overrides,
            text,
            says,
        })
    }

    /// A present member for a server that joins before it is needed: both verify clients with one CA.
    fn stand_in(&self, url: &ClientUrl) -> Option<ClientUrl> {
        let spec = &self.request.spec;
        let mut joining = self.request.joining.iter();
        let joins = joining.any(|name| {
            let member = spec.member(name);
            member.is_some_and(|member| spec.client_url(member) == *url)
        });
        joins
            .then(|| self.view?.live_endpoints().into_iter().next())
            .flatten()
    }

    /// The cluster whose data the apiserver serves now.
    async fn serving(&self, node: &LocalNode, now: &ManifestSays, wanted: &Wanted) -> Serving {
        let found = answers(node, &now.etcd, &now.etcd.dial, itself).await;
        let ids: BTreeSet<ClusterId> = found
            .iter()
            .filter_map(|(_, answer)| Some(answer.as_ref().ok()?.cluster_id))
            .collect();
        if let Some(id) = ids.first() {
            return Serving::Cluster(*id);
        }
        let why = found.into_iter().find_map(|(_, answer)| answer.err());
        let why = why.unwrap_or_else(|| "it has no etcd server".to_owned());
        let Some(id) = wanted.cluster_id() else {
            return Serving::Unknown(why);
        };
        let listed = listed_urls(node, &wanted.says.etcd).await;
        let dial = &now.etcd.dial;
        match !dial.is_empty() && dial.iter().all(|url| listed.contains(url)) {
            true => Serving::MemberOf(id),
            false => Serving::Unknown(why),
        }
    }
}

fn unreadable(member: &MemberSpec, why: &str) -> Refusal {
    let what = format!("the manifest to be of {} can't be read: {why}", member.name);
    let fix = "correct it by hand and run it again";
    Refusal::new("manifest-not-editable", what, fix)
}

/// Hashes of manifests that did not come up on the node.
fn crashed(node: &LocalNode, backups: &Path) -> Result<BTreeSet<String>, FileError> {
    let names = files::list(&node.local(backups))?;
    let hashes = names.iter().filter_map(|name| {
        let (head, hash) = name.rsplit_once('.')?;
        head.ends_with(".crashed").then(|| hash.to_owned())
    });
    Ok(hashes.collect())
}
