//! The flag that says when a certificate counts as about to end, the same for every command that
//! issues.

use clap::Args;

use crate::ops::host_certificates::NearEnd;

#[derive(Args, Clone, Copy, Debug)]
pub(super) struct ExpiringArgs {
    /// Days before its end at which a certificate no longer counts as valid [default: 30, at most a
    /// third of its lifetime]
    #[arg(long, value_name = "DAYS", help_heading = "Behaviour")]
    expiring: Option<i64>,
}

impl ExpiringArgs {
    pub(super) fn near_end(self) -> NearEnd {
        self.expiring.map_or(NearEnd::LastThird, NearEnd::Days)
    }
}
