//! What can go wrong while asking a kube-apiserver.

use serde::Deserialize;

use crate::sys::http_get::{HttpAnswer, HttpError};

/// Most characters of a server's text that an error repeats.
const MAX_TEXT: usize = 200;

/// A request that did not end well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// No answer: refused, timed out, or the TLS handshake failed.
    #[error(transparent)]
    Unanswered(#[from] HttpError),
    /// An answer that is none of success.
    #[error("{asked}: answered {status}: {message}")]
    Refused {
        /// Method and path.
        asked: String,
        /// The status code.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// An answer that can't be read.
    #[error("{asked}: {reason}")]
    Unreadable {
        /// Method and path.
        asked: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The `Status` object of an error, of which only the words count.
#[derive(Deserialize)]
struct Status {
    message: Option<String>,
}

impl ApiError {
    pub(super) fn refused(asked: &str, answer: &HttpAnswer) -> Self {
        let status: Option<Status> = serde_json::from_str(&answer.body).ok();
        let text = status.and_then(|status| status.message);
        let text = text.unwrap_or_else(|| answer.body.clone());
        let message: String = text.trim().chars().take(MAX_TEXT).collect();
        Self::Refused {
            asked: asked.to_owned(),
            status: answer.status,
            message,
        }
    }

    /// The status code of an answer that is none of success.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_words_are_repeated_and_no_more() {
        let answer = |body: &str| HttpAnswer {
            status: 403,
            date: None,
            body: body.to_owned(),
        };
        let said = ApiError::refused("GET /x", &answer(r#"{"kind":"Status","message":"no"}"#));
        assert_eq!(said.to_string(), "GET /x: answered 403: no");
        let long = ApiError::refused("GET /x", &answer(&"y".repeat(1000)));
        assert!(long.to_string().len() < 300);
    }
}
