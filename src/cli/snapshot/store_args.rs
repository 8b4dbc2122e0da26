//! How an S3-compatible store is reached: shared by every command that takes `s3://` places.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use zeroize::Zeroizing;

use crate::cli::error::CliError;
use crate::model::SnapshotPlace;
use crate::ops::operator_file::{self, SecretFileError};
use crate::s3::{AccessError, S3Access, S3Credentials, S3Error, S3Settings};

/// Longest wait for an answer of a store.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How an S3-compatible store is reached. Credentials come from AWS_ACCESS_KEY_ID and
/// AWS_SECRET_ACCESS_KEY or from a file, since arguments show in process lists.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "S3 store")]
pub(super) struct StoreArgs {
    /// Server, such as https://minio:9000 [default: $AWS_ENDPOINT_URL, else Amazon's]
    #[arg(long, value_name = "URL")]
    pub(super) s3_endpoint: Option<String>,

    /// Region [default: $AWS_REGION, else us-east-1]
    #[arg(long, value_name = "REGION")]
    pub(super) s3_region: Option<String>,

    /// Where the bucket is named: path or host [default: host for Amazon, path for others]
    #[arg(long, value_enum, value_name = "STYLE", hide_possible_values = true)]
    pub(super) s3_style: Option<Style>,

    /// CA certificates that vouch for the server (PEM) [default: the system's]
    #[arg(long, value_name = "FILE")]
    pub(super) s3_ca: Option<PathBuf>,

    /// File with the credentials, as the AWS command line keeps them; mode 0600 [default:
    /// $AWS_ACCESS_KEY_ID, $AWS_SECRET_ACCESS_KEY and, if set, $AWS_SESSION_TOKEN]
    #[arg(long, value_name = "FILE")]
    pub(super) s3_credentials: Option<PathBuf>,
}

/// Where a bucket's name stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Style {
    Path,
    Host,
}

/// Reads a place.
pub(super) fn place() -> impl TypedValueParser<Value = SnapshotPlace> {
    OsStringValueParser::new().try_map(|text: OsString| SnapshotPlace::parse(&text))
}

impl StoreArgs {
    /// How the store is reached, where one of the places is in one.
    ///
    /// # Errors
    /// No credentials, or files and settings that can't be used. Exit 2.
    pub(super) fn access<'a>(
        &self,
        places: impl IntoIterator<Item = &'a SnapshotPlace>,
    ) -> Result<Option<S3Access>, CliError> {
        let mut places = places.into_iter();
        if !places.any(|place| matches!(place, SnapshotPlace::Object(_))) {
            return Ok(None);
        }
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let settings = S3Settings {
            endpoint: self
                .s3_endpoint
                .clone()
                .or_else(|| variable("AWS_ENDPOINT_URL_S3"))
                .or_else(|| variable("AWS_ENDPOINT_URL")),
            region: self
                .s3_region
                .clone()
                .or_else(|| variable("AWS_REGION"))
                .or_else(|| variable("AWS_DEFAULT_REGION")),
            virtual_hosts: self.s3_style.map(|style| style == Style::Host),
            ca: self.s3_ca.clone(),
            credentials: self.credentials()?,
            timeout: TIMEOUT,
        };
        settings.access().map(Some).map_err(|error| match &error {
            AccessError::NoCredentials => CliError::usage(error.to_string()).fix(
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a file: --s3-credentials FILE",
            ),
            AccessError::Endpoint { .. } => CliError::usage(error.to_string())
                .fix("name the server: --s3-endpoint https://HOST:PORT"),
            AccessError::NoRoots(_) => CliError::usage(error.to_string())
                .fix("name the CA that signed the store's certificate: --s3-ca FILE"),
            AccessError::File(_) => CliError::from(error),
        })
    }

    fn credentials(&self) -> Result<Option<S3Credentials>, CliError> {
        if let Some(path) = &self.s3_credentials {
            let text = operator_file::read_secret(path).map_err(secret)?;
            return S3Credentials::parse(&text).map(Some).map_err(|error| {
                CliError::usage(format!("{}: {error}", path.display()))
                    .expected("[default] with aws_access_key_id and aws_secret_access_key")
            });
        }
        let variable = |name: &str| {
            let value = std::env::var(name).ok().filter(|value| !value.is_empty());
            value.map(Zeroizing::new)
        };
        let pair = variable("AWS_ACCESS_KEY_ID").zip(variable("AWS_SECRET_ACCESS_KEY"));
        Ok(pair.map(|(key_id, secret)| S3Credentials {
            key_id,
            secret,
            session_token: variable("AWS_SESSION_TOKEN"),
        }))
    }
}

/// A secret that is not read.
pub(super) fn secret(error: SecretFileError) -> CliError {
    match error {
        SecretFileError::Open { path, mode } => {
            CliError::usage(format!("{} can be read by others", path.display()))
                .found(format!("mode {mode:04o}"))
                .expected("mode 0600: it is a secret")
                .fix(format!("chmod 600 {}", path.display()))
        }
        SecretFileError::File(error) => CliError::from(error),
    }
}

/// What a store refuses, with what may help.
pub(super) fn refused(error: &S3Error) -> CliError {
    let fix = match (error.code(), error.status()) {
        (Some("NoSuchBucket"), _) => "make the bucket, or correct its name and --s3-region",
        (Some("RequestTimeTooSkewed"), _) => "synchronise this host's clock",
        (_, Some(401 | 403)) => {
            "check the credentials, and what they are allowed for this bucket: list, get, put, delete"
        }
        (_, Some(301 | 307 | 400)) => "check --s3-region, --s3-endpoint and --s3-style",
        (None, None) => "check --s3-endpoint and --s3-ca, and whether the store runs",
        _ => "run it again; where it fails again, look at the store's own log",
    };
    CliError::failed(error.to_string()).cause(error).fix(fix)
}
