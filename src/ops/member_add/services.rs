//! Members under systemd: everything on their hosts, written before the cluster knows of the first.

use std::path::{Path, PathBuf};

use crate::manifest;
use crate::model::{MemberSpec, PeerUrl};
use crate::node::DataDirState;
use crate::ops::Refusal;
use crate::ops::node_files::{UNIT_MODE, ca_in, pair_in, unit_config};
use crate::pki::CertificateKind;
use crate::plan::{Action, FileExpectation, GiveFiles, JoinTarget, WriteFile};

use super::observed::ObservedTarget;
use super::plan::Builder;

impl Builder<'_> {
    /// Everything on the hosts whose services a person must start, before the cluster knows of the
    /// first of them: nobody may have to be waited for while two members vote.
    pub(super) fn stage_services(&mut self, joining: &[&ObservedTarget]) -> Result<(), Refusal> {
        let mut listed = self.members.clone();
        for target in joining {
            let (Some(spec), Some(member)) = (self.spec(target), self.join_target(target)) else {
                continue;
            };
            if target.service.is_none() {
                continue;
            }
            let on = target.name.as_str();
            listed.retain(|(_, url)| *url != member.peer_url);
            listed.push((on.to_owned(), member.peer_url.clone()));
            let is_empty = target.data_dir == DataDirState::Empty;
            if is_empty {
                let data_dir = self.data_dir(&member);
                self.push(on, data_dir);
            }
            if let Some(give) = self.give_files(target, spec) {
                self.push(on, give);
            }
            for action in self.service(target, spec, &member, listed.clone())? {
                self.push(on, action);
            }
            if is_empty {
                let wait = Action::WaitTried {
                    path: self.request.spec.etcd.data_dir.clone(),
                    deadline_seconds: self.request.wait_seconds,
                };
                self.push(on, wait);
            }
        }
        Ok(())
    }

    /// What lets the user that runs the service read its keys; nothing for one that may everything.
    fn give_files(&self, target: &ObservedTarget, spec: &MemberSpec) -> Option<Action> {
        let account = target.service.as_ref()?.account?;
        if account.uid == 0 {
            return None;
        }
        let cluster = &self.request.spec;
        let directory = &cluster.pki.host_dir;
        let mut owned = vec![cluster.etcd.data_dir.clone(), ca_in(directory, cluster)];
        // The other pairs are of etcd's clients.
        for kind in [CertificateKind::Server, CertificateKind::Peer] {
            let pair = pair_in(directory, cluster, spec, kind);
            owned.extend([pair.cert, pair.key]);
        }
        let mut entered: Vec<PathBuf> = Vec::new();
        for file in &owned[1..] {
            let parents = file.ancestors().skip(1);
            let inside = parents.take_while(|parent| parent.starts_with(directory));
            for parent in inside {
                if !entered.iter().any(|known| known == parent) {
                    entered.push(parent.to_owned());
                }
            }
        }
        Some(Action::GiveFiles(GiveFiles {
            user: cluster.etcd.service.user.clone(),
            uid: account.uid,
            gid: account.gid,
            owned,
            entered,
        }))
    }

    /// Environment file, unit, and the word to a person where the member does not run yet.
    fn service(
        &self,
        target: &ObservedTarget,
        spec: &MemberSpec,
        member: &JoinTarget,
        members: Vec<(String, PeerUrl)>,
    ) -> Result<Vec<Action>, Refusal> {
        let cluster = &self.request.spec;
        let listed = members.len();
        let state = manifest::ClusterState::Existing;
        let config = unit_config(cluster, spec, members, state);
        let files = manifest::render_unit(&config).map_err(|error| {
            let fix = "correct the cluster file: etcdha config check";
            Refusal::new("manifest-impossible", error.to_string(), fix)
        })?;
        let write = |path: &Path, contents: String, old: Option<&String>, what: String| {
            Action::WriteFile(WriteFile {
                what,
                path: path.to_owned(),
                mode: UNIT_MODE,
                contents,
                expect: old.map_or(FileExpectation::Absent, |text| {
                    FileExpectation::of(text.as_bytes())
                }),
                starts: Some(member.clone()),
            })
        };
        let service = &cluster.etcd.service;
        let (unit, environment) = (&service.unit, &service.environment_file);
        let found = target.service.as_ref();
        let found = found.and_then(|found| found.environment.as_ref());
        let what = format!("{} (existing, {listed} members)", file_name(environment));
        // The unit first: by it a later run knows the other file for ours.
        let mut actions = vec![
            write(unit, files.unit, target.manifest.as_ref(), file_name(unit)),
            write(environment, files.environment, found, what),
        ];
        if !self.answers(&member.peer_url) {
            let name = unit.file_stem().unwrap_or_default().to_string_lossy();
            let commands = vec![
                "systemctl daemon-reload".to_owned(),
                format!("systemctl enable --now {name}"),
            ];
            actions.push(Action::StartService { commands });
        }
        Ok(actions)
    }
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
