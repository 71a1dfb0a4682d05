//! The command line.

use crate::config::{Config, Loader, SETTINGS, SettingError};
use crate::events::EventsCommand;
use clap::{Args, Parser, Subcommand};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Offline-first sync server for budget requests.
///
/// One binary, nothing to install: without settings it keeps SQLite files and keys under ./athena-data and
/// listens on 127.0.0.1:8080. The same binary runs on PostgreSQL.
#[derive(Debug, Parser)]
#[command(name = "athena", version, propagate_version = true, after_long_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  athena serve --demo
      Try it: a demo organisation, and two curl commands to copy.

  ATHENA_ADMIN_PASSWORD='choose one' athena serve --listen 0.0.0.0:8080 --data-dir /var/lib/athena
      A first start of your own; without the variable a random password is printed once.

  ATHENA_DATABASE_URL=postgres://athena@db/athena athena serve
      The same on PostgreSQL; each service gets a schema of its own.

  athena audit verify --checkpoint checkpoint.txt --key key.txt log.jsonl
      Whether an exported audit log is as it was signed, and if not, what happened to it.

  athena config check --config /etc/athena.toml
      Every setting, its value, and what is wrong with it, without starting anything.

Settings come from a TOML file (--config or ATHENA_CONFIG), over it ATHENA_… variables, over them flags:
`rollback_window = \"24h\"` in the file is ATHENA_ROLLBACK_WINDOW=24h, or --set rollback_window=24h.
`athena config list` explains all of them.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the server
    #[command(after_long_help = "\
Stop it with Ctrl-C or SIGTERM: it takes no more connections, answers what it is being asked (up to
`shutdown_timeout`, 20 s), and ends.")]
    Serve(ServeArgs),
    /// Bring the database up to date, and end
    Migrate(SettingArgs),
    /// Fold every approval's log again and say whether what is stored differs
    #[command(after_long_help = "\
Reads only, beside a running server on PostgreSQL; on SQLite stop the server first. Exit code 3: something
differs, and each difference is printed.")]
    Rebuild(SettingArgs),
    /// Look after events: those that could not be handled, and projections made of others
    #[command(subcommand)]
    Events(EventsCommand),
    /// Check the audit log
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Print the OpenAPI document of the HTTP interface
    Openapi,
    /// Look after messages to people
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Put a client for phones to the test
    #[command(after_long_help = "\
The command starts a program that reads what its user does and writes what it shows, one JSON object a line
(mobile-contract/CONFORMANCE.md); it speaks HTTP to a server that misbehaves in every way the contract allows.
Exit code 4: a case failed.

  athena conformance --command 'python3 mobile-contract/examples/python/conformance.py'")]
    Conformance(ConformanceArgs),
    /// Look at the settings
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// Commands about the audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Hold an exported log against signed checkpoints, offline
    #[command(after_long_help = crate::audit::CODES)]
    Verify(VerifyArgs),
}

/// Flags of `audit verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A checkpoint, as `GET /api/v1/audit/checkpoint` gives it; several narrow down where a rewritten history
    /// begins
    #[arg(long = "checkpoint", value_name = "FILE", required = true)]
    pub checkpoints: Vec<PathBuf>,
    /// The log's public key, as `GET /api/v1/audit/key` gives it: kept from when the log was trusted
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The log, as `GET /api/v1/audit/export` gives it; `-` for standard input
    #[arg(value_name = "EXPORT.jsonl")]
    pub export: PathBuf,
}

/// Commands about messages to people.
#[derive(Debug, Subcommand)]
pub enum NotifyCommand {
    /// Messages that did not arrive
    #[command(
        subcommand,
        after_long_help = "\
On PostgreSQL beside a running server, which sends what is replayed; on SQLite stop the server first.
Exit code 4: there is no such dead letter."
    )]
    DeadLetter(DeadLetterCommand),
}

/// Commands about messages that did not arrive.
#[derive(Debug, Subcommand)]
pub enum DeadLetterCommand {
    /// List them, the oldest first
    List {
        /// `push`, `email` or `sms` only
        #[arg(long)]
        channel: Option<domain_services::notification::Channel>,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Where settings come from.
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Show one, and what was tried
    Show(DeadLetterArgs),
    /// Have them sent again, if they are still true
    Replay(DeadLetterArgs),
    /// Give them up
    Discard(DeadLetterArgs),
}

/// Which dead letters.
#[derive(Debug, Args)]
pub struct DeadLetterArgs {
    /// Ids, as `list` prints them
    #[arg(required = true)]
    pub ids: Vec<uuid::Uuid>,
    /// Where settings come from.
    #[command(flatten)]
    pub settings: SettingArgs,
}

/// Commands about settings.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Read all settings, say what is wrong, print what would be used
    Check(SettingArgs),
    /// Explain every setting
    List,
}

/// Flags of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Make the demo organisation and print how to try it
    #[arg(long)]
    pub demo: bool,
    /// Run these services only: gateway, user, request, approval, catalog, audit, notification
    #[arg(long, value_name = "SERVICE,…")]
    pub only: Option<String>,
    /// Where settings come from.
    #[command(flatten)]
    pub settings: SettingArgs,
}

/// Flags of `conformance`.
#[derive(Debug, Args)]
pub struct ConformanceArgs {
    /// Starts the client under test; read by a shell
    #[arg(long, value_name = "COMMAND")]
    pub command: String,
    /// Only the cases whose names begin so; may be repeated
    #[arg(long, value_name = "CASE")]
    pub only: Vec<String>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Flags that say where settings come from.
#[derive(Debug, Clone, Args, Default)]
pub struct SettingArgs {
    /// TOML file with settings
    #[arg(long, value_name = "FILE", env = "ATHENA_CONFIG")]
    pub config: Option<PathBuf>,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Folder of SQLite files and keys
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<String>,
    /// `sqlite:FOLDER` or `postgres://…` (better in the variable: others can read command lines)
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
    /// Log level or directives
    #[arg(long, value_name = "LEVEL")]
    pub log: Option<String>,
    /// Any other setting
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}

impl ServeArgs {
    /// The settings of all sources.
    ///
    /// # Errors
    /// One sentence for each wrong one.
    pub fn load(&self) -> Result<Config, Vec<SettingError>> {
        let demo = self.demo.then(|| ("demo", "on".to_owned()));
        let only = self.only.clone().map(|only| ("only", only));
        self.settings.load(demo.into_iter().chain(only))
    }
}

impl SettingArgs {
    /// The settings of all sources; `more` are flags of the command.
    ///
    /// # Errors
    /// One sentence for each wrong one.
    pub fn load<'a>(
        &'a self,
        more: impl Iterator<Item = (&'a str, String)>,
    ) -> Result<Config, Vec<SettingError>> {
        let loader = match &self.config {
            Some(path) => Loader::new().file(path),
            None => Loader::new(),
        };
        let flags = [
            ("listen", &self.listen),
            ("data_dir", &self.data_dir),
            ("database_url", &self.database_url),
            ("log", &self.log),
        ];
        let flags = flags
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?)));
        let set = self.set.iter().map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.trim(), value.to_owned())
        });
        loader
            .variables(std::env::vars())
            .flags(flags.chain(set).chain(more))
            .finish()
    }
}

/// The settings as a TOML file that gives them, secrets left out.
#[must_use]
pub fn shown(config: &Config) -> String {
    let mut text = String::new();
    for setting in SETTINGS {
        let value = setting.show(config);
        let comment = if value.is_empty() || value == "(set)" {
            "# "
        } else {
            ""
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{comment}{} = {value:?}", setting.name);
    }
    text
}

/// What every setting is.
#[must_use]
pub fn explained() -> String {
    let defaults = Config::default();
    let mut text = String::new();
    for setting in SETTINGS {
        let default = match setting.show(&defaults) {
            none if none.is_empty() => "unset".to_owned(),
            some => some,
        };
        let (name, variable) = (setting.name, setting.variable());
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{name}  ({variable}, default: {default})\n    {}",
            setting.meaning
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_teaches_by_examples() {
        let help = Cli::command().render_long_help().to_string();
        for example in [
            "athena serve --demo",
            "ATHENA_DATABASE_URL=postgres://",
            "config check",
            "audit verify",
        ] {
            assert!(help.contains(example), "{help}");
        }
    }

    #[test]
    fn what_check_prints_can_be_used_as_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("athena.toml");
        let text = shown(&Config::default());
        std::fs::write(&path, &text).unwrap();
        let again = Loader::new().file(&path).finish().unwrap();
        assert_eq!(shown(&again), text);
    }
}
