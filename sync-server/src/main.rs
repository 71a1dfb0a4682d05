//! The `athena` program.

use clap::Parser;
use std::process::ExitCode;
use sync_server::cli::{self, Cli, Command, ConfigCommand};
use sync_server::config::SettingError;

/// Exit code of a start that wrong settings stop, as clap's own for wrong arguments.
const WRONG_SETTING: u8 = 2;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Config(ConfigCommand::List) => print!("{}", cli::explained()),
        Command::Config(ConfigCommand::Check(args)) => match args.load(std::iter::empty()) {
            Ok(config) => print!("{}", cli::shown(&config)),
            Err(errors) => return refuse(&errors),
        },
        Command::Serve(_) | Command::Migrate(_) | Command::Openapi => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}

fn refuse(errors: &[SettingError]) -> ExitCode {
    for error in errors {
        eprintln!("athena: {error}");
    }
    ExitCode::from(WRONG_SETTING)
}
