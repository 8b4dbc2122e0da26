//! Which front end a command is about: a file's, or one from flags alone.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

use crate::cli::args::GlobalArgs;
use crate::cli::cluster_source::file_error;
use crate::cli::error::CliError;
use crate::model::{
    Forward, Frontend, Mistake, PlaneChoice, RealServer, Scheduler, ServiceKey, Settings,
    VirtualService,
};
use crate::ops::frontend::{PLACES, load};

/// Port of kube-apiserver that kubeadm sets.
const PORT: u16 = 6443;

/// A front end from flags.
#[derive(Args, Debug)]
#[command(next_help_heading = "Target")]
pub(super) struct TargetArgs {
    /// Virtual address, such as 169.254.247.1 or 169.254.247.1:6443, in place of a file
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    vip: Option<SocketAddr>,

    /// Apiserver behind it, such as 10.0.0.11 or 10.0.0.11:6443; once for each
    #[arg(long, value_name = "ADDRESS", value_parser = address, value_delimiter = ',', requires = "vip")]
    server: Vec<SocketAddr>,

    /// Part of the kernel that balances: ipvs, nft, or auto [default: the file's, else auto]
    #[arg(long, value_name = "PLANE", value_parser = plane)]
    plane: Option<PlaneChoice>,

    /// Rule by which connections are handed out, such as rr or lc [default: the file's, else rr]
    #[arg(long, value_name = "NAME", value_parser = scheduler)]
    scheduler: Option<Scheduler>,
}

/// A front end and what should be looked at in its file.
pub(super) struct Target {
    pub(super) frontend: Frontend,
    pub(super) warnings: Vec<Mistake>,
    /// The file it came from.
    pub(super) path: Option<PathBuf>,
}

impl TargetArgs {
    /// Reads the file, or takes the flags in its place.
    pub(super) fn resolve(&self, global: &GlobalArgs) -> Result<Target, CliError> {
        let (mut frontend, warnings, path) = match self.vip {
            Some(vip) => (self.alone(vip), Vec::new(), None),
            None => match load(global.config.as_deref()).map_err(file_error)? {
                Some(file) => (file.frontend, file.warnings, Some(file.path)),
                None => return Err(nothing_declared()),
            },
        };
        frontend.plane = self.plane.unwrap_or(frontend.plane);
        if let Some(scheduler) = self.scheduler {
            for service in frontend.services.values_mut() {
                service.settings.scheduler = scheduler;
            }
        }
        if self.vip.is_some() {
            // As strictly as a file.
            let checked = Frontend::parse(&frontend.render());
            if let (Err(error), false) = (&checked, self.server.is_empty()) {
                let first = error.mistakes.first();
                let mut told =
                    CliError::usage(first.map_or_else(String::new, |it| it.message.clone()));
                if let Some(fix) = first.and_then(|it| it.fix.clone()) {
                    told = told.fix(fix);
                }
                return Err(told);
            }
        }
        Ok(Target {
            frontend,
            warnings,
            path,
        })
    }

    /// True where flags name no server.
    pub(super) fn lacks_servers(&self) -> bool {
        self.vip.is_some() && self.server.is_empty()
    }

    fn alone(&self, vip: SocketAddr) -> Frontend {
        let key = ServiceKey {
            vip: vip.ip(),
            port: vip.port(),
        };
        let server = RealServer {
            weight: 1,
            forward: Forward::Masquerade,
        };
        let service = VirtualService {
            key,
            settings: Settings::default(),
            servers: self
                .server
                .iter()
                .map(|address| (*address, server))
                .collect(),
        };
        Frontend {
            services: [(key, service)].into(),
            ..Frontend::default()
        }
    }
}

/// Neither a file nor flags.
fn nothing_declared() -> CliError {
    CliError::usage("there is no front end to work on")
        .detail(format!("looked for {}", PLACES.join(", ")))
        .fix("name one: --vip 169.254.247.1 --server 10.0.0.11 --server …, or --config FILE")
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let ip = text
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    let address = text
        .parse()
        .or_else(|_| ip.map(|ip| SocketAddr::new(ip, PORT)));
    match address {
        Ok(address) if address.port() != 0 => Ok(address),
        _ => Err(
            "expected an address, such as 10.0.0.11, 10.0.0.11:6443 or [fd00::11]:6443".to_owned(),
        ),
    }
}

fn plane(text: &str) -> Result<PlaneChoice, String> {
    let known = PlaneChoice::ALL.into_iter().find(|it| it.as_str() == text);
    known.ok_or_else(|| "expected auto, ipvs or nft".to_owned())
}

fn scheduler(text: &str) -> Result<Scheduler, String> {
    let known = Scheduler::ALL.into_iter().find(|it| it.as_str() == text);
    known.ok_or_else(|| {
        let names = Scheduler::ALL.map(Scheduler::as_str);
        format!("expected one of {}", names.join(" "))
    })
}
