//! The member list, read through consensus.
//!
//! The client library always asks for the serializable list, so the call is made here, with its
//! three-field messages written out. Field numbers: etcd's `api/etcdserverpb/rpc.proto`,
//! `MemberListRequest`, `MemberListResponse`, `Member`, `ResponseHeader`.

use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::model::{ClientUrl, ClusterId, MemberId, PeerUrl};

/// A member as the cluster lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberInfo {
    /// Its id.
    pub id: MemberId,
    /// Its name; empty until it has started once.
    pub name: String,
    /// Where other members reach it.
    pub peer_urls: Vec<PeerUrl>,
    /// Where clients reach it; empty until it has started once.
    pub client_urls: Vec<ClientUrl>,
    /// True for a learner.
    pub is_learner: bool,
}

impl MemberInfo {
    pub(super) fn from_listed(member: &etcd_client::Member) -> Self {
        Self {
            id: MemberId(member.id()),
            name: member.name().to_owned(),
            peer_urls: member
                .peer_urls()
                .iter()
                .filter_map(|url| url.parse().ok())
                .collect(),
            client_urls: member
                .client_urls()
                .iter()
                .filter_map(|url| url.parse().ok())
                .collect(),
            is_learner: member.is_learner(),
        }
    }

    /// True once the member has started and published its name.
    pub fn has_started(&self) -> bool {
        !self.name.is_empty()
    }

    /// The name, or the hex id while there is none (as `kubeadm` writes it).
    pub fn display_name(&self) -> String {
        if self.has_started() {
            self.name.clone()
        } else {
            self.id.to_string()
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct ListRequest {
    #[prost(bool, tag = "1")]
    linearizable: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ListResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<Header>,
    #[prost(message, repeated, tag = "2")]
    members: Vec<ListedMember>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Header {
    #[prost(uint64, tag = "1")]
    cluster_id: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ListedMember {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, repeated, tag = "3")]
    peer_urls: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    client_urls: Vec<String>,
    #[prost(bool, tag = "5")]
    is_learner: bool,
}

pub(super) async fn linearizable(channel: Channel) -> Result<ListResponse, Status> {
    let mut grpc = Grpc::new(channel);
    grpc.ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::from_static("/etcdserverpb.Cluster/MemberList");
    let codec = tonic_prost::ProstCodec::<ListRequest, ListResponse>::default();
    let request = Request::new(ListRequest { linearizable: true });
    Ok(grpc.unary(request, path, codec).await?.into_inner())
}

/// Reads the answer; `None` where the header or an id is missing. A URL that can't be read (a
/// Unix socket, say) is left out: nothing here could connect to it.
pub(super) fn read(answer: ListResponse) -> Option<(ClusterId, Vec<MemberInfo>)> {
    let cluster_id = ClusterId(answer.header?.cluster_id);
    let members = answer
        .members
        .into_iter()
        .map(read_member)
        .collect::<Option<_>>()?;
    Some((cluster_id, members))
}

fn read_member(member: ListedMember) -> Option<MemberInfo> {
    Some(MemberInfo {
        id: Some(member.id).filter(|id| *id != 0).map(MemberId)?,
        name: member.name,
        peer_urls: member
            .peer_urls
            .iter()
            .filter_map(|url| url.parse().ok())
            .collect(),
        client_urls: member
            .client_urls
            .iter()
            .filter_map(|url| url.parse().ok())
            .collect(),
        is_learner: member.is_learner,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_its_header_or_an_id_is_incomplete() {
        assert!(
            read(ListResponse {
                header: None,
                members: vec![]
            })
            .is_none()
        );
        let nameless = ListedMember {
            id: 0,
            ..ListedMember::default()
        };
        let header = Some(Header { cluster_id: 1 });
        assert!(
            read(ListResponse {
                header,
                members: vec![nameless]
            })
            .is_none()
        );
    }

    #[test]
    fn a_member_that_never_started_is_shown_by_its_id() {
        let listed = ListedMember {
            id: 0xab,
            peer_urls: vec!["https://10.0.0.2:2380".into(), "unix://x".into()],
            ..ListedMember::default()
        };
        let member = read_member(listed).unwrap();
        assert_eq!(member.display_name(), "ab");
        assert_eq!(member.peer_urls.len(), 1);
    }
}
