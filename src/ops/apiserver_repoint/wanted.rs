//! The manifest to be. Pure, apart from a question for files.

use std::path::Path;

use crate::cluster::ClusterView;
use crate::manifest::apiserver::{EtcdEndpoints, repoint};
use crate::model::{ClientUrl, ClusterSpec, MemberSpec};
use crate::ops::Refusal;
use crate::ops::apiserver_nodes::ApiserverManifest;
use crate::ops::node_files::{ca_in, pair_in};
use crate::pki::CertificateKind;

use super::{RepointRequest, Wish};

/// The text of a node's manifest with the etcd wished for, reached with `files`.
///
/// # Errors
/// A [`Refusal`] where no servers come of the wish, or the text can't be edited.
pub(super) fn text(
    request: &RepointRequest,
    member: &MemberSpec,
    current: &ApiserverManifest,
    view: Option<&ClusterView>,
    files: Files,
) -> Result<String, Refusal> {
    let servers = servers(request, member, view)?;
    let [ca_file, cert_file, key_file] = files;
    let endpoints = EtcdEndpoints {
        servers,
        ca_file,
        cert_file,
        key_file,
    };
    repoint(&current.text, &endpoints).map_err(|error| {
        let what = format!(
            "{} on {} can't be edited: {}:{error}",
            current.path.display(),
            member.name,
            current.path.display()
        );
        let fix = "write that place plainly, or change the flags there by hand and run it again";
        Refusal::new("manifest-not-editable", what, fix)
    })
}

fn servers(
    request: &RepointRequest,
    member: &MemberSpec,
    view: Option<&ClusterView>,
) -> Result<Vec<ClientUrl>, Refusal> {
    let spec = &request.spec;
    let own = spec.client_url(member);
    let mut servers: Vec<ClientUrl> = match view {
        Some(view) => voters(request, view)
            .map(|voter| spec.client_url(voter))
            .collect(),
        None => Vec::new(),
    };
    let name = &member.name;
    match &request.wish {
        Wish::Urls(urls) => return Ok(urls.clone()),
        Wish::All | Wish::Previous => {}
        Wish::LocalFirst => servers.sort_by_key(|url| *url != own),
        Wish::Local => {
            servers.retain(|url| *url == own);
            if servers.is_empty() {
                let what = format!("no voting member of etcd that stays runs on {name}");
                let fix = "use all members: --servers all";
                return Err(Refusal::new("no-etcd-servers", what, fix));
            }
        }
    }
    match servers.is_empty() {
        true => Err(none_votes(spec)),
        false => Ok(servers),
    }
}

fn none_votes(spec: &ClusterSpec) -> Refusal {
    let id = "no-etcd-servers";
    match spec.leaving_members().next() {
        None => Refusal::new(
            id,
            "no member of the cluster file is a voting member of the living cluster",
            "correct the addresses in the cluster file: etcdha member list shows the living ones",
        ),
        Some(_) => {
            let topology = spec.topology.as_str();
            let what = format!("no {topology} member of the cluster file votes yet");
            Refusal::new(id, what, "add them in the same plan: etcdha topology move")
        }
    }
}

/// The members of the cluster file that stay and vote in the living cluster, in the file's order.
fn voters<'a>(
    request: &'a RepointRequest,
    view: &'a ClusterView,
) -> impl Iterator<Item = &'a MemberSpec> {
    let spec = &request.spec;
    spec.staying_members()
        .filter(|member| request.joining.contains(&member.name) || votes(spec, view, member))
}

/// True where the member votes.
pub(super) fn votes(spec: &ClusterSpec, view: &ClusterView, member: &MemberSpec) -> bool {
    let (client, peer) = (spec.client_url(member), spec.peer_url(member));
    view.voters().any(|voter| {
        voter.info.client_urls.contains(&client) || voter.info.peer_urls.contains(&peer)
    })
}

/// CA, certificate and key.
pub(super) type Files = [String; 3];

/// The sets of files that may do, best first: those the manifest names, so that no more changes than
/// must, then those of the cluster file. What the operator names stands in every set. `has` tells
/// whether the node has a file.
pub(super) fn candidates(
    request: &RepointRequest,
    member: &MemberSpec,
    current: &ApiserverManifest,
    has: &dyn Fn(&Path) -> bool,
) -> Vec<Files> {
    let spec = &request.spec;
    let kind = CertificateKind::ApiserverEtcdClient;
    let pair = pair_in(&spec.pki.host_dir, spec, member, kind);
    let declared = [ca_in(&spec.pki.host_dir, spec), pair.cert, pair.key];
    let declared = declared.map(|path| path.to_string_lossy().into_owned());
    let flags = current.says.etcd.flags.clone();
    let mut sets = Vec::new();
    if let (Some(ca), Some(cert), Some(key)) = (flags.ca_file, flags.cert_file, flags.key_file) {
        sets.push([ca, cert, key]);
    }
    if sets.is_empty() || declared.iter().all(|path| has(Path::new(path))) {
        sets.push(declared);
    }
    let wishes = &request.files;
    let wishes = [&wishes.ca_file, &wishes.cert_file, &wishes.key_file];
    for set in &mut sets {
        for (file, wish) in set.iter_mut().zip(wishes) {
            if let Some(wish) = wish {
                *file = wish.to_string_lossy().into_owned();
            }
        }
    }
    sets.dedup();
    sets
}

/// Servers as people call them: members by name, others by URL.
pub(crate) fn label(spec: &ClusterSpec, dial: &[ClientUrl]) -> String {
    let name = |url: &ClientUrl| {
        let mut members = spec.etcd_members();
        let member = members.find(|member| {
            url.0.port == spec.etcd.client_port
                && member
                    .addresses()
                    .any(|address| url.0.host == crate::model::Host::Ip(address))
        });
        member.map_or_else(|| url.to_string(), |member| member.name.to_string())
    };
    dial.iter().map(name).collect::<Vec<_>>().join(" ")
}
