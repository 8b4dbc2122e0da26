//! A sound cluster of one member, two hosts that wait for it, and ways to disturb them.

use std::time::Duration;

use crate::cluster::{ClusterView, Consistency, MemberInfo, MemberStatus, MemberView};
use crate::model::{ClusterId, ClusterSpec, MemberId, Revision};
use crate::node::DataDirState;
use crate::ops::host_certificates::PairState;
use crate::ops::issuing::load_templates;
use crate::ops::member_add::{CaFileState, MemberAddRequest, Observed, ObservedTarget, PortState};
use crate::ops::node_files::kinds_for;
use crate::pki::Strictness;

const FILE: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
etcd:
  version: 3.5.16
members:
- {name: m1, address: 10.0.0.11}
- {name: m2, address: 10.0.0.12}
- {name: m3, address: 10.0.0.13}
";

/// The id of the cluster.
pub(super) const CLUSTER: ClusterId = ClusterId(0xc1);

/// What the operator wishes: m2 and m3.
pub(super) fn request() -> MemberAddRequest {
    MemberAddRequest {
        spec: ClusterSpec::parse(FILE).unwrap().spec,
        names: vec!["m2".parse().unwrap(), "m3".parse().unwrap()],
        max_lag: 1000,
        wait_seconds: 600,
        allow_two: false,
        passphrase: None,
        replace_certificates: false,
        backup_dir: "/var/lib/etcdha/backups".into(),
    }
}

/// A member as listed, healthy, with the last part of its address for an id.
pub(super) fn member(name: &str, number: u64, is_learner: bool) -> MemberView {
    let status = MemberStatus {
        cluster_id: CLUSTER,
        member_id: MemberId(number),
        version: "3.5.16".into(),
        db_size: 20 * 1024 * 1024,
        db_in_use: 0,
        leader: Some(MemberId(11)),
        is_learner,
        raft_index: 100,
        applied_index: 100,
        raft_term: 2,
        revision: Revision(50),
        errors: Vec::new(),
    };
    MemberView {
        info: MemberInfo {
            id: MemberId(number),
            name: name.into(),
            peer_urls: vec![format!("https://10.0.0.{number}:2380").parse().unwrap()],
            client_urls: vec![format!("https://10.0.0.{number}:2379").parse().unwrap()],
            is_learner,
        },
        status: Ok(status),
        read: Ok(Duration::from_millis(1)),
    }
}

/// A member that is listed and has never started.
pub(super) fn unborn(number: u64) -> MemberView {
    let mut member = member("", number, true);
    let why = "it has not started: it has published no client URL".to_owned();
    member.info.client_urls.clear();
    member.status = Err(why.clone());
    member.read = Err(why);
    member
}

/// A host on which nothing is yet.
pub(super) fn host(request: &MemberAddRequest, name: &str) -> ObservedTarget {
    let name = name.parse().unwrap();
    let spec = request.spec.member(&name).unwrap();
    let kinds = kinds_for(spec).into_iter();
    ObservedTarget {
        name,
        data_dir: DataDirState::Empty,
        manifest: None,
        service: None,
        earlier_attempts: 0,
        other_etcd_manifests: Vec::new(),
        ports: vec![(2380, PortState::Free), (2379, PortState::Free)],
        free_bytes: 40 * 1024 * 1024 * 1024,
        certificates: kinds.map(|kind| (kind, PairState::Missing)).collect(),
        ca_file: CaFileState::Missing,
    }
}

/// m1 alone, and both hosts bare.
pub(super) fn observed(request: &MemberAddRequest) -> Observed {
    let templates = load_templates(&request.spec.pki, Strictness::Lenient).unwrap();
    Observed {
        view: ClusterView {
            cluster_id: CLUSTER,
            members: vec![member("m1", 11, false)],
            alarms: Vec::new(),
            has_quorum: true,
        },
        consistency: Ok(Consistency {
            revision: Revision(50),
            hash: 1,
            members: 1,
        }),
        version: Some("3.5.16".parse().unwrap()),
        clocks: vec![("m1".into(), 0)],
        ca: Ok("CN=etcd-ca".into()),
        templates: templates.value,
        targets: vec![host(request, "m2"), host(request, "m3")],
    }
}

/// Gives a host everything that comes before its member is started.
pub(super) fn prepare(target: &mut ObservedTarget, manifest: Option<String>) {
    for (_, state) in &mut target.certificates {
        *state = PairState::Valid;
    }
    target.ca_file = CaFileState::Trusted;
    target.manifest = manifest;
}
