//! Is the snapshot the cluster? Every member's HashKV at the snapshot's revision, compared with the
//! file's own.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::cluster::{ClusterAccess, ClusterView, Connection};
use crate::model::{ClientUrl, Revision};
use crate::snapshot::HashKv;

/// Attempts of a member that has not applied the snapshot's last revision yet.
const ATTEMPTS: u32 = 20;

/// Pause before the next attempt.
const PAUSE: Duration = Duration::from_millis(100);

/// What a member answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The hash, and the revision up to which it has compacted.
    Hash {
        /// HashKV.
        hash: u32,
        /// −1 where it never compacted.
        compact_revision: i64,
    },
    /// None; why.
    None(String),
}

/// What became of the comparison, member by member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Names of the members with the same hash.
    pub equal: Vec<String>,
    /// Names of the members with another hash: they, or the snapshot, are not the cluster.
    pub different: Vec<String>,
    /// Members that could not be compared, and why.
    pub silent: Vec<(String, String)>,
}

/// Asks every voting member that answers.
pub(super) async fn ask(
    view: &ClusterView,
    access: &ClusterAccess,
    revision: i64,
) -> Vec<(String, Answer)> {
    let mut asking = JoinSet::new();
    for (place, member) in view.voters().enumerate() {
        let name = member.info.name.clone();
        let complaint = member.status.as_ref().err().cloned();
        let urls = member.info.client_urls.clone();
        let access = access.clone();
        asking.spawn(async move {
            let answer = match complaint {
                Some(why) => Answer::None(why),
                None => hash_of(&urls, &access, revision).await,
            };
            (place, name, answer)
        });
    }
    let mut answers = asking.join_all().await;
    answers.sort_by_key(|(place, ..)| *place);
    let answers = answers.into_iter();
    answers.map(|(_, name, answer)| (name, answer)).collect()
}

async fn hash_of(urls: &[ClientUrl], access: &ClusterAccess, revision: i64) -> Answer {
    let mut why = "it has published no client URL".to_owned();
    for url in urls {
        let connection = match Connection::open(url, access).await {
            Ok(connection) => connection,
            Err(error) => {
                why = error.to_string();
                continue;
            }
        };
        for _ in 0..ATTEMPTS {
            match connection.hash_kv(Revision(revision)).await {
                Ok((hash, compact_revision)) => {
                    return Answer::Hash {
                        hash,
                        compact_revision,
                    };
                }
                Err(error) => {
                    let message = error.server_message().unwrap_or_default();
                    let is_behind = message.contains("future");
                    why = error.to_string();
                    if !is_behind {
                        break;
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    Answer::None(why)
}

/// Compares the answers with the file. A member that has compacted since the snapshot was taken has
/// another hash of the same data: `as_if_compacted` gives the file's for that, where it can.
pub(super) fn compare(
    file: &HashKv,
    answers: Vec<(String, Answer)>,
    as_if_compacted: impl Fn(i64) -> Option<u32>,
) -> Proof {
    let mut proof = Proof::default();
    for (name, answer) in answers {
        match answer {
            Answer::None(why) => proof.silent.push((name, why)),
            Answer::Hash {
                hash,
                compact_revision,
            } => {
                let expected = match compact_revision == file.compact_revision {
                    true => Some(file.hash),
                    false => as_if_compacted(compact_revision),
                };
                match expected {
                    Some(expected) if expected == hash => proof.equal.push(name),
                    Some(_) => proof.different.push(name),
                    None => {
                        let why = format!("it has compacted up to {compact_revision} since");
                        proof.silent.push((name, why));
                    }
                }
            }
        }
    }
    proof
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: HashKv = HashKv {
        hash: 11,
        revision: 40,
        compact_revision: 30,
        current_revision: 40,
        live_keys: Some(3),
    };

    fn answer(hash: u32, compact_revision: i64) -> Answer {
        Answer::Hash {
            hash,
            compact_revision,
        }
    }

    #[test]
    fn members_are_told_apart() {
        let answers = vec![
            ("m1".to_owned(), answer(11, 30)),
            ("m2".to_owned(), answer(12, 30)),
            ("m3".to_owned(), Answer::None("connection refused".into())),
        ];
        let proof = compare(&FILE, answers, |_| None);
        assert_eq!(proof.equal, ["m1"]);
        assert_eq!(proof.different, ["m2"]);
        assert_eq!(proof.silent.len(), 1);
    }

    #[test]
    fn a_compaction_meanwhile_is_no_difference() {
        let answers = || {
            vec![
                ("m1".to_owned(), answer(21, 35)),
                ("m2".to_owned(), answer(22, 35)),
                ("m3".to_owned(), answer(23, 39)),
            ]
        };
        let proof = compare(&FILE, answers(), |at| (at == 35).then_some(21));
        assert_eq!(proof.equal, ["m1"]);
        assert_eq!(proof.different, ["m2"]);
        assert_eq!(proof.silent[0].0, "m3");
    }
}
