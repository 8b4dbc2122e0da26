//! `etcdha kubeadm config`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::cli::args::GlobalArgs;
use crate::cli::cluster_args::ClusterArgs;
use crate::cli::cluster_source::load;
use crate::cli::error::{CliError, Outcome};
use crate::cli::exit_code::ExitCode;
use crate::cli::output::json::v1;
use crate::cli::output::{Output, Page, Report};
use crate::manifest::kubeadm::KubeadmApi;
use crate::model::NodeName;
use crate::ops::kubeadm_config::{
    KubeadmConfigError, KubeadmKind, KubeadmRequest, RenderedKubeadm, render_kubeadm_config,
    store_kubeadm_config,
};

/// Print a configuration file for kubeadm
///
/// The cluster file in kubeadm's words: the etcd that etcdha would set up, or the external one, the
/// virtual address as controlPlaneEndpoint, and every master's names in the apiservers' certificate.
/// Token and CA hash of a joining node are left for you to fill in. The same cluster file gives the
/// same bytes.
///
/// Examples:
///   $ etcdha kubeadm config --out kubeadm.yaml && kubeadm init --config kubeadm.yaml
///   $ etcdha kubeadm config --kind join --node m2
///   $ etcdha kubeadm config --kind cluster --api v1beta3
///
/// Exit codes: 0 printed or written, 2 kubeadm can't be told this, 3 another file is there
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(super) struct ConfigArgs {
    /// The file: cluster (what all nodes share), init (that, and the first node's own part) or join
    #[arg(
        long,
        value_enum,
        default_value_t = Kind::Init,
        hide_possible_values = true,
        value_name = "KIND",
        help_heading = "Target"
    )]
    kind: Kind,

    /// Control plane node the file is for [default for init: the first]
    #[arg(long, value_name = "NAME", help_heading = "Target")]
    node: Option<NodeName>,

    /// Form of the file: v1beta2, v1beta3, v1beta4 [default: the newest that kubernetes.version reads]
    #[arg(
        long,
        value_enum,
        hide_possible_values = true,
        value_name = "FORM",
        help_heading = "Output"
    )]
    api: Option<Api>,

    /// File to write (mode 0600) instead of printing
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    out: Option<PathBuf>,

    /// Replace the file where there is another one
    #[arg(long, requires = "out", help_heading = "Behaviour")]
    force: bool,

    #[command(flatten)]
    cluster: ClusterArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Cluster,
    Init,
    Join,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Api {
    V1beta2,
    V1beta3,
    V1beta4,
}

struct ConfigReport {
    rendered: RenderedKubeadm,
    documents: Vec<serde_json::Value>,
}

impl Report for ConfigReport {
    const KIND: &'static str = "KubeadmConfig";

    fn document(&self) -> impl Serialize {
        v1::KubeadmConfig {
            api: self.rendered.api.as_str(),
            node: self.rendered.node.as_ref().map(ToString::to_string),
            documents: self.documents.clone(),
            content: self.rendered.text.clone(),
        }
    }

    fn page(&self, page: &mut Page) {
        page.line(self.rendered.text.trim_end());
    }
}

pub(super) fn run(args: &ConfigArgs, global: &GlobalArgs, output: &Output) -> Outcome {
    let spec = load(global, &args.cluster)?;
    let request = KubeadmRequest {
        spec: &spec,
        kind: args.kind.into(),
        api: args.api.map(Into::into),
        node: args.node.as_ref(),
    };
    let rendered = render_kubeadm_config(&request).map_err(|error| told(&error))?;
    if let Some(path) = &args.out {
        store_kubeadm_config(path, &rendered.text, args.force)?.map_err(CliError::refusal)?;
        output.note(format!("Wrote {}.", path.display()));
        return Ok(ExitCode::Done);
    }
    let documents = documents(&rendered.text)?;
    output.emit(&ConfigReport {
        rendered,
        documents,
    })?;
    Ok(ExitCode::Done)
}

fn documents(text: &str) -> Result<Vec<serde_json::Value>, CliError> {
    let documents = text.split("---\n").map(serde_saphyr::from_str);
    let documents: Result<Vec<serde_json::Value>, _> = documents.collect();
    documents.map_err(|error| CliError::failed("write the file as JSON").detail(error.to_string()))
}

fn told(error: &KubeadmConfigError) -> CliError {
    let usage = CliError::usage(error.to_string());
    let one_of = |known: &[NodeName]| {
        let known: Vec<_> = known.iter().map(NodeName::as_str).collect();
        format!("one of {}", known.join(", "))
    };
    match error {
        KubeadmConfigError::Format(error) => usage.fix(error.fix()),
        KubeadmConfigError::Etcd(_) => usage,
        KubeadmConfigError::NoSuchNode { name, known } => {
            usage.found(name.as_str()).expected(one_of(known))
        }
        KubeadmConfigError::WhichNode { known } => {
            let last = known.last().map_or("NAME", NodeName::as_str);
            let fix = format!("etcdha kubeadm config --kind join --node {last}");
            usage.expected(one_of(known)).fix(fix)
        }
        KubeadmConfigError::NoControlPlane => {
            usage.fix("give a member roles: [control-plane], or print --kind cluster")
        }
    }
}

impl From<Kind> for KubeadmKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Cluster => Self::Cluster,
            Kind::Init => Self::Init,
            Kind::Join => Self::Join,
        }
    }
}

impl From<Api> for KubeadmApi {
    fn from(api: Api) -> Self {
        match api {
            Api::V1beta2 => Self::V1beta2,
            Api::V1beta3 => Self::V1beta3,
            Api::V1beta4 => Self::V1beta4,
        }
    }
}
