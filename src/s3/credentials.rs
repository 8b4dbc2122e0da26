//! A file of credentials, as the AWS command line keeps them: the section `default`, or lines before any
//! section.
//!
//! Invariant: nothing of the file is in an error but line numbers and names of settings.

use zeroize::Zeroizing;

use super::access::S3Credentials;

/// The section that is read.
const SECTION: &str = "default";

const KEY_ID: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";
const TOKEN: &str = "aws_session_token";

/// No credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// A line is no setting.
    #[error("line {0}: expected NAME = VALUE, or [SECTION]")]
    Line(usize),
    /// A setting is missing.
    #[error("no {0} in the section [default]")]
    Missing(&'static str),
}

impl S3Credentials {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn parse(text: &str) -> Result<Self, CredentialsError> {
        let mut section = SECTION;
        let (mut key_id, mut secret, mut token) = (None, None, None);
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[') {
                let name = name.strip_suffix(']');
                section = name.ok_or(CredentialsError::Line(number + 1))?.trim();
                continue;
            }
            let (name, value) = line
                .split_once('=')
                .ok_or(CredentialsError::Line(number + 1))?;
            if section != SECTION {
                continue;
            }
            let value = Some(Zeroizing::new(value.trim().to_owned()));
            match name.trim().to_ascii_lowercase().as_str() {
                KEY_ID => key_id = value,
                SECRET => secret = value,
                TOKEN => token = value,
                _ => {}
            }
        }
        let filled = |value: Option<Zeroizing<String>>, name| {
            let value = value.filter(|value| !value.is_empty());
            value.ok_or(CredentialsError::Missing(name))
        };
        Ok(Self {
            key_id: filled(key_id, KEY_ID)?,
            secret: filled(secret, SECRET)?,
            session_token: token.filter(|token| !token.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_default_section_is_read() {
        let text = "# ours\n[other]\naws_access_key_id = no\n[default]\n aws_access_key_id=ID\n\
                    aws_secret_access_key = se=cret \nregion = eu-central-1\n";
        let found = S3Credentials::parse(text).unwrap();
        assert_eq!(found.key_id.as_str(), "ID");
        assert_eq!(found.secret.as_str(), "se=cret");
        assert!(found.session_token.is_none());
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_is_repeated() {
        let errors = ["[default\nhush", "hush", "aws_access_key_id = hush\n"];
        for (text, expected) in errors.into_iter().zip([
            CredentialsError::Line(1),
            CredentialsError::Line(1),
            CredentialsError::Missing(SECRET),
        ]) {
            let error = S3Credentials::parse(text).unwrap_err();
            assert_eq!(error, expected);
            assert!(!error.to_string().contains("hush"));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}") {
            let _ = S3Credentials::parse(&text);
        }
    }
}
