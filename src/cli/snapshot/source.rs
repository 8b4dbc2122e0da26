//! The snapshot that a command reads, and what it takes to read it: shared by all that do.

use std::path::PathBuf;

use clap::Args;

use crate::cli::error::CliError;
use crate::cli::exit_code::ExitCode;
use crate::cli::output::{Output, Progress, bytes, clean};
use crate::cli::runtime::{block_on, was_signalled};
use crate::model::SnapshotPlace;
use crate::ops::snapshot_source::{self, Opening, Source, SourceError, SourceRequest};
use crate::snapshot::packing::UnpackError;

use super::store_args::{self, StoreArgs};

/// The snapshot, and what reading one that is packed or in a store takes.
#[derive(Args, Clone, Debug)]
pub(super) struct SourceArgs {
    /// Snapshot or the copy of a member's database: a file, or s3://BUCKET/KEY; packed or not
    #[arg(value_name = "FILE", value_parser = store_args::place())]
    pub(super) file: SnapshotPlace,

    #[command(flatten)]
    unpack: UnpackArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// What reading a packed snapshot takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Packed snapshots")]
struct UnpackArgs {
    /// Secret key that the snapshot is encrypted to, as age-keygen writes it; mode 0600
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,

    /// Directory with room for the snapshot unpacked [default: $TMPDIR, else /var/tmp]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

impl SourceArgs {
    fn request(&self) -> Result<SourceRequest, CliError> {
        Ok(SourceRequest {
            place: self.file.clone(),
            store: self.store.access([&self.file])?,
            identity: self.unpack.identity.clone(),
            scratch: self.unpack.scratch.clone(),
        })
    }
}

/// Why there is no snapshot to read, and how the run ends: damage is a problem found, not a failure.
pub(super) struct Unopened {
    pub(super) error: CliError,
    pub(super) is_damage: bool,
}

impl Unopened {
    /// Shows it.
    ///
    /// # Errors
    /// Itself, where it is no damage.
    pub(super) fn end(self, output: &Output) -> Result<ExitCode, CliError> {
        if !self.is_damage {
            return Err(self.error);
        }
        output.error(&self.error);
        Ok(ExitCode::Problems)
    }
}

impl Unopened {
    /// As an error: damage ends as `snapshot verify` would.
    pub(super) fn into_unfit(self) -> CliError {
        match self.is_damage {
            false => self.error,
            true => self.error.as_unfit("snapshot-damaged"),
        }
    }
}

impl From<CliError> for Unopened {
    fn from(error: CliError) -> Self {
        let is_damage = false;
        Self { error, is_damage }
    }
}

/// Opens the snapshot, with a word about how far it is where it has to be fetched or unpacked.
pub(super) fn open(args: &SourceArgs, output: &Output) -> Result<Source, Unopened> {
    open_at(&args.request()?, output)
}

/// As [`open`], for a place that was found on the way.
pub(super) fn open_at(request: &SourceRequest, output: &Output) -> Result<Source, Unopened> {
    let mut shown = Shown {
        output,
        place: request.place.to_string(),
        running: None,
    };
    // On the runtime, since that is what hears signals.
    let opened = block_on(snapshot_source::open(request, |opening| {
        shown.tell(opening);
        !was_signalled()
    }))?;
    match opened {
        Ok(source) => {
            shown.turn_to(None);
            Ok(source)
        }
        Err(error) => {
            if let Some((_, progress)) = shown.running.take() {
                progress.failed();
            }
            let is_damage = error.is_damage();
            let error = explained(error);
            Err(Unopened { error, is_damage })
        }
    }
}

/// Shows on stderr how far opening is.
struct Shown<'a> {
    output: &'a Output,
    place: String,
    running: Option<(&'static str, Progress)>,
}

impl Shown<'_> {
    fn tell(&mut self, opening: Opening) {
        let (word, done, total) = match opening {
            Opening::Fetched(done, total) => ("fetch", done, total),
            Opening::Unpacked(done) => ("unpack", done, None),
        };
        if self
            .running
            .as_ref()
            .is_none_or(|(running, _)| *running != word)
        {
            self.turn_to(Some(word));
        }
        if let Some((_, progress)) = &self.running {
            if let Some(total) = total {
                progress.length(total);
                progress.position(done);
            }
            progress.message(bytes(done));
        }
    }

    fn turn_to(&mut self, word: Option<&'static str>) {
        if let Some((_, progress)) = self.running.take() {
            progress.done();
        }
        let label = |word| format!("{word} {}", clean(&self.place));
        self.running = word.map(|word| (word, self.output.progress(label(word))));
    }
}

fn explained(error: SourceError) -> CliError {
    match error {
        SourceError::Interrupted => CliError::interrupted(),
        SourceError::Secret(error) => store_args::secret(error),
        SourceError::Store(error) => store_args::refused(&error),
        SourceError::NoStore(_) | SourceError::Missing(_) => CliError::failed(error.to_string())
            .fix("see what is there: etcdha snapshot list s3://BUCKET/PREFIX"),
        SourceError::NotRecorded {
            ref found,
            ref expected,
            ..
        } => CliError::failed(error.to_string())
            .found(format!("SHA-256 {found}"))
            .expected(format!("SHA-256 {expected}, by its record"))
            .fix("take another snapshot, or another copy of this one"),
        SourceError::Identity { path, source } => {
            CliError::usage(format!("{}: {source}", path.display()))
                .fix("name the file that age-keygen wrote, with the line AGE-SECRET-KEY-1…")
        }
        SourceError::Unpack {
            place,
            source,
            recipients,
        } => unpack(&place.to_string(), &source, &recipients),
        SourceError::MoreThanRecorded { .. } => CliError::failed(error.to_string())
            .fix("it is not what was saved; take another snapshot"),
        SourceError::NoRoom {
            ref why,
            ref directory,
            ..
        } => CliError::failed(error.to_string())
            .detail(why.clone())
            .fix(format!(
                "make room in {}, or name a directory that has it: --scratch DIR",
                directory.display()
            )),
        SourceError::File(error) => CliError::from(error),
    }
}

fn unpack(path: &str, source: &UnpackError, recipients: &[String]) -> CliError {
    let shown = |what: String| {
        let shown = CliError::failed(what);
        match recipients {
            [] => shown,
            recipients => shown.expected(format!("an identity of {}", recipients.join(" or "))),
        }
    };
    match source {
        UnpackError::NoIdentity => shown(format!("{path} is encrypted"))
            .fix("name the file with the secret key: --identity FILE"),
        UnpackError::Stranger(found) => {
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            shown(format!("{path} is encrypted to others"))
                .found(format!("the identity of {}", found.join(", ")))
                .fix("name the file with the secret key that it is encrypted to: --identity FILE")
        }
        UnpackError::Passphrase => CliError::failed(format!("{path}: {source}"))
            .fix("decrypt it first: age --decrypt -o FILE.db, which asks for the passphrase"),
        source => {
            let text = source.to_string();
            CliError::failed(format!("{path} is damaged"))
                .detail(clean(&text))
                .fix("take another snapshot, or another copy of this one")
        }
    }
}
