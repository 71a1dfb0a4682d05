//! What an operator may set: a TOML file, over it `ATHENA_…` variables, over them flags.
//!
//! Every setting is one row of the table [`SETTINGS`]; the file, the variables, the flags, `athena config
//! check` and the help text all read that table. To add one: a field here, its default in
//! [`Config::default`], a row there.

mod kafka;
mod load;
mod settings;
mod values;

pub use load::{Loader, SettingError, Source};
pub use settings::{SETTINGS, Setting};
pub use values::Rate;

use domain_services::bus::kafka::{KafkaSettings, Sasl};
use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Everything that can be set, with its defaults.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where SQLite files and keys live; made when missing.
    pub data_dir: PathBuf,
    /// `sqlite:<folder>` or `postgres://…`; without one, SQLite under the data folder.
    pub database_url: Option<Secret>,
    /// Most connections to PostgreSQL for one service.
    pub database_pool: usize,
    /// How long a start waits for a database that does not answer.
    pub database_wait: Duration,
    /// The address phones use, when a proxy stands in front.
    pub public_url: Option<String>,
    /// Certificate chain (PEM); with it the server speaks TLS.
    pub tls_cert: Option<PathBuf>,
    /// Private key (PEM) of the certificate.
    pub tls_key: Option<PathBuf>,
    /// Whether the last hop of `X-Forwarded-For` names the client.
    pub trust_forwarded_for: bool,
    /// Requests a user, or an address without a user, may make; `None` is unlimited.
    pub rate_limit: Option<Rate>,
    /// Most changes in one batch.
    pub max_changes: usize,
    /// Most bytes of a request body as it arrives.
    pub max_body: usize,
    /// Most bytes of a request body once decompressed.
    pub max_decoded: usize,
    /// Deepest nesting of a request body.
    pub max_depth: usize,
    /// How far a device's stamp may be ahead of the server.
    pub max_clock_ahead: Duration,
    /// How long after its acceptance a vote may be rolled back.
    pub rollback_window: Duration,
    /// How much later a rollback made in time may still arrive.
    pub rollback_grace: Duration,
    /// The name of the audit log, which its checkpoints and their key bear.
    pub audit_origin: String,
    /// How long after the last checkpoint of the audit log another is signed, if it has grown.
    pub audit_checkpoint_every: Duration,
    /// After how many leaves another is signed at once.
    pub audit_checkpoint_leaves: u64,
    /// How long a request may take before it is answered 503.
    pub request_timeout: Duration,
    /// How long a connection may take to send a request's headers; idle ones end after it too.
    pub header_timeout: Duration,
    /// How long a stop waits for requests that are being answered.
    pub shutdown_timeout: Duration,
    /// How often an idle event stream gets a comment.
    pub stream_keepalive: Duration,
    /// Which log lines are written: a level, or directives such as `info,sqlx=warn`.
    pub log: String,
    /// Text, JSON, or text on a terminal and JSON otherwise.
    pub log_format: LogFormat,
    /// Password of `admin@athena.local` at the first start; a random one is printed without it.
    pub admin_password: Option<Secret>,
    /// A Google service account's key file; without one, push messages go to the log.
    pub fcm_service_account: Option<PathBuf>,
    /// Where FCM is.
    pub fcm_url: String,
    /// The mail server, with its password; without one, e-mail goes to the log.
    pub smtp_url: Option<Secret>,
    /// The sender of e-mail.
    pub smtp_from: Option<String>,
    /// A certificate authority (PEM) that the mail server's certificate may be of.
    pub smtp_ca: Option<PathBuf>,
    /// The Twilio account; without one, SMS go to the log.
    pub twilio_account_sid: Option<String>,
    /// Its secret.
    pub twilio_auth_token: Option<Secret>,
    /// The sender of SMS.
    pub twilio_from: Option<String>,
    /// Where Twilio is.
    pub twilio_url: String,
    /// Whether to make the demo organisation.
    pub demo: bool,
    /// The services this process runs; empty means all of them.
    pub only: BTreeSet<Service>,
    /// Kafka's brokers; without them events stay in this process.
    pub kafka_brokers: Option<String>,
    /// Whether to speak TLS with Kafka.
    pub kafka_tls: bool,
    /// The authorities to believe Kafka's certificate (PEM).
    pub kafka_ca: Option<PathBuf>,
    /// Our certificate for Kafka (PEM).
    pub kafka_cert: Option<PathBuf>,
    /// Its private key (PEM).
    pub kafka_key: Option<PathBuf>,
    /// The SASL mechanism to log in to Kafka with.
    pub kafka_sasl: Option<String>,
    /// The name to log in with.
    pub kafka_user: Option<String>,
    /// The password to log in with.
    pub kafka_password: Option<Secret>,
    /// Stands before every topic and group.
    pub kafka_topic_prefix: String,
    /// Copies of each topic that is made.
    pub kafka_replication: i32,
    /// Partitions of each topic that is made.
    pub kafka_partitions: i32,
    /// This node's name among the members of Kafka's groups.
    pub kafka_instance: Option<String>,
    /// How long published events stay in the outbox.
    pub outbox_retention: Duration,
    /// How long the ids of events are remembered.
    pub inbox_retention: Duration,
    /// How long notifications are kept that nothing more will become of.
    pub notification_retention: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            data_dir: PathBuf::from("./athena-data"),
            database_url: None,
            database_pool: 16,
            database_wait: Duration::from_secs(10),
            public_url: None,
            tls_cert: None,
            tls_key: None,
            trust_forwarded_for: false,
            rate_limit: Some(Rate {
                requests: 1_000,
                per: Duration::from_secs(1),
            }),
            max_changes: 500,
            max_body: 1 << 20,
            max_decoded: 4 << 20,
            max_depth: 32,
            max_clock_ahead: Duration::from_mins(1),
            rollback_window: Duration::from_hours(24),
            rollback_grace: Duration::from_hours(12),
            audit_origin: "athena.local/audit".to_owned(),
            audit_checkpoint_every: Duration::from_mins(1),
            audit_checkpoint_leaves: 1_000,
            request_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(20),
            stream_keepalive: Duration::from_secs(25),
            log: "info".to_owned(),
            log_format: LogFormat::Auto,
            admin_password: None,
            fcm_service_account: None,
            fcm_url: "https://fcm.googleapis.com".to_owned(),
            smtp_url: None,
            smtp_from: None,
            smtp_ca: None,
            twilio_account_sid: None,
            twilio_auth_token: None,
            twilio_from: None,
            twilio_url: "https://api.twilio.com".to_owned(),
            demo: false,
            only: BTreeSet::new(),
            kafka_brokers: None,
            kafka_tls: false,
            kafka_ca: None,
            kafka_cert: None,
            kafka_key: None,
            kafka_sasl: None,
            kafka_user: None,
            kafka_password: None,
            kafka_topic_prefix: String::new(),
            kafka_replication: 1,
            kafka_partitions: 6,
            kafka_instance: None,
            outbox_retention: Duration::from_hours(7 * 24),
            inbox_retention: Duration::from_hours(90 * 24),
            notification_retention: Duration::from_hours(90 * 24),
        }
    }
}

impl Config {
    /// Whether this process runs `service`.
    #[must_use]
    pub fn runs(&self, service: Service) -> bool {
        self.only.is_empty() || self.only.contains(&service)
    }

    /// Whether this process runs the service of this name.
    #[must_use]
    pub fn runs_named(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|service| service.name() == name)
    }

    /// The address to tell people: the public one, or the one that is listened on.
    #[must_use]
    pub fn address(&self, listening: SocketAddr) -> String {
        let scheme = if self.tls_cert.is_some() {
            "https"
        } else {
            "http"
        };
        self.public_url
            .clone()
            .unwrap_or_else(|| format!("{scheme}://{listening}"))
    }

    /// What no single setting can be blamed for alone.
    fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Some(("tls_cert", "and `tls_key` must be given together"));
        }
        if self.max_decoded < self.max_body {
            return Some(("max_decoded", "must not be less than `max_body`"));
        }
        if self.inbox_retention < self.outbox_retention * 2 {
            return Some((
                "inbox_retention",
                "must be at least twice `outbox_retention`: an event can come again as long as it is kept",
            ));
        }
        if let Some(wrong) = self.kafka_contradiction() {
            return Some(wrong);
        }
        if self.smtp_url.is_some() != self.smtp_from.is_some() {
            return Some(("smtp_url", "and `smtp_from` must be given together"));
        }
        let twilio = [
            self.twilio_account_sid.is_some(),
            self.twilio_auth_token.is_some(),
            self.twilio_from.is_some(),
        ];
        if twilio.contains(&true) && twilio.contains(&false) {
            return Some((
                "twilio_account_sid",
                "and `twilio_auth_token` and `twilio_from` must be given together",
            ));
        }
        let together = [Service::User, Service::Request, Service::Catalog];
        if !together.into_iter().all(|service| self.runs(service)) {
            return Some((
                "only",
                "must name user, request and catalog together: this version runs them in one process",
            ));
        }
        let listening = [Service::Approval, Service::Audit, Service::Notification];
        if self.kafka_brokers.is_none() && !listening.into_iter().all(|service| self.runs(service))
        {
            return Some((
                "only",
                "must name approval, audit and notification too, or `kafka_brokers` be set: without Kafka a service that does not run in this process would never hear of what happens here",
            ));
        }
        None
    }
}

impl Config {
    fn kafka_contradiction(&self) -> Option<(&'static str, &'static str)> {
        let files = [&self.kafka_ca, &self.kafka_cert, &self.kafka_key];
        let login = (self.kafka_user.is_some(), self.kafka_password.is_some());
        let any = self.kafka_tls
            || self.kafka_sasl.is_some()
            || files.iter().any(|file| file.is_some())
            || login.0
            || login.1
            || self.kafka_instance.is_some()
            || !self.kafka_topic_prefix.is_empty();
        if self.kafka_brokers.is_none() {
            return any.then_some((
                "kafka_brokers",
                "must be given with the other settings of Kafka",
            ));
        }
        if !self.kafka_tls && files.iter().any(|file| file.is_some()) {
            return Some((
                "kafka_tls",
                "must be on for `kafka_ca`, `kafka_cert` and `kafka_key`",
            ));
        }
        if self.kafka_cert.is_some() != self.kafka_key.is_some() {
            return Some(("kafka_cert", "and `kafka_key` must be given together"));
        }
        if login != (self.kafka_sasl.is_some(), self.kafka_sasl.is_some()) {
            return Some((
                "kafka_sasl",
                "and `kafka_user` and `kafka_password` must be given together",
            ));
        }
        None
    }

    /// How Kafka is reached, if events travel by it.
    #[must_use]
    pub fn kafka(&self) -> Option<KafkaSettings> {
        let brokers = self.kafka_brokers.as_deref()?;
        let sasl = match (&self.kafka_sasl, &self.kafka_user, &self.kafka_password) {
            (Some(mechanism), Some(user), Some(password)) => Some(Sasl {
                mechanism: mechanism.clone(),
                user: user.clone(),
                password: password.reveal().to_owned(),
            }),
            _ => None,
        };
        Some(KafkaSettings {
            tls: self.kafka_tls,
            ca: self.kafka_ca.clone(),
            cert: self.kafka_cert.clone(),
            key: self.kafka_key.clone(),
            sasl,
            topic_prefix: self.kafka_topic_prefix.clone(),
            replication: self.kafka_replication,
            partitions: self.kafka_partitions,
            instance: self.kafka_instance.clone(),
            ..KafkaSettings::plain(brokers)
        })
    }
}

/// The services that `--only` can choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Routing, limits and documents; needed in a process that phones talk to.
    Gateway,
    /// People, departments, sessions.
    User,
    /// Budget requests.
    Request,
    /// Levels and votes.
    Approval,
    /// Categories, reasons, assignments.
    Catalog,
    /// The log nobody can change.
    Audit,
    /// Push, e-mail, SMS.
    Notification,
}

impl Service {
    /// All of them, in the order they are documented.
    pub const ALL: [Self; 7] = [
        Self::Gateway,
        Self::User,
        Self::Request,
        Self::Approval,
        Self::Catalog,
        Self::Audit,
        Self::Notification,
    ];

    /// The name used in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::User => "user",
            Self::Request => "request",
            Self::Approval => "approval",
            Self::Catalog => "catalog",
            Self::Audit => "audit",
            Self::Notification => "notification",
        }
    }
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// The name used in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one who needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(set)")
    }
}
