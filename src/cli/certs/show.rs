//! `etcdha certs show`.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::details::{details, left, list, names};
use super::facts;
use crate::cli::args::TimeoutArgs;
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report, Table, Tone, clean};
use crate::cli::runtime::block_on;
use crate::model::EtcdUrl;
use crate::ops::certs_show::{
    ConnectError, ConnectRequest, Presented, ShowReport, Shown, TlsProbeError, show_files,
    show_server,
};
use crate::pki::inspect::{CertificateFacts, Item, Material, Place};

/// Show what certificates, keys, requests and CRLs say, in files or as a server presents them
///
/// One file is shown in full, several as a table. Of private keys only kind and size are shown.
/// A server's certificates are shown without being verified.
///
/// Examples:
///   $ etcdha certs show /etc/kubernetes/pki/etcd/server.crt
///   $ etcdha certs show /etc/kubernetes/pki -o wide
///   $ etcdha certs show --connect 10.0.0.11:2379
///
/// Exit codes: 0 shown, 1 a file cannot be read or no server answers
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct ShowArgs {
    /// PEM or DER files; a directory stands for all files below it, - for stdin
    #[arg(value_name = "FILE", required_unless_present = "connect")]
    files: Vec<PathBuf>,

    /// TLS server whose certificates to show, in place of files
    #[arg(
        long,
        value_name = "HOST:PORT",
        value_parser = parse_server,
        conflicts_with = "files",
        help_heading = "Target"
    )]
    connect: Option<EtcdUrl>,

    /// Certificate to show to the server (PEM)
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "Target")]
    cert: Option<PathBuf>,

    /// Private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "Target")]
    key: Option<PathBuf>,

    #[command(flatten)]
    timeout: TimeoutArgs,
}

/// Reads `HOST:PORT`; a URL is fine too.
fn parse_server(text: &str) -> Result<EtcdUrl, String> {
    let full = match text.split_once("://") {
        Some(_) => text.to_owned(),
        None => format!("https://{text}"),
    };
    full.parse()
        .map_err(|_| "expected HOST:PORT, IPv6 addresses in brackets: [fd00::1]:2379".to_owned())
}

struct FileReport {
    report: ShowReport,
    now: Timestamp,
}

impl Report for FileReport {
    const KIND: &'static str = "CertificateList";

    fn document(&self) -> impl Serialize {
        let unreadable = self.report.unreadable.iter();
        v1::CertificateList {
            server: None,
            items: self
                .report
                .items
                .iter()
                .map(|shown| facts::item(&shown.source, &shown.item, self.now))
                .collect(),
            unreadable: unreadable
                .map(|it| v1::UnreadableItem {
                    source: it.source.clone(),
                    reason: it.reason.clone(),
                })
                .collect(),
        }
    }

    fn page(&self, page: &mut Page) {
        if self.report.sources == 1 {
            for shown in &self.report.items {
                page.blank();
                details(page, &title(shown), &shown.item, self.now);
            }
            return;
        }
        let mut table = Table::new([
            "FILE",
            "KIND",
            "SUBJECT",
            "KEY",
            "NOT AFTER",
            "LEFT",
            "NAMES",
        ])
        .wide([
            "ISSUER",
            "KEY USAGE",
            "EXTENDED KEY USAGE",
            "SERIAL",
            "KEY ID",
            "ISSUER KEY ID",
            "SHA256",
        ]);
        for shown in &self.report.items {
            table.row(cells(shown, self.now));
        }
        page.table(&table);
        page.hint(Tone::Quiet.paint("One in full: etcdha certs show FILE"));
    }
}

/// `server.crt  certificate`; blocks behind the first one say where they are.
fn title(shown: &Shown) -> String {
    let kind = facts::kind(&shown.item.material).replace('-', " ");
    match (shown.item.place.block, shown.item.place.line) {
        (2.., Some(line)) => format!("{}:{line}  {kind}", shown.source),
        _ => format!("{}  {kind}", shown.source),
    }
}

/// A row for a block.
fn cells(shown: &Shown, now: Timestamp) -> [String; 14] {
    let mut row = [const { String::new() }; 14];
    row[0] = match shown.item.place.block {
        1 => shown.source.clone(),
        block => format!("{}#{block}", shown.source),
    };
    row[1] = facts::kind(&shown.item.material).to_owned();
    match &shown.item.material {
        Material::Certificate(facts) => certificate_cells(&mut row, facts, now),
        Material::PrivateKey(facts) => row[3] = facts.to_string(),
        Material::PublicKey(facts) => row[3] = facts.to_string(),
        Material::Request(facts) => {
            row[2].clone_from(&facts.subject.text);
            row[3] = facts.public_key.to_string();
            row[6] = names(&facts.extensions);
        }
        Material::Crl(facts) => {
            row[4] = facts.next_update.map(date).unwrap_or_default();
            row[6] = format!("{} revoked", facts.revoked.len());
            row[7].clone_from(&facts.issuer.text);
        }
        Material::Parameters => {}
    }
    row
}

fn certificate_cells(row: &mut [String; 14], facts: &CertificateFacts, now: Timestamp) {
    let extensions = &facts.extensions;
    row[2].clone_from(&facts.subject.text);
    row[3] = facts.public_key.to_string();
    row[4] = date(facts.not_after);
    row[5] = left(facts, now);
    row[6] = match facts.is_ca() {
        true => "CA".to_owned(),
        false => names(extensions),
    };
    row[7].clone_from(&facts.issuer.text);
    row[8] = list(extensions.key_usage.iter().flatten(), ", ");
    row[9] = list(extensions.extended_key_usage.iter().flatten(), ", ");
    row[10] = facts.serial.to_string();
    row[11] = list(&extensions.subject_key_id, "");
    row[12] = list(&extensions.authority_key_id, "");
    row[13] = facts.fingerprint.to_string();
}

/// The day of an instant, in UTC.
fn date(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

struct ServerReport {
    presented: Presented,
    now: Timestamp,
}

impl ServerReport {
    /// The chain as blocks of a file.
    fn items(&self) -> impl Iterator<Item = Item> + '_ {
        let readable = self.presented.chain.iter().enumerate();
        readable.filter_map(|(index, facts)| {
            Some(Item {
                place: Place {
                    block: index + 1,
                    line: None,
                    byte: 0,
                },
                label: None,
                material: Material::Certificate(Box::new(facts.as_ref().ok()?.clone())),
            })
        })
    }

    fn unreadable(&self) -> impl Iterator<Item = &String> {
        self.presented
            .chain
            .iter()
            .filter_map(|facts| facts.as_ref().err())
    }
}

impl Report for ServerReport {
    const KIND: &'static str = "CertificateList";

    fn document(&self) -> impl Serialize {
        let seen = &self.presented;
        v1::CertificateList {
            server: Some(v1::TlsServer {
                endpoint: seen.endpoint.clone(),
                version: Some(seen.version.clone()).filter(|version| !version.is_empty()),
                asks_for_certificate: seen.asks_for_certificate,
                accepted_authorities: seen.accepted_authorities.clone(),
                refusal: seen.refusal.clone(),
                covers_host: seen.covers_host,
            }),
            items: self
                .items()
                .map(|item| facts::item(&seen.endpoint, &item, self.now))
                .collect(),
            unreadable: self
                .unreadable()
                .map(|reason| v1::UnreadableItem {
                    source: seen.endpoint.clone(),
                    reason: reason.clone(),
                })
                .collect(),
        }
    }

    fn page(&self, page: &mut Page) {
        let seen = &self.presented;
        page.line(headline(seen));
        for item in self.items() {
            page.blank();
            let title = match item.place.block {
                1 => "certificate 1, the server's own".to_owned(),
                block => format!("certificate {block}"),
            };
            details(page, &title, &item, self.now);
        }
        let mut warnings = Vec::new();
        if let Some(refusal) = &seen.refusal {
            warnings.push(match seen.showed_certificate {
                true => format!("the server refused the client certificate: {refusal}"),
                false => format!("the server ended the handshake: {refusal}"),
            });
        }
        if !seen.covers_host {
            let host = seen.endpoint.rsplit_once(':').map_or("", |(host, _)| host);
            warnings.push(format!("its certificate is not good for {host}"));
        }
        if !warnings.is_empty() {
            page.blank();
        }
        for warning in warnings {
            page.line(format!(
                "{} {}",
                Tone::Warn.paint("warning:"),
                clean(&warning)
            ));
        }
    }
}

fn headline(seen: &Presented) -> String {
    let mut parts = vec![Tone::Strong.paint(&seen.endpoint)];
    if !seen.version.is_empty() {
        parts.push(seen.version.clone());
    }
    parts.push(
        match (seen.asks_for_certificate, &seen.accepted_authorities[..]) {
            (false, _) => "wants no client certificate".to_owned(),
            (true, []) => "wants a client certificate".to_owned(),
            (true, authorities) => {
                let authorities = authorities.join("; ");
                format!("wants a client certificate from {}", clean(&authorities))
            }
        },
    );
    if seen.showed_certificate && seen.asks_for_certificate && seen.refusal.is_none() {
        parts.push(Tone::Good.paint("accepted ours"));
    }
    parts.join("  ")
}

fn connect_error(error: ConnectError) -> CliError {
    let no_tls = matches!(
        &error,
        ConnectError::Probe(TlsProbeError::Handshake { source, .. })
            if source.kind() == std::io::ErrorKind::InvalidData
    );
    let shown = CliError::from(error);
    match no_tls {
        true => shown.fix("name a port that speaks TLS: this one answered something else"),
        false => shown,
    }
}

pub(super) fn run(args: &ShowArgs, output: &Output) -> Outcome {
    let now = Timestamp::now();
    if let Some(url) = &args.connect {
        let request = ConnectRequest {
            host: url.host.clone(),
            port: url.port,
            identity: args.cert.clone().zip(args.key.clone()),
            timeout: args.timeout.timeout,
        };
        let presented = block_on(show_server(&request))?.map_err(connect_error)?;
        let report = ServerReport { presented, now };
        output.emit(&report)?;
        let unreadable = report.unreadable().map(|reason| {
            CliError::failed(format!("read a certificate of {}", request.host)).detail(reason)
        });
        return CliError::all(unreadable).map_or(Ok(ExitCode::Done), Err);
    }
    let report = show_files(&args.files)?;
    let report = FileReport { report, now };
    output.emit(&report)?;
    let unreadable = report.report.unreadable.iter();
    let errors = unreadable.map(|it| {
        CliError::failed(format!("read {}", clean(&it.source))).detail(clean(&it.reason))
    });
    CliError::all(errors).map_or(Ok(ExitCode::Done), Err)
}
