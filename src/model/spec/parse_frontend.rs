//! Reads the front end's section of the cluster file.

use super::frontend::FrontendSpec;
use super::parse::{ADDRESS, port, set};
use super::reader::{Reader, Section};
use crate::model::{PlaneChoice, Scheduler};

/// Keys of the section `frontend`.
pub(super) const FRONTEND: &[&str] = &[
    "vip",
    "secondVip",
    "port",
    "plane",
    "scheduler",
    "serveRemote",
];

pub(super) fn section(reader: &mut Reader<'_>, root: &Section<'_>) -> FrontendSpec {
    let section = reader.section("frontend", root.get("frontend"), FRONTEND);
    let mut frontend = FrontendSpec {
        vip: section.parsed(reader, "vip", ADDRESS),
        second_vip: section.parsed(reader, "secondVip", ADDRESS),
        port: port(reader, &section, "port"),
        ..FrontendSpec::default()
    };
    set(&mut frontend.plane, plane(reader, &section));
    set(&mut frontend.scheduler, scheduler(reader, &section));
    set(
        &mut frontend.serve_remote,
        truth(reader, &section, "serveRemote"),
    );
    frontend
}

pub(super) fn plane(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<PlaneChoice> {
    section.choice(
        reader,
        "plane",
        &PlaneChoice::ALL.map(|it| (it.as_str(), it)),
    )
}

pub(super) fn scheduler(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Scheduler> {
    section.choice(
        reader,
        "scheduler",
        &Scheduler::ALL.map(|it| (it.as_str(), it)),
    )
}

pub(super) fn truth(reader: &mut Reader<'_>, section: &Section<'_>, key: &str) -> Option<bool> {
    section.choice(reader, key, &[("true", true), ("false", false)])
}
