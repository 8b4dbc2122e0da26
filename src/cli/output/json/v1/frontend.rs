//! `etcdha frontend`.

use serde::Serialize;

/// What is to be changed in the kernel.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FrontendPlan {
    /// `ipvs` or `nft`.
    pub plane: &'static str,
    /// In their order.
    pub operations: Vec<FrontendOperation>,
}

/// One change.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FrontendOperation {
    /// `addServer`, `setRoute` …
    pub action: &'static str,
    /// `ADDRESS:PORT` of the virtual service; none for routes and settings.
    pub service: Option<String>,
    /// `ADDRESS:PORT` of the server.
    pub server: Option<String>,
    /// Its weight.
    pub weight: Option<u32>,
    /// A sentence.
    pub description: String,
}

/// A front end that was set up.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FrontendSetup {
    /// `ipvs` or `nft`.
    pub plane: &'static str,
    /// How many changes it took.
    pub changes: usize,
    /// Servers that refuse connections.
    pub left_out: Vec<String>,
    /// Whether each virtual address answers.
    pub virtual_addresses: Vec<FrontendAnswer>,
}

/// Whether something answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FrontendAnswer {
    /// `ADDRESS:PORT`.
    pub address: String,
    /// True when a connection was accepted.
    pub answers: bool,
}

/// A front end that was taken away.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FrontendRemoval {
    /// How many changes it took.
    pub changes: usize,
}

/// What the kernel holds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FrontendStatus<'a> {
    /// `ipvs` or `nft`.
    pub plane: &'static str,
    /// True when nothing is missing.
    pub as_declared: bool,
    /// Declared services.
    pub services: Vec<FrontendService>,
    /// What would have to be done.
    pub missing: &'a [String],
    /// Virtual services of others.
    pub other_services: usize,
}

/// A virtual service.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FrontendService {
    /// `ADDRESS:PORT`.
    pub address: String,
    /// How connections are handed out.
    pub scheduler: &'static str,
    /// Its servers.
    pub servers: Vec<FrontendServer>,
}

/// A server.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FrontendServer {
    /// `ADDRESS:PORT`.
    pub address: String,
    /// `in use`, `draining`, `out` or `stranger`.
    pub state: &'static str,
    /// Weight in the kernel.
    pub weight: Option<u32>,
    /// Established connections; IPVS only, as all that follow.
    pub active: Option<u32>,
    /// Connections that open or close.
    pub inactive: Option<u32>,
    /// Connections since it was added.
    pub connections: Option<u64>,
    /// Bytes from clients.
    pub bytes_in: Option<u64>,
    /// Bytes to clients.
    pub bytes_out: Option<u64>,
}

/// What a check found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FrontendCheck<'a> {
    /// `ipvs` or `nft`.
    pub plane: &'static str,
    /// Connections that were tried.
    pub tried: usize,
    /// What is wrong or should be looked at.
    pub findings: Vec<FrontendFinding<'a>>,
}

/// One finding.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FrontendFinding<'a> {
    /// `error` or `warning`.
    pub severity: &'static str,
    /// Stable id.
    pub id: &'static str,
    /// What was found.
    pub message: &'a str,
    /// What to do.
    pub fix: &'a str,
}
