//! `etcdha version`.

use std::env::consts;

use clap::Args;
use serde::Serialize;

use super::error::Outcome;
use super::exit_code::ExitCode;
use super::output::json::v1;
use super::output::{Output, Page, Report};

/// Print the version and what it works with
///
/// Example:
///   $ etcdha version -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct VersionArgs {}

struct VersionReport;

impl Report for VersionReport {
    const KIND: &'static str = "Version";

    fn document(&self) -> impl Serialize {
        v1::Version {
            version: env!("CARGO_PKG_VERSION"),
            platform: format!("{}/{}", consts::OS, consts::ARCH),
            etcd: vec!["3.4", "3.5", "3.6"],
        }
    }

    fn page(&self, page: &mut Page) {
        page.line(concat!("etcdha ", env!("CARGO_PKG_VERSION")));
        if page.is_wide() {
            page.line(format!("{}/{}", consts::OS, consts::ARCH));
            page.line("manages etcd 3.4, 3.5 and 3.6");
        }
    }
}

pub(super) fn run(_: &VersionArgs, output: &Output) -> Outcome {
    output.emit(&VersionReport)?;
    Ok(ExitCode::Done)
}
