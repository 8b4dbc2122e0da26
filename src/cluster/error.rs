//! What can go wrong while talking to etcd, with the endpoint it happened at.

use crate::model::ClientUrl;

/// A failed conversation with etcd.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No connection: refused, timed out, or the TLS handshake failed.
    #[error("connect to {endpoint}: {cause}")]
    Connect {
        /// The endpoint that was tried.
        endpoint: ClientUrl,
        /// The innermost reason, such as `connection refused`.
        cause: String,
    },
    /// The server answered a call with an error.
    #[error("{call} at {endpoint}: {message}")]
    Call {
        /// The endpoint that was asked.
        endpoint: ClientUrl,
        /// The call's name in etcd's API.
        call: &'static str,
        /// The gRPC status code.
        code: tonic::Code,
        /// The server's text.
        message: String,
    },
    /// The call did not end in time.
    #[error("{call} at {endpoint}: no answer within {seconds:.1} s")]
    Timeout {
        /// The endpoint that was asked.
        endpoint: ClientUrl,
        /// The call's name in etcd's API.
        call: &'static str,
        /// How long it was waited for.
        seconds: f32,
    },
    /// Not one endpoint answered.
    #[error("no endpoint answers: {}", .tried.join("; "))]
    NoneAnswers {
        /// What each endpoint said.
        tried: Vec<String>,
    },
    /// The server's answer lacks something it must have.
    #[error("{endpoint} sent an incomplete answer to {call}: {missing} is missing")]
    Incomplete {
        /// The endpoint that was asked.
        endpoint: ClientUrl,
        /// The call's name in etcd's API.
        call: &'static str,
        /// What is missing.
        missing: &'static str,
    },
    /// Members disagree about data that must be equal.
    #[error("members disagree at revision {revision}: {}", .found.join(", "))]
    Inconsistent {
        /// The revision the members were asked about.
        revision: i64,
        /// `member hash` of each.
        found: Vec<String>,
    },
}

impl ClusterError {
    /// True where asking again later may well succeed: nothing was understood and refused.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Timeout { .. } | Self::NoneAnswers { .. } => true,
            Self::Call { code, .. } => {
                matches!(
                    code,
                    tonic::Code::Unavailable | tonic::Code::DeadlineExceeded
                )
            }
            Self::Incomplete { .. } | Self::Inconsistent { .. } => false,
        }
    }

    /// The server's text where it answered with an error.
    pub fn server_message(&self) -> Option<&str> {
        match self {
            Self::Call { message, .. } => Some(message),
            _ => None,
        }
    }
}

/// The innermost text of an error: `tonic` hides the reason of a failed connection under
/// `transport error`.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}
