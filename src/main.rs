//! Parses the command line, starts logging, runs the command and turns the outcome into an exit
//! code. Everything else lives in the library.

use std::process::ExitCode;

use etcdha::cli;

fn main() -> ExitCode {
    etcdha::sys::process::leave_no_core();
    let command_line = match cli::parse(std::env::args_os()) {
        Ok(command_line) => command_line,
        Err(answered) => return answered.into(),
    };
    let output = command_line.output();
    let outcome =
        cli::start_logging(&command_line.global).and_then(|()| cli::run(command_line, &output));
    let code = match outcome {
        Ok(code) => code,
        Err(error) => {
            output.error(&error);
            error.exit_code()
        }
    };
    code.into()
}
