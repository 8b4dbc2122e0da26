//! Writes the front end's section of a commented cluster file, and a node's own file.

use std::fmt::Display;
use std::net::IpAddr;

use super::frontend::{DEFAULT_VIP, DEFAULT_VIP6, Frontend, FrontendSpec, Probe};
use super::render::{Text, scalar};
use super::{API_VERSION, frontend_file};
use crate::model::{Forward, VirtualService};

pub(super) fn section(text: &mut Text, frontend: &FrontendSpec) {
    let usual = FrontendSpec::default();
    text.gap("The virtual address before the apiservers, balanced by every node's kernel.");
    text.line("frontend:");
    let address = |ip: Option<IpAddr>| ip.map(|ip| scalar(&ip.to_string()));
    text.optional("vip", address(frontend.vip), &DEFAULT_VIP.to_string());
    text.note("An address of the other family, where the cluster has two.");
    text.optional(
        "secondVip",
        address(frontend.second_vip),
        &DEFAULT_VIP6.to_string(),
    );
    text.note("The port of the apiservers where nothing is said.");
    text.optional("port", frontend.port, "6443");
    text.note("ipvs, nft, or auto: ipvs where the kernel has it.");
    text.field(
        "plane",
        frontend.plane.as_str(),
        frontend.plane == usual.plane,
    );
    text.field(
        "scheduler",
        frontend.scheduler.as_str(),
        frontend.scheduler == usual.scheduler,
    );
    text.note("Balance what others send through a node, too.");
    text.field(
        "serveRemote",
        frontend.serve_remote,
        frontend.serve_remote == usual.serve_remote,
    );
}

impl Frontend {
    /// The front end's file of a node. Reading it gives the same front end back.
    pub fn render(&self) -> String {
        let mut text = Text::default();
        text.line("# What this node's front end balances; etcdha frontend reads it.");
        text.line(format_args!("apiVersion: {API_VERSION}"));
        text.line(format_args!("kind: {}", frontend_file::KIND));
        text.line(format_args!("plane: {}", self.plane.as_str()));
        text.line("services:");
        for service in self.services.values() {
            self::service(&mut text, service);
        }
        text.line("probe:");
        probe(&mut text, &self.probe);
        text.line(format_args!("drain: {}ms", self.drain.as_millis()));
        text.line(format_args!("failClosed: {}", self.fail_closed));
        text.line(format_args!("serveRemote: {}", self.serve_remote));
        let networks = self.networks.iter().map(|network| format!("\"{network}\""));
        text.line(format_args!("networks: {}", flow(networks)));
        text.into_string()
    }
}

fn service(text: &mut Text, service: &VirtualService) {
    let settings = service.settings;
    text.line(format_args!(
        "  - vip: {}",
        scalar(&service.key.vip.to_string())
    ));
    text.line(format_args!("    port: {}", service.key.port));
    text.line(format_args!(
        "    scheduler: {}",
        settings.scheduler.as_str()
    ));
    let flags = settings.scheduler_flags;
    let flags = [(flags.fallback, "fallback"), (flags.port, "port")];
    let flags: Vec<_> = flags.into_iter().filter(|it| it.0).map(|it| it.1).collect();
    if !flags.is_empty() {
        text.line(format_args!("    schedulerFlags: {}", flow(flags)));
    }
    if let Some(persistence) = settings.persistence {
        text.line(format_args!(
            "    persistence: {}s",
            persistence.timeout.as_secs()
        ));
    }
    let forward = service
        .servers
        .values()
        .next()
        .map_or(Forward::default(), |it| it.forward);
    if forward != Forward::default() {
        text.line(format_args!("    forward: {}", forward.as_str()));
    }
    text.line("    servers:");
    for (address, server) in &service.servers {
        text.line(format_args!(
            "      - {{address: {}, port: {}, weight: {}}}",
            scalar(&address.ip().to_string()),
            address.port(),
            server.weight
        ));
    }
}

fn probe(text: &mut Text, probe: &Probe) {
    text.field("path", scalar(&probe.path), false);
    text.field(
        "interval",
        format_args!("{}ms", probe.interval.as_millis()),
        false,
    );
    text.field(
        "timeout",
        format_args!("{}ms", probe.timeout.as_millis()),
        false,
    );
    text.field("fall", probe.fall, false);
    if !probe.accept.is_empty() {
        text.field("accept", flow(&probe.accept), false);
    }
    let trust = &probe.trust;
    text.field("ca", scalar(&trust.ca.display().to_string()), false);
    if let Some(name) = &trust.server_name {
        text.field("serverName", scalar(&name.to_string()), false);
    }
    if let Some((cert, key)) = &trust.identity {
        text.field("cert", scalar(&cert.display().to_string()), false);
        text.field("key", scalar(&key.display().to_string()), false);
    }
    if trust.insecure {
        text.field("insecure", true, false);
    }
}

/// Items in brackets, as they are.
fn flow<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}
