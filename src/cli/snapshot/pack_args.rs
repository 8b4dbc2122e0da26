//! How a snapshot is stored: shared by the commands that save one.

use std::path::PathBuf;

use clap::Args;

use crate::cli::error::CliError;
use crate::ops::operator_file::read_text;
use crate::snapshot::packing::{Compression, Packing, Recipient, recipients};

/// How the snapshot is stored. Whoever reads it has it unpacked by itself.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Packing")]
pub(super) struct PackArgs {
    /// Compress it: zstd, gzip, or with a level, such as zstd:19 or gzip:9
    #[arg(long, value_name = "METHOD")]
    pub(super) compress: Option<Compression>,

    /// Encrypt it to this age recipient (age1…), which is public; may be repeated
    #[arg(long, value_name = "AGE1…")]
    pub(super) recipient: Vec<Recipient>,

    /// Encrypt it to the age recipients in this file, one a line
    #[arg(long, value_name = "FILE")]
    pub(super) recipients_file: Option<PathBuf>,

    /// Directory for the snapshot on its way to a store [default: $TMPDIR, else /var/tmp]
    #[arg(long, value_name = "DIR")]
    pub(super) scratch: Option<PathBuf>,
}

impl PackArgs {
    /// The packing that these flags ask for.
    ///
    /// # Errors
    /// A file of recipients that can't be read, or that holds something else. Exit 2.
    pub(super) fn packing(&self) -> Result<Packing, CliError> {
        let mut to = self.recipient.clone();
        if let Some(path) = &self.recipients_file {
            let text = read_text(path)?;
            let found = recipients(&text)
                .map_err(|error| CliError::usage(format!("{}: {error}", path.display())))?;
            to.extend(found);
        }
        let mut seen = Vec::new();
        to.retain(|recipient| {
            let is_new = !seen.contains(recipient);
            seen.push(*recipient);
            is_new
        });
        Ok(Packing {
            compression: self.compress,
            recipients: to,
        })
    }
}
