//! The table of settings: name, meaning, how it is read, how it is shown.

use super::{Config, LogFormat, Secret, Service, kafka, values};
use std::path::PathBuf;

/// One setting.
pub struct Setting {
    /// Its name in the file; the variable is `ATHENA_` and this in capitals.
    pub name: &'static str,
    /// What it is, in a line.
    pub meaning: &'static str,
    /// Reads it; the error completes "`<name>` …".
    pub(super) set: fn(&mut Config, &str) -> Result<(), String>,
    /// Its value as it would be written, secrets hidden; empty when unset.
    pub(super) show: fn(&Config) -> String,
}

impl Setting {
    /// The environment variable that sets it.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("ATHENA_{}", self.name.to_ascii_uppercase())
    }

    /// Its value in `config`, secrets hidden; empty when unset.
    #[must_use]
    pub fn show(&self, config: &Config) -> String {
        (self.show)(config)
    }
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// A row whose reader gives the field's type and whose value shows itself.
macro_rules! row {
    ($name:ident, $meaning:literal, $read:expr, $show:expr) => {
        Setting {
            name: stringify!($name),
            meaning: $meaning,
            set: |config, text| {
                config.$name = $read(text)?;
                Ok(())
            },
            show: |config| $show(&config.$name),
        }
    };
}

/// A row that names a thing this version cannot do yet: better to stop than to ignore it.
macro_rules! not_yet {
    ($name:ident, $meaning:literal) => {
        Setting {
            name: stringify!($name),
            meaning: $meaning,
            set: |_, text| match text.trim() {
                "" => Ok(()),
                _ => Err("cannot be used yet: this version runs in one process".to_owned()),
            },
            show: |_| String::new(),
        }
    };
}

/// All settings, in the order they are documented.
pub static SETTINGS: &[Setting] = &[
    row!(
        listen,
        "address and port; port 0 takes a free one",
        listen,
        show
    ),
    row!(
        data_dir,
        "folder of the SQLite files and the keys",
        path,
        |p: &PathBuf| p.display().to_string()
    ),
    row!(
        database_url,
        "`sqlite:<folder>` or `postgres://user@host/database`; unset: SQLite in the data folder",
        database_url,
        secret
    ),
    row!(
        database_pool,
        "most connections of one service to PostgreSQL",
        |t| values::number(t, 1, 1_000),
        show
    ),
    row!(
        database_wait,
        "how long a start waits for a database that is away",
        values::duration,
        time
    ),
    row!(
        public_url,
        "the address phones use, when a proxy stands in front",
        |t| values::web_address(t).map(Some),
        |u: &Option<String>| u.clone().unwrap_or_default()
    ),
    row!(
        tls_cert,
        "certificate chain (PEM); the server then speaks TLS",
        |t| path(t).map(Some),
        optional_path
    ),
    row!(
        tls_key,
        "private key (PEM) of the certificate",
        |t| path(t).map(Some),
        optional_path
    ),
    row!(
        trust_forwarded_for,
        "`on` when a proxy of yours sets X-Forwarded-For",
        values::switch,
        on_off
    ),
    row!(
        rate_limit,
        "`off`, or requests a user (or address) may make: `500/s`, `6000/m`",
        values::rate,
        |r: &Option<values::Rate>| r.map_or_else(|| "off".to_owned(), |r| r.to_string())
    ),
    row!(
        max_changes,
        "most changes in one batch",
        |t| values::number(t, 1, 10_000),
        show
    ),
    row!(
        max_body,
        "most bytes of a body as it arrives",
        values::bytes,
        show
    ),
    row!(
        max_decoded,
        "most bytes of a body once decompressed",
        values::bytes,
        show
    ),
    row!(
        max_depth,
        "deepest nesting of a body",
        |t| values::number(t, 4, 100),
        show
    ),
    row!(
        max_clock_ahead,
        "how far a device's stamp may be ahead of the server",
        values::duration,
        time
    ),
    row!(
        rollback_window,
        "how long after its acceptance a vote may be rolled back",
        values::duration,
        time
    ),
    row!(
        rollback_grace,
        "how much later a rollback made in time may arrive",
        values::duration,
        time
    ),
    row!(
        audit_origin,
        "name of the audit log, borne by its checkpoints and their key; best a URL without its scheme",
        origin,
        Clone::clone
    ),
    row!(
        audit_checkpoint_every,
        "how long after the last checkpoint of the audit log another is signed",
        values::positive_duration,
        time
    ),
    row!(
        audit_checkpoint_leaves,
        "after how many leaves of the audit log a checkpoint is signed at once",
        |t| values::number(t, 1, 1_000_000),
        show
    ),
    row!(
        request_timeout,
        "how long a request may take before it is answered 503",
        values::positive_duration,
        time
    ),
    row!(
        header_timeout,
        "how long a connection may be silent, or take to send headers",
        values::positive_duration,
        time
    ),
    row!(
        shutdown_timeout,
        "how long a stop waits for requests being answered",
        values::duration,
        time
    ),
    row!(
        stream_keepalive,
        "how often an idle event stream gets a comment",
        values::positive_duration,
        time
    ),
    row!(
        log,
        "`error`, `warn`, `info`, `debug`, `trace`, or directives: `info,sqlx=warn`",
        log,
        Clone::clone
    ),
    row!(
        log_format,
        "`auto` (text on a terminal, JSON otherwise), `text`, `json`",
        log_format,
        |f: &LogFormat| f.name().to_owned()
    ),
    row!(
        admin_password,
        "password of admin@athena.local at the first start",
        password,
        secret
    ),
    row!(
        fcm_service_account,
        "key file (JSON) of the Google service account that sends push messages; unset: they go to the log",
        |t| path(t).map(Some),
        optional_path
    ),
    row!(
        fcm_url,
        "where Firebase Cloud Messaging is, or a proxy to it",
        values::web_address,
        Clone::clone
    ),
    row!(
        smtp_url,
        "mail server: `smtps://user:password@host:465`, `smtp://user:password@host:587`; unset: e-mail goes to the log",
        smtp_url,
        secret
    ),
    row!(
        smtp_from,
        "sender of e-mail: `Athena Budget <budget@example.com>`",
        |t| sender(t).map(Some),
        optional_text
    ),
    row!(
        smtp_ca,
        "certificate authority (PEM) that is trusted for the mail server, besides the system's",
        |t| path(t).map(Some),
        optional_path
    ),
    row!(
        twilio_account_sid,
        "Twilio account that sends SMS, `AC…`; unset: they go to the log",
        |t| twilio_account(t).map(Some),
        optional_text
    ),
    row!(
        twilio_auth_token,
        "its auth token, which also signs what Twilio tells",
        some_secret,
        secret
    ),
    row!(
        twilio_from,
        "sender of SMS: a number `+1…`, a name, or a messaging service `MG…`",
        |t| plain_text(t).map(Some),
        optional_text
    ),
    row!(
        twilio_url,
        "where Twilio is, or a proxy to it",
        values::web_address,
        Clone::clone
    ),
    row!(
        demo,
        "`on` makes the demo organisation",
        values::switch,
        on_off
    ),
    row!(
        only,
        "the services of this process, comma-separated; unset: all",
        services,
        |s: &std::collections::BTreeSet<Service>| s
            .iter()
            .map(|s| s.name())
            .collect::<Vec<_>>()
            .join(",")
    ),
    row!(
        kafka_brokers,
        "Kafka brokers, `host:port` and more after commas; unset: events stay in this process",
        kafka::brokers,
        optional
    ),
    row!(
        kafka_tls,
        "`on` to speak TLS with Kafka",
        values::switch,
        on_off
    ),
    row!(
        kafka_ca,
        "authorities to believe Kafka's certificate (PEM); unset: the system's",
        |t| path(t).map(Some),
        optional_path
    ),
    row!(
        kafka_cert,
        "our certificate for Kafka (PEM)",
        |t| path(t).map(Some),
        optional_path
    ),
    row!(
        kafka_key,
        "private key of `kafka_cert` (PEM)",
        |t| path(t).map(Some),
        optional_path
    ),
    row!(
        kafka_sasl,
        "how to log in to Kafka: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`; unset: not at all",
        kafka::sasl,
        optional
    ),
    row!(
        kafka_user,
        "name to log in to Kafka with",
        |t: &str| Ok::<_, String>(Some(t.to_owned())),
        optional
    ),
    row!(
        kafka_password,
        "password of `kafka_user`",
        |t: &str| Ok::<_, String>(Some(Secret::new(t))),
        secret
    ),
    row!(
        kafka_topic_prefix,
        "stands before every topic and group, where installations share a cluster",
        kafka::topic_prefix,
        Clone::clone
    ),
    row!(
        kafka_replication,
        "copies of each topic that is made",
        |t| values::number(t, 1, 9),
        show
    ),
    row!(
        kafka_partitions,
        "partitions of each topic that is made; more later would break the order of keys",
        |t| values::number(t, 1, 1_000),
        show
    ),
    row!(
        kafka_instance,
        "this node's name, the same after a restart: its partitions then wait for it",
        kafka::instance,
        optional
    ),
    row!(
        outbox_retention,
        "how long events that were published are kept in the outbox",
        values::positive_duration,
        time
    ),
    row!(
        inbox_retention,
        "how long an event that comes again is recognised; longer than any cluster or database may be away",
        values::positive_duration,
        time
    ),
    row!(
        notification_retention,
        "how long notifications are kept that were sent or cancelled, once their request is over",
        values::positive_duration,
        time
    ),
    not_yet!(redis_url, "Redis, for limits and pokes across nodes"),
];

fn show(value: &impl ToString) -> String {
    value.to_string()
}

fn time(value: &std::time::Duration) -> String {
    humantime::format_duration(*value).to_string()
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the table hands every field by reference"
)]
fn on_off(value: &bool) -> String {
    if *value { "on" } else { "off" }.to_owned()
}

#[allow(
    clippy::ref_option,
    reason = "the table hands every field by reference"
)]
fn secret(value: &Option<Secret>) -> String {
    value
        .as_ref()
        .map_or_else(String::new, |s| format!("{s:?}"))
}

#[allow(
    clippy::ref_option,
    reason = "the table hands every field by reference"
)]
fn optional(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

#[allow(
    clippy::ref_option,
    reason = "the table hands every field by reference"
)]
fn optional_path(value: &Option<PathBuf>) -> String {
    value
        .as_ref()
        .map_or_else(String::new, |p| p.display().to_string())
}

#[allow(
    clippy::ref_option,
    reason = "the table hands every field by reference"
)]
fn optional_text(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

fn plain_text(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("must be a text, and is empty or has control characters".to_owned());
    }
    Ok(text.to_owned())
}

fn some_secret(text: &str) -> Result<Option<Secret>, String> {
    plain_text(text).map(|text| Some(Secret::new(text)))
}

fn sender(text: &str) -> Result<String, String> {
    let text = plain_text(text)?;
    domain_services::notification::channel::check_sender(&text).map(|()| text)
}

/// Never repeats the value: it holds a password.
fn smtp_url(text: &str) -> Result<Option<Secret>, String> {
    domain_services::notification::channel::check_smtp_url(text).map(|()| Some(Secret::new(text)))
}

fn twilio_account(text: &str) -> Result<String, String> {
    let text = text.trim();
    let digits = text.strip_prefix("AC").unwrap_or_default();
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Ok(text.to_owned())
    } else {
        Err("must be an account's SID, `AC` and letters and digits".to_owned())
    }
}

fn listen(text: &str) -> Result<std::net::SocketAddr, String> {
    let text = text.trim();
    let numeric = text
        .strip_prefix("localhost:")
        .map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    numeric
        .parse()
        .map_err(|_| format!("must be an address and a port such as `0.0.0.0:8080`, not `{text}`"))
}

fn origin(text: &str) -> Result<String, String> {
    let text = text.trim();
    if domain_services::audit::note::is_origin(text) {
        Ok(text.to_owned())
    } else {
        Err("must be a name without blanks and `+`, such as `athena.example.com/audit`".to_owned())
    }
}

fn path(text: &str) -> Result<PathBuf, String> {
    if text.trim().is_empty() {
        return Err("must name a path, and is empty".to_owned());
    }
    Ok(PathBuf::from(text))
}

/// Never repeats the value: it holds a password.
fn database_url(text: &str) -> Result<Option<Secret>, String> {
    let known = ["sqlite:", "postgres://", "postgresql://"];
    if known.iter().any(|scheme| text.starts_with(scheme)) {
        Ok(Some(Secret::new(text)))
    } else {
        Err("must start with `sqlite:` or `postgres://`".to_owned())
    }
}

fn password(text: &str) -> Result<Option<Secret>, String> {
    if (10..=256).contains(&text.chars().count()) {
        Ok(Some(Secret::new(text)))
    } else {
        Err("must have 10 to 256 characters".to_owned())
    }
}

fn log(text: &str) -> Result<String, String> {
    let text = text.trim();
    let level = |text: &str| {
        text.parse::<tracing_subscriber::filter::LevelFilter>()
            .is_ok()
    };
    let good = text.split(',').all(|part| match part.split_once('=') {
        Some((target, of)) => !target.is_empty() && level(of),
        None => level(part),
    });
    if good && !text.is_empty() {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "must be a level such as `info`, or directives such as `info,sqlx=warn`, not `{text}`"
        ))
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    [LogFormat::Auto, LogFormat::Text, LogFormat::Json]
        .into_iter()
        .find(|format| format.name() == text.trim())
        .ok_or_else(|| format!("must be `auto`, `text` or `json`, not `{text}`"))
}

fn services(text: &str) -> Result<std::collections::BTreeSet<Service>, String> {
    let names = || Service::ALL.map(Service::name).join(", ");
    text.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(|name| {
            Service::ALL
                .into_iter()
                .find(|service| service.name() == name)
                .ok_or_else(|| format!("names `{name}`, which is none of {}", names()))
        })
        .collect()
}
