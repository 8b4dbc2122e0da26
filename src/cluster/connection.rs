//! One connection to one member, and the calls that ask it something.

use std::future::Future;
use std::time::Duration;

use etcd_client::{Client, ConnectOptions};
use tonic::transport::{Channel, Endpoint};

use crate::model::{ClientUrl, ClusterId, MemberId, Revision};

use super::access::ClusterAccess;
use super::error::{ClusterError, innermost};
use super::member_list::{self, MemberInfo};

/// Bytes that a member may send before it hears from us: a stream of a database should not wait for
/// an answer every 64 KiB, HTTP/2's own measure.
const WINDOW_BYTES: u32 = 1 << 20;

/// A live connection to one endpoint.
pub struct Connection {
    /// The endpoint it leads to.
    pub endpoint: ClientUrl,
    pub(super) client: Client,
    channel: Channel,
    pub(super) timeout: Duration,
}

/// What a member says about itself: `etcdctl endpoint status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStatus {
    /// The cluster it belongs to.
    pub cluster_id: ClusterId,
    /// The member that answered.
    pub member_id: MemberId,
    /// Its release, such as `3.5.16`.
    pub version: String,
    /// Size of the database file in bytes.
    pub db_size: u64,
    /// Bytes of it that are in use.
    pub db_in_use: u64,
    /// The leader it follows; none while there is no leader.
    pub leader: Option<MemberId>,
    /// True for a learner.
    pub is_learner: bool,
    /// Last raft index it knows of.
    pub raft_index: u64,
    /// Last raft index it applied.
    pub applied_index: u64,
    /// Raft term.
    pub raft_term: u64,
    /// Revision of its key space.
    pub revision: Revision,
    /// Errors it reports, such as `NOSPACE` or `CORRUPT`.
    pub errors: Vec<String>,
}

impl Connection {
    /// Connects and finishes the TLS handshake, so that a refused certificate is told as such.
    ///
    /// # Errors
    /// [`ClusterError::Connect`] with the innermost reason.
    pub async fn open(endpoint: &ClientUrl, access: &ClusterAccess) -> Result<Self, ClusterError> {
        let fail = |cause: String| ClusterError::Connect {
            endpoint: endpoint.clone(),
            cause,
        };
        let mut builder = Endpoint::from_shared(endpoint.to_string())
            .map_err(|error| fail(innermost(&error)))?
            .connect_timeout(access.timeout)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .tcp_nodelay(true);
        if let (Some(tls), crate::model::Scheme::Https) = (&access.tls, endpoint.0.scheme) {
            builder = builder
                .tls_config(tls.config(&endpoint.0.host))
                .map_err(|error| fail(innermost(&error)))?;
        }
        let connecting = tokio::time::timeout(access.timeout, builder.connect());
        let channel = match connecting.await {
            Ok(connected) => connected.map_err(|error| fail(innermost(&error)))?,
            Err(_) => return Err(fail(format!("no answer within {:?}", access.timeout))),
        };
        let options = access.credentials.as_ref().map(|credentials| {
            ConnectOptions::new().with_user(&credentials.user, credentials.password.as_str())
        });
        let client = Client::from_channel(etcd_client::Channel::Tonic(channel.clone()), options);
        let client = client.await.map_err(|error| fail(innermost(&error)))?;
        Ok(Self {
            endpoint: endpoint.clone(),
            client,
            channel,
            timeout: access.timeout,
        })
    }

    /// Runs a call with the deadline and names the endpoint in its error.
    pub(super) async fn call<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, etcd_client::Error>>,
    ) -> Result<T, ClusterError> {
        self.call_within(name, self.timeout, call).await
    }

    /// As [`Connection::call`], with a deadline of its own.
    pub(super) async fn call_within<T>(
        &self,
        name: &'static str,
        patience: Duration,
        call: impl Future<Output = Result<T, etcd_client::Error>>,
    ) -> Result<T, ClusterError> {
        match tokio::time::timeout(patience, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.call_error(name, error)),
            Err(_) => Err(self.timed_out(name, patience)),
        }
    }

    fn timed_out(&self, call: &'static str, patience: Duration) -> ClusterError {
        ClusterError::Timeout {
            endpoint: self.endpoint.clone(),
            call,
            seconds: patience.as_secs_f32(),
        }
    }

    fn call_error(&self, call: &'static str, error: etcd_client::Error) -> ClusterError {
        let endpoint = self.endpoint.clone();
        match error {
            etcd_client::Error::GRpcStatus(status) => self.status_error(call, &status),
            other => ClusterError::Call {
                endpoint,
                call,
                code: tonic::Code::Unknown,
                message: innermost(&other),
            },
        }
    }

    fn status_error(&self, call: &'static str, status: &tonic::Status) -> ClusterError {
        ClusterError::Call {
            endpoint: self.endpoint.clone(),
            call,
            code: status.code(),
            message: status
                .message()
                .trim_start_matches("etcdserver: ")
                .to_owned(),
        }
    }

    pub(super) fn incomplete(&self, call: &'static str, missing: &'static str) -> ClusterError {
        ClusterError::Incomplete {
            endpoint: self.endpoint.clone(),
            call,
            missing,
        }
    }

    /// Asks the member for its status (`etcdctl endpoint status`). Learners answer too.
    pub async fn status(&self) -> Result<MemberStatus, ClusterError> {
        let mut client = self.client.maintenance_client();
        let answer = self.call("Status", client.status()).await?;
        let header = answer
            .header()
            .ok_or_else(|| self.incomplete("Status", "the header"))?;
        let size = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
        Ok(MemberStatus {
            cluster_id: ClusterId(header.cluster_id()),
            member_id: MemberId(header.member_id()),
            version: answer.version().to_owned(),
            db_size: size(answer.db_size()),
            db_in_use: size(answer.raft_used_db_size()),
            leader: Some(answer.leader()).filter(|id| *id != 0).map(MemberId),
            is_learner: answer.is_learner(),
            raft_index: answer.raft_index(),
            applied_index: answer.raft_applied_index(),
            raft_term: answer.raft_term(),
            revision: Revision(header.revision()),
            errors: answer.errors().to_vec(),
        })
    }

    /// Reads the member list through consensus (`etcdctl member list --consistency=l`), so that an
    /// isolated member can't answer from its own stale view.
    pub async fn member_list(&self) -> Result<(ClusterId, Vec<MemberInfo>), ClusterError> {
        let call = member_list::linearizable(self.channel.clone());
        match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(answer)) => member_list::read(answer)
                .ok_or_else(|| self.incomplete("MemberList", "the header or a member's id")),
            Ok(Err(status)) => Err(self.status_error("MemberList", &status)),
            Err(_) => Err(self.timed_out("MemberList", self.timeout)),
        }
    }

    /// Reads the member list as this member alone knows it, for a cluster without quorum.
    pub async fn member_list_own_view(&self) -> Result<(ClusterId, Vec<MemberInfo>), ClusterError> {
        let mut client = self.client.cluster_client();
        let answer = self.call("MemberList", client.member_list()).await?;
        let header = answer
            .header()
            .ok_or_else(|| self.incomplete("MemberList", "the header"))?;
        let cluster_id = ClusterId(header.cluster_id());
        let members = answer
            .members()
            .iter()
            .map(MemberInfo::from_listed)
            .collect();
        Ok((cluster_id, members))
    }

    /// Reads one key through consensus: succeeds only where the member reaches a quorum. Returns
    /// the member's revision.
    pub async fn linearizable_read(&self) -> Result<Revision, ClusterError> {
        // etcd's own readiness check asks for this key as well: it need not exist.
        let mut client = self.client.kv_client();
        let answer = self.call("Range", client.get("health", None)).await?;
        let header = answer
            .header()
            .ok_or_else(|| self.incomplete("Range", "the header"))?;
        Ok(Revision(header.revision()))
    }

    /// Asks for the hash of the key space at `revision` (`etcdctl endpoint hashkv`): the hash and
    /// the revision up to which the member was compacted.
    pub async fn hash_kv(&self, revision: Revision) -> Result<(u32, i64), ClusterError> {
        let mut client = self.client.maintenance_client();
        let answer = self.call("HashKV", client.hash_kv(revision.0)).await?;
        Ok((answer.hash(), answer.compact_version()))
    }

    /// Lists the raised alarms as (member, kind).
    pub async fn alarms(&self) -> Result<Vec<(MemberId, String)>, ClusterError> {
        use etcd_client::{AlarmAction, AlarmType};
        let mut client = self.client.maintenance_client();
        let call = client.alarm(AlarmAction::Get, AlarmType::None, None);
        let answer = self.call("Alarm", call).await?;
        let name = |alarm: AlarmType| match alarm {
            AlarmType::None => "NONE".to_owned(),
            AlarmType::Nospace => "NOSPACE".to_owned(),
            AlarmType::Corrupt => "CORRUPT".to_owned(),
        };
        let alarms = answer.alarms().iter();
        Ok(alarms
            .map(|alarm| (MemberId(alarm.member_id()), name(alarm.alarm())))
            .collect())
    }
}
