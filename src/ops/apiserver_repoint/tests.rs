//! Plans and refusals from facts, without a server.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::apiserver::EtcdFlags;
use crate::manifest::ATTEMPT_ANNOTATION;
use crate::model::{ClientUrl, ClusterId, MemberSpec, Revision};
use crate::ops::Refusal;
use crate::ops::apiserver_nodes::{ApiserverManifest, FileTrouble, FoundManifest, read_manifest};
use crate::plan::{Action, ApiserverTarget, CredentialFiles, FileExpectation, Plan, Repoint, Undo};

const FILE: &str = "\
apiVersion: etcdha.dev/v1alpha1
kind: Cluster
name: prod
etcd:
  version: 3.5.16
members:
- {name: m1, address: 10.0.0.11}
- {name: m2, address: 10.0.0.12}
";
const KUBEADM: &str = include_str!("../../../tests/data/manifests/apiserver-kubeadm-1.20.yaml");
const CLUSTER: ClusterId = ClusterId(0xc1);
const OTHER: ClusterId = ClusterId(0xc2);

fn request(wish: Wish) -> RepointRequest {
    RepointRequest {
        spec: ClusterSpec::parse(FILE).unwrap().spec,
        names: vec!["m1".parse().unwrap(), "m2".parse().unwrap()],
        wish,
        files: FileWish::default(),
        joining: Vec::new(),
        migrate: false,
        wait_seconds: 180,
        kubeconfig: None,
        receipts: "/var/lib/etcdha/receipts".into(),
        backup_dir: "/var/lib/etcdha/backups".into(),
    }
}

fn member<'a>(request: &'a RepointRequest, name: &str) -> &'a MemberSpec {
    request.spec.member(&name.parse().unwrap()).unwrap()
}

/// kubeadm's manifest on a node, with these servers.
fn manifest(request: &RepointRequest, name: &str, servers: &str) -> ApiserverManifest {
    let member = member(request, name);
    let address = member.address.to_string();
    let mut text = String::new();
    for line in KUBEADM.lines() {
        let line = match line.split_once("--etcd-servers=") {
            Some((head, _)) => format!("{head}--etcd-servers={servers}"),
            None if line.contains("--advertise-address=") => {
                format!("    - --advertise-address={address}")
            }
            None => line.to_owned(),
        };
        text.push_str(&line);
        text.push('\n');
    }
    let says = read_manifest(&text, member).unwrap().unwrap();
    ApiserverManifest {
        path: "/etc/kubernetes/manifests/kube-apiserver.yaml".into(),
        mode: 0o600,
        text,
        says,
    }
}

fn wanted(request: &RepointRequest, name: &str, servers: &str) -> Wanted {
    let ApiserverManifest { text, says, .. } = manifest(request, name, servers);
    let answer = Answer {
        cluster_id: CLUSTER,
        is_promised: false,
        is_learner: false,
    };
    let answers = says.etcd.dial.iter().map(|url| (url.clone(), Ok(answer)));
    Wanted {
        label: label(&request.spec, &says.etcd.dial),
        answers: answers.collect(),
        troubles: Vec::new(),
        silent_overrides: Vec::new(),
        text,
        says,
    }
}

fn target(says: &crate::ops::apiserver_nodes::ManifestSays, name: &str) -> ApiserverTarget {
    ApiserverTarget {
        name: name.parse().unwrap(),
        url: says.url.clone(),
        process: says.process.clone(),
        credentials: CredentialFiles::Kubeconfig {
            on: name.into(),
            path: "/etc/kubernetes/admin.conf".into(),
        },
    }
}

/// A node whose apiserver uses its own member, and is to use both.
fn node(request: &RepointRequest, name: &str) -> ObservedNode {
    let current = manifest(request, name, "https://127.0.0.1:2379");
    let address = member(request, name).address;
    let other = if name == "m1" {
        "10.0.0.12"
    } else {
        "10.0.0.11"
    };
    let both = format!("https://{address}:2379,https://{other}:2379");
    ObservedNode {
        name: name.parse().unwrap(),
        wanted: Some(Ok(wanted(request, name, &both))),
        serving: Serving::Cluster(CLUSTER),
        target: Some(target(&current.says, name)),
        ready: Ok(()),
        running: Some(current.says.etcd.flags.clone()),
        crashed: BTreeSet::new(),
        last: None,
        migration: None,
        manifest: FoundManifest::One(Box::new(current)),
    }
}

fn observed(request: &RepointRequest) -> Observed {
    Observed {
        nodes: vec![node(request, "m1"), node(request, "m2")],
        others: Vec::new(),
        left_out: Vec::new(),
        leaving: Vec::new(),
    }
}

/// Makes a node what it is to be, as far as its file goes.
fn written(node: &mut ObservedNode) {
    let (FoundManifest::One(current), Some(Ok(wanted))) = (&mut node.manifest, &node.wanted) else {
        panic!("the node has both");
    };
    current.text.clone_from(&wanted.text);
    current.says = wanted.says.clone();
}

fn settled(node: &mut ObservedNode) {
    written(node);
    let Some(Ok(wanted)) = &node.wanted else {
        panic!("it is known")
    };
    node.running = Some(wanted.says.etcd.flags.clone());
}

fn lines(plan: &Plan) -> String {
    let line = |step: &crate::plan::Step| {
        format!(
            "{:<56}{:<4}{}",
            step.action.to_string(),
            step.on,
            step.action.undo()
        )
    };
    plan.steps.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn repoints(plan: &Plan) -> BTreeMap<&str, &Repoint> {
    let steps = plan.steps.iter();
    steps
        .filter_map(|step| match &step.action {
            Action::RepointApiserver(repoint) => Some((step.on.as_str(), &**repoint)),
            _ => None,
        })
        .collect()
}

#[test]
fn one_node_is_proven_before_the_next_is_begun() {
    let request = request(Wish::LocalFirst);
    let mut observed = observed(&request);
    observed.left_out = vec!["m3".into()];
    let plan = plan(&request, &observed).unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}\n\n{}\n\n{}", plan.headline, lines(&plan),
        plan.notes.join("\n"), plan.checked.join("\n")), @r"
    point 2 apiservers of prod at every etcd member, its own first

    write kube-apiserver.yaml (etcd: m1 m2)                 m1  exact
    wait until its pod is replaced and ready (≤ 3m)         m1  -
    prove: a write through it is in etcd, others' are seen  m1  none: etcdha apiserver rollback
    write kube-apiserver.yaml (etcd: m2 m1)                 m2  exact
    wait until its pod is replaced and ready (≤ 3m)         m2  -
    prove: a write through it is in etcd, others' are seen  m2  none: etcdha apiserver rollback

    Left out, since they do not vote yet: m3.

    4 TLS connections to etcd with the apiservers' own files
    one cluster
    the data they serve now
    files readable inside the pods
    2 of 2 apiservers ready
    ");
    let barrier = plan
        .steps
        .iter()
        .position(|s| matches!(s.action.undo(), Undo::None(_)));
    assert_eq!(
        barrier,
        Some(2),
        "what is proven stays when a later node fails"
    );
}

#[test]
fn nodes_that_run_as_they_should_are_left_alone() {
    let request = request(Wish::LocalFirst);
    let mut observed = observed(&request);
    settled(&mut observed.nodes[0]);
    let plan_of = |observed: &Observed| plan(&request, observed).unwrap();
    assert!(plan_of(&observed).steps.iter().all(|step| step.on == "m2"));
    settled(&mut observed.nodes[1]);
    assert!(plan_of(&observed).is_empty());
    // Its process can't be seen, and nothing says that a run was interrupted.
    observed.nodes[1].running = None;
    assert!(plan_of(&observed).is_empty());
    observed.nodes[1].ready = Err("/livez answers 500".into());
    assert_eq!(plan_of(&observed).steps.len(), 3);
}

#[test]
fn a_killed_run_is_finished_and_can_still_go_back() {
    let request = request(Wish::LocalFirst);
    let mut observed = observed(&request);
    let old = FileExpectation::of(b"what stood there before");
    let FileExpectation::Sha256 { hash } = old.clone() else {
        panic!("a hash");
    };
    let node = &mut observed.nodes[0];
    written(node);
    let Some(Ok(wanted)) = &node.wanted else {
        panic!("it is known")
    };
    node.last = Some(LastRepoint {
        old_sha256: hash,
        new_text: wanted.text.clone(),
        is_proven: false,
    });
    node.running = None;
    let plan = plan(&request, &observed).unwrap();
    let repoint = repoints(&plan)["m1"];
    assert_eq!(repoint.file.expect, old);
    assert!(repoint.was_ready && repoint.before.is_none());
}

#[test]
fn a_text_that_crashed_is_numbered_as_another_attempt() {
    let request = request(Wish::LocalFirst);
    let mut observed = observed(&request);
    let node = &mut observed.nodes[0];
    let Some(Ok(wanted)) = &node.wanted else {
        panic!("it is known")
    };
    let FileExpectation::Sha256 { hash } = FileExpectation::of(wanted.text.as_bytes()) else {
        panic!("a hash");
    };
    node.crashed.insert(hash[..16].to_owned());
    let plan = plan(&request, &observed).unwrap();
    let text = &repoints(&plan)["m1"].file.contents;
    assert!(
        text.contains(&format!("{ATTEMPT_ANNOTATION}: \"2\"")),
        "{text}"
    );
    assert!(
        !repoints(&plan)["m2"]
            .file
            .contents
            .contains(ATTEMPT_ANNOTATION)
    );
}

#[test]
fn going_back_leaves_out_what_was_never_repointed() {
    let request = request(Wish::Previous);
    let mut observed = observed(&request);
    observed.nodes[1].wanted = None;
    let plan = plan(&request, &observed).unwrap();
    assert_eq!(plan.command, "apiserver rollback");
    assert!(plan.steps.iter().all(|step| step.on == "m1"));
    assert_eq!(plan.notes, ["m2 was never repointed by etcdha."]);
}

fn refusal(change: impl FnOnce(&mut RepointRequest, &mut Observed)) -> Refusal {
    let mut request = request(Wish::LocalFirst);
    let mut observed = observed(&request);
    change(&mut request, &mut observed);
    plan(&request, &observed).unwrap_err()
}

fn wanted_of(observed: &mut Observed) -> &mut Wanted {
    match observed.nodes[1].wanted.as_mut() {
        Some(Ok(wanted)) => wanted,
        _ => panic!("it is known"),
    }
}

fn answers(id: ClusterId, is_learner: bool) -> Result<Answer, String> {
    Ok(Answer {
        cluster_id: id,
        is_promised: false,
        is_learner,
    })
}

fn every_refusal() -> Vec<Refusal> {
    let all_of = |observed: &mut Observed, id: ClusterId| {
        for (_, answer) in &mut wanted_of(observed).answers {
            *answer = answers(id, false);
        }
    };
    let migration = |is_equal| Migration {
        revision: Revision(7),
        is_equal,
        left_behind: 0,
        lost: vec!["/registry/configmaps/default/kept".into()],
    };
    vec![
        refusal(|_, o| o.nodes[1].manifest = FoundManifest::None),
        refusal(|_, o| {
            o.nodes[1].manifest = FoundManifest::Several(vec!["/a.yaml".into(), "/b.bak".into()]);
        }),
        refusal(|_, o| {
            o.nodes[1].manifest = FoundManifest::OfAnother("/a.yaml".into(), "10.0.0.11".into());
        }),
        refusal(|_, o| {
            o.nodes[1].manifest = FoundManifest::Unreadable("/a.yaml".into(), "no pod".into());
        }),
        refusal(|_, o| {
            let changed = Refusal::new("manifest-changed", "changed since", "mend it");
            o.nodes[1].wanted = Some(Err(changed));
        }),
        refusal(|_, o| {
            let file = ("--etcd-cafile=/x".to_owned(), FileTrouble::Missing);
            wanted_of(o).troubles.push(file);
        }),
        refusal(|_, o| o.nodes[1].target = None),
        refusal(|_, o| o.nodes[1].ready = Err("/livez answers 401".into())),
        refusal(|_, o| wanted_of(o).answers[0].1 = Err("UnknownIssuer".into())),
        refusal(|_, o| wanted_of(o).answers[0].1 = answers(CLUSTER, true)),
        refusal(|_, o| {
            let silent = (
                "/events".to_owned(),
                "https://10.0.0.9:2379: refused".to_owned(),
            );
            wanted_of(o).silent_overrides.push(silent);
        }),
        refusal(|_, o| wanted_of(o).answers[0].1 = answers(OTHER, false)),
        refusal(|_, o| wanted_of(o).answers.clear()),
        refusal(|_, o| all_of(o, OTHER)),
        refusal(|_, o| o.nodes[1].serving = Serving::Unknown("refused".into())),
        refusal(|request, o| {
            request.migrate = true;
            all_of(o, OTHER);
            o.nodes[1].migration = Some(Ok(migration(false)));
        }),
        refusal(|request, o| {
            request.migrate = true;
            all_of(o, OTHER);
            o.nodes[1].migration = Some(Ok(migration(true)));
        }),
    ]
}

#[test]
fn each_refusal_says_what_was_found() {
    let shown = every_refusal()
        .iter()
        .map(|refusal| format!("[{}] {}\n  {}", refusal.id, refusal.what, refusal.fix))
        .collect::<Vec<_>>();
    insta::assert_snapshot!(shown.join("\n"), @r"
    [apiserver-manifest-missing] m2 has no kube-apiserver in its manifest directory
      name the nodes that have one, or correct roles: in the cluster file
    [apiserver-manifest-ambiguous] m2 has several kube-apiservers: /a.yaml, /b.bak
      the kubelet runs every file there: move all but one out of the directory
    [apiserver-manifest-foreign] /a.yaml under the root of m2 advertises 10.0.0.11
      name where each host's root is mounted: root: in the cluster file, or --member-root NAME=DIR; or name only the nodes that are here
    [manifest-not-editable] /a.yaml on m2 can't be read: no pod
      correct it first: etcdha manifest lint shows its lines
    [manifest-changed] changed since
      mend it
    [file-not-in-pod] --etcd-cafile=/x: m2 has no such file
      issue it (etcdha certs gen), or name another: --etcd-cafile, --etcd-certfile, --etcd-keyfile
    [apiserver-unverifiable] there is no CA to verify the apiserver of m2 with
      name a kubeconfig of an administrator: --kubeconfig /etc/kubernetes/admin.conf
    [apiserver-unverifiable] the apiserver of m2: /livez answers 401
      name a kubeconfig of an administrator: --kubeconfig /etc/kubernetes/admin.conf
    [etcd-server-unusable] with the files of m2's apiserver, https://10.0.0.12:2379 can't be used: UnknownIssuer
      start it, or leave it out (--servers URL,…); name the files that it accepts: --etcd-cafile, --etcd-certfile, --etcd-keyfile
    [etcd-server-learner] https://10.0.0.12:2379 is a learner and serves no reads
      promote it first, or leave it out: --servers URL,…
    [override-unusable] the servers of --etcd-servers-overrides for /events share the files of m2's apiserver, and with them https://10.0.0.9:2379: refused
      choose files that they accept as well, or remove the override first
    [two-clusters] the servers are of two clusters: https://10.0.0.12:2379 of c2, https://10.0.0.11:2379 of c1
      name servers of one cluster: an apiserver mixes the data of both
    [no-etcd-servers] the manifest of m2 would name no etcd server
      name them: --servers https://HOST:2379,…
    [foreign-etcd] the apiserver of m2 serves the data of cluster c1, and the servers are of cluster c2
      name servers of the same cluster; where the data was moved there on purpose: --migrate
    [etcd-unknown] which data the apiserver of m2 serves can't be told: its etcd does not answer: refused
      bring that etcd back first; an apiserver that gets another cluster's data shows an empty or an old cluster
    [migration-differs] clusters c1 and c2 hold different data at revision 7
      stop what writes to the old cluster, then copy the data anew: take a snapshot of it and restore that to the new one
    [migration-differs] cluster c1 has changed since revision 7, which is all that cluster c2 has: lost would be /registry/configmaps/default/kept and 0 more
      stop what writes to the old cluster, then copy the data anew: take a snapshot of it and restore that to the new one
    ");
}

#[test]
fn every_refusal_is_documented() {
    let found: BTreeSet<_> = every_refusal().iter().map(|refusal| refusal.id).collect();
    let listed: BTreeSet<_> = REFUSALS.into();
    assert_eq!(found, listed);
    let document = include_str!("../../../docs/refusals.md");
    for id in REFUSALS {
        assert!(
            document.contains(&format!("| `{id}` |")),
            "{id} is not in docs/refusals.md"
        );
    }
}

#[test]
fn an_equal_copy_of_the_data_is_accepted_when_asked_for() {
    let mut request = request(Wish::LocalFirst);
    request.migrate = true;
    let mut observed = observed(&request);
    for node in &mut observed.nodes {
        node.serving = Serving::Cluster(OTHER);
        node.migration = Some(Ok(Migration {
            revision: Revision(7),
            is_equal: true,
            left_behind: 3,
            lost: Vec::new(),
        }));
    }
    let plan = plan(&request, &observed).unwrap();
    insta::assert_snapshot!(plan.notes.join("\n"), @r"
    m1: 3 revisions after revision 7, leases and events only, stay behind in the old cluster.
    m2: 3 revisions after revision 7, leases and events only, stay behind in the old cluster.
    Until the last one is moved, the apiservers serve two clusters: stop writers first.
    ");
    let proofs = plan.steps.iter().filter_map(|step| match &step.action {
        Action::ProveWriteThrough { others, .. } => Some(others.len()),
        _ => None,
    });
    assert_eq!(
        proofs.collect::<Vec<_>>(),
        [0, 1],
        "the old cluster proves nothing"
    );
}

#[test]
fn loopback_is_the_nodes_own_member() {
    let request = request(Wish::All);
    let found = manifest(
        &request,
        "m2",
        "https://127.0.0.1:2379,https://10.0.0.9:2379",
    );
    let dial: Vec<String> = found
        .says
        .etcd
        .dial
        .iter()
        .map(ClientUrl::to_string)
        .collect();
    assert_eq!(dial, ["https://10.0.0.12:2379", "https://10.0.0.9:2379"]);
    assert_eq!(
        label(&request.spec, &found.says.etcd.dial),
        "m2 https://10.0.0.9:2379"
    );
    let flags: EtcdFlags = found.says.etcd.flags;
    assert_eq!(flags.servers[0], "https://127.0.0.1:2379");
}
