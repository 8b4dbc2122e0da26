//! Changes of the kernel, as a plan is shown.

use serde::Serialize;

use crate::cli::output::json::v1;
use crate::cli::output::{Page, Report, Table, Tone};
use crate::dataplane::plan::Operation;
use crate::model::PlaneChoice;

/// What is to be done.
pub(super) struct PlanReport<'a> {
    pub(super) headline: String,
    pub(super) plane: PlaneChoice,
    pub(super) operations: &'a [Operation],
}

impl Report for PlanReport<'_> {
    const KIND: &'static str = "FrontendPlan";

    fn document(&self) -> impl Serialize {
        v1::FrontendPlan {
            plane: self.plane.as_str(),
            operations: self.operations.iter().map(document).collect(),
        }
    }

    fn page(&self, page: &mut Page) {
        page.line(Tone::Strong.paint(&self.headline));
        page.blank();
        let mut table = Table::new(["STEP", "WHAT"]);
        for (number, operation) in (1..).zip(self.operations) {
            table.row([format!("{number:>2}"), operation.to_string()]);
        }
        page.table(&table);
        page.blank();
    }
}

fn document(operation: &Operation) -> v1::FrontendOperation {
    let mut document = v1::FrontendOperation {
        action: action(operation),
        service: operation.service().map(|key| key.to_string()),
        server: None,
        weight: None,
        description: operation.to_string(),
    };
    match operation {
        Operation::AddServer {
            address, server, ..
        }
        | Operation::SetServer {
            address, server, ..
        } => {
            document.server = Some(address.to_string());
            document.weight = Some(server.weight);
        }
        Operation::DeleteServer { address, .. } => document.server = Some(address.to_string()),
        _ => {}
    }
    document
}

fn action(operation: &Operation) -> &'static str {
    match operation {
        Operation::SetSysctl { .. } => "setSysctl",
        Operation::AddService { .. } => "addService",
        Operation::SetService { .. } => "setService",
        Operation::DeleteService { .. } => "deleteService",
        Operation::AddServer { .. } => "addServer",
        Operation::SetServer { .. } => "setServer",
        Operation::DeleteServer { .. } => "deleteServer",
        Operation::SetRemote { .. } => "setRemote",
        Operation::SetRoute { .. } => "setRoute",
        Operation::DeleteRoute { .. } => "deleteRoute",
    }
}
