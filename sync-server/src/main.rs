//! The `athena` program.

use clap::Parser;
use std::fmt::Display;
use std::process::ExitCode;
use sync_server::cli::{
    self, AuditCommand, Cli, Command, ConfigCommand, ConformanceArgs, NotifyCommand, VerifyArgs,
};
use sync_server::config::{Config, SettingError};
use sync_server::events::{self, EventsCommand};
use sync_server::{Running, audit, conformance, docs, serve, telemetry, welcome};

/// glibc keeps the 19 MiB of every password hash in the arena of the thread that made it: a morning of
/// logins would leave hundreds of MiB behind. This allocator gives them back. Without huge pages (`no_thp`),
/// with which a process that uses 45 MiB holds 80.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code of a start that wrong settings stop, as clap's own for wrong arguments.
const WRONG_SETTING: u8 = 2;
/// Exit code of a rebuild that found differences.
const DIFFERS: u8 = 3;
/// Exit code of a conformance run in which a case failed.
const DOES_NOT_CONFORM: u8 = 4;

fn main() -> ExitCode {
    // Whoever speaks TLS, to phones or to PostgreSQL, uses this provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match Cli::parse().command {
        Command::Config(ConfigCommand::List) => print!("{}", cli::explained()),
        Command::Config(ConfigCommand::Check(args)) => match args.load(std::iter::empty()) {
            Ok(config) => print!("{}", cli::shown(&config)),
            Err(errors) => return refused(&errors),
        },
        Command::Audit(AuditCommand::Verify(args)) => return verify(&args),
        Command::Openapi => print!("{}", docs::openapi_text()),
        Command::Conformance(args) => return in_runtime(conform(args)),
        Command::Migrate(args) => return with(args.load(std::iter::empty()), migrate),
        Command::Rebuild(args) => return with(args.load(std::iter::empty()), rebuild),
        Command::Events(command) => {
            return with(command.settings().load(std::iter::empty()), |config| {
                look_after(config, command)
            });
        }
        Command::Notify(NotifyCommand::DeadLetter(command)) => {
            let config = command.settings().load(std::iter::empty());
            return with(config, |config| async move {
                sync_server::letters::run(&config, command)
                    .await
                    .unwrap_or_else(|error| failed(&error))
            });
        }
        Command::Serve(args) => return with(args.load(), run),
    }
    ExitCode::SUCCESS
}

/// Runs a command that needs settings, a log and a runtime.
fn with<F: Future<Output = ExitCode>>(
    config: Result<Config, Vec<SettingError>>,
    command: impl FnOnce(Config) -> F,
) -> ExitCode {
    let config = match config {
        Ok(config) => config,
        Err(errors) => return refused(&errors),
    };
    let _log = telemetry::start(&config.log, config.log_format);
    in_runtime(command(config))
}

fn in_runtime(command: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => failed(&error),
    }
}

/// What is proved goes to standard output, what is not to standard error.
fn verify(args: &VerifyArgs) -> ExitCode {
    match audit::run(args) {
        Ok(verdict) if audit::code(&verdict) == 0 => {
            println!("{verdict}");
            ExitCode::SUCCESS
        }
        Ok(verdict) => {
            eprintln!("athena: {verdict}");
            ExitCode::from(audit::code(&verdict))
        }
        Err(error) => {
            eprintln!("athena: {error}");
            ExitCode::from(error.code())
        }
    }
}

async fn conform(args: ConformanceArgs) -> ExitCode {
    let options = conformance::Options {
        command: args.command,
        only: args.only,
    };
    let report = match conformance::run(&options).await {
        Ok(report) => report,
        Err(error) => {
            eprintln!("athena: {error}");
            return ExitCode::from(WRONG_SETTING);
        }
    };
    if args.json {
        println!("{}", report.to_json());
    } else {
        print!("{report}");
    }
    if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DOES_NOT_CONFORM)
    }
}

async fn migrate(config: Config) -> ExitCode {
    match serve::migrate(&config).await {
        Ok(()) => {
            println!("The database is up to date.");
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

async fn rebuild(config: Config) -> ExitCode {
    let rebuilt = match serve::rebuild(&config).await {
        Ok(rebuilt) => rebuilt,
        Err(error) => return failed(&error),
    };
    for difference in &rebuilt.differences {
        println!("{}: {}", difference.request_id, difference.what);
    }
    let (cases, facts) = (rebuilt.cases, rebuilt.facts);
    let differing = rebuilt.differences.len();
    println!(
        "{cases} approval logs with {facts} facts folded again: {differing} differ from what is stored."
    );
    if differing == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DIFFERS)
    }
}

async fn look_after(config: Config, command: EventsCommand) -> ExitCode {
    match events::run(&config, command).await {
        Ok(told) => {
            print!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

async fn run(config: Config) -> ExitCode {
    let mut running = match sync_server::start(config.clone()).await {
        Ok(running) => running,
        Err(error) => return failed(&error),
    };
    print!("{}", welcome::text(&config, &running));
    tokio::select! {
        error = running.failed() => failed(&error),
        () = asked_to_stop() => stop(running).await,
    }
}

/// The second time it is asked, it stops at once.
async fn stop(running: Running) -> ExitCode {
    eprintln!("athena: stopping");
    tokio::select! {
        () = running.shutdown() => ExitCode::SUCCESS,
        () = asked_to_stop() => ExitCode::FAILURE,
    }
}

async fn asked_to_stop() {
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                () = interrupted => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    interrupted.await;
}

fn refused(errors: &[SettingError]) -> ExitCode {
    for error in errors {
        eprintln!("athena: {error}");
    }
    ExitCode::from(WRONG_SETTING)
}

fn failed(error: &dyn Display) -> ExitCode {
    eprintln!("athena: {error}");
    ExitCode::FAILURE
}
