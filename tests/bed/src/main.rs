//! The test bed's program: what runs inside the test hosts, and `sweep` for what killed runs left.

use std::process::ExitCode;

fn main() -> ExitCode {
    etcdha_testbed::cli::main(std::env::args_os())
}
