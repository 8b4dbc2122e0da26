//! What a store answers when it does not do what it was asked for.

use std::io;

/// Longest message of a store that is shown.
const LONGEST_MESSAGE: usize = 300;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    /// No answer came.
    #[error("{doing}: {endpoint}: {why}")]
    Unreachable {
        /// The attempt and its object, such as `put s3://etcd/x.db`.
        doing: String,
        /// The server.
        endpoint: String,
        /// Why.
        why: String,
    },
    /// It said no.
    #[error("{doing}: the store answered {status} {code}{}", told(.message))]
    Refused {
        /// The attempt and its object.
        doing: String,
        /// The status of HTTP.
        status: u16,
        /// The store's own code, such as `NoSuchBucket`.
        code: String,
        /// Its words, perhaps none.
        message: String,
    },
    /// Its answer is none that S3 gives, or what it stored is not what was sent.
    #[error("{doing}: {why}")]
    Strange {
        /// The attempt and its object.
        doing: String,
        /// What is strange.
        why: String,
    },
    /// A file here failed.
    #[error("{doing}")]
    File {
        /// The attempt and its object.
        doing: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

fn told(message: &str) -> String {
    match message {
        "" => String::new(),
        message => format!(": {message}"),
    }
}

impl S3Error {
    /// The store's own code.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// The status of HTTP.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// True where another attempt may do better.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, code, .. } => {
                matches!(status, 429 | 500 | 502 | 503 | 504) || code == "RequestTimeout"
            }
            _ => false,
        }
    }

    /// The refusal that a body of XML tells, or else the bare status.
    pub(super) fn refused(doing: &str, status: u16, body: &str) -> Self {
        let mut message = element(body, "Message").unwrap_or_default();
        message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
        let usual = match status {
            403 => "Forbidden",
            404 => "NotFound",
            _ => "",
        };
        Self::Refused {
            doing: doing.to_owned(),
            status,
            code: element(body, "Code").unwrap_or_else(|| usual.to_owned()),
            message,
        }
    }
}

/// The text of an element of an error's document, which has no depth (S3 API reference, "REST error
/// responses"). Only shown, so references are left as they are.
fn element(body: &str, name: &str) -> Option<String> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_the_store_said() {
        let body = "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchBucket</Code><Message>The specified \
                    bucket does not exist</Message></Error>";
        let error = S3Error::refused("list s3://none/", 404, body);
        assert_eq!(
            error.to_string(),
            "list s3://none/: the store answered 404 NoSuchBucket: The specified bucket does not exist"
        );
        let bare = S3Error::refused("look at s3://b/x", 403, "");
        assert_eq!(
            bare.to_string(),
            "look at s3://b/x: the store answered 403 Forbidden"
        );
        assert!(!bare.is_passing());
        assert!(S3Error::refused("x", 503, "").is_passing());
        for odd in ["<Code>", "</Code><Code>", "<Message>é</Message>"] {
            let _ = S3Error::refused("x", 400, odd);
        }
    }
}
