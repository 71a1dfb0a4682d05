//! How a cluster is reached.

use super::watch;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use std::path::PathBuf;

/// What an operator may say about Kafka.
#[derive(Debug, Clone)]
pub struct KafkaSettings {
    /// `host:port`, comma-separated.
    pub brokers: String,
    /// Whether to speak TLS.
    pub tls: bool,
    /// The authorities to believe (PEM); without one, the system's.
    pub ca: Option<PathBuf>,
    /// Our own certificate (PEM), where the cluster asks for one.
    pub cert: Option<PathBuf>,
    /// Its private key (PEM).
    pub key: Option<PathBuf>,
    /// How to log in, where the cluster asks.
    pub sasl: Option<Sasl>,
    /// Stands before the name of every topic and group, so that several installations can share a cluster.
    pub topic_prefix: String,
    /// Copies of each new topic.
    pub replication: i32,
    /// Partitions of each new topic.
    pub partitions: i32,
    /// This node's name, the same after a restart: its partitions then wait for it instead of being given to
    /// others and back.
    pub instance: Option<String>,
}

/// A login by name and password.
#[derive(Clone)]
pub struct Sasl {
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: String,
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Sasl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sasl({} as {})", self.mechanism, self.user)
    }
}

impl KafkaSettings {
    /// A cluster without TLS or login, with one copy of everything.
    #[must_use]
    pub fn plain(brokers: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
            tls: false,
            ca: None,
            cert: None,
            key: None,
            sasl: None,
            topic_prefix: String::new(),
            replication: 1,
            partitions: 6,
            instance: None,
        }
    }

    /// What every client of the cluster is told.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "athena")
            .set("security.protocol", self.protocol())
            // A broker that is back is noticed within a second, not within ten.
            .set("reconnect.backoff.max.ms", "1000")
            .set("socket.keepalive.enable", "true")
            .set("statistics.interval.ms", "5000");
        if tracing::enabled!(target: watch::LIBRARY, tracing::Level::TRACE) {
            config
                .set("debug", "cgrp,topic,fetch,consumer")
                .set_log_level(RDKafkaLogLevel::Debug);
        }
        if self.tls {
            match &self.ca {
                Some(path) => config.set("ssl.ca.location", path.to_string_lossy()),
                None => config.set("ssl.ca.location", "probe"),
            };
            let own = [
                ("ssl.certificate.location", &self.cert),
                ("ssl.key.location", &self.key),
            ];
            for (name, path) in own {
                if let Some(path) = path {
                    config.set(name, path.to_string_lossy());
                }
            }
        }
        if let Some(sasl) = &self.sasl {
            config
                .set("sasl.mechanism", &sasl.mechanism)
                .set("sasl.username", &sasl.user)
                .set("sasl.password", &sasl.password);
        }
        config
    }

    fn protocol(&self) -> &'static str {
        match (self.tls, &self.sasl) {
            (false, None) => "plaintext",
            (true, None) => "ssl",
            (false, Some(_)) => "sasl_plaintext",
            (true, Some(_)) => "sasl_ssl",
        }
    }
}
