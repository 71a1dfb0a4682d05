//! A real Apache Kafka: from its jars where they are named, otherwise in a container. `scripts/components` fetches
//! the jars, and names them, where no Docker engine answers or can have Kafka's image.

mod certificates;
mod container;
pub(crate) mod contents;
mod jars;
mod settings;

pub use certificates::Certificates;
pub use contents::Seen;

use container::Container;
use jars::Jars;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use settings::Ports;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// A broker of one test, which can be killed and started again.
pub struct Broker {
    ports: Ports,
    home: Home,
    certificates: Option<Certificates>,
}

/// What it runs in.
enum Home {
    Jars(Jars),
    Container(Box<Container>),
}

static SHARED: OnceCell<Broker> = OnceCell::const_new();
static PREFIXES: AtomicU32 = AtomicU32::new(0);

/// After SIGKILL a start takes twelve seconds; a loaded machine takes longer.
const START_MAX: Duration = Duration::from_secs(90);

/// Variables of a process.
pub type Variables = Vec<(&'static str, String)>;

impl Broker {
    /// The broker that tests share, each with a prefix of its own for its topics.
    pub async fn shared() -> &'static Self {
        SHARED
            .get_or_init(|| async {
                let mut broker = Self::stopped().await;
                match &mut broker.home {
                    Home::Jars(jars) => jars.stay(),
                    Home::Container(container) => container.go_on().await,
                }
                broker.wait_ready().await;
                broker
            })
            .await
    }

    /// A prefix that no other test has.
    #[must_use]
    pub fn prefix() -> String {
        let number = PREFIXES.fetch_add(1, Ordering::Relaxed);
        format!("t{}-{number}.", std::process::id())
    }

    /// A broker of the test's own, not running yet: its address is known.
    pub async fn stopped() -> Self {
        Self::new(None).await
    }

    /// A broker of the test's own, running, that has two more listeners: one asks for TLS and a login, the
    /// other for TLS and a certificate of the client.
    pub async fn secured() -> Self {
        let mut broker = Self::new(Some(Certificates::make())).await;
        broker.go_on().await;
        broker
    }

    async fn new(certificates: Option<Certificates>) -> Self {
        let ports = Ports::free();
        let home = if !jars::are_named() && container::engine_answers().await {
            Home::Container(Box::new(Container::new(ports, certificates.as_ref())))
        } else {
            Home::Jars(Jars::new(ports, certificates.as_ref()))
        };
        Self {
            ports,
            home,
            certificates,
        }
    }

    /// Starts it, for the first time or again on the same data.
    pub async fn go_on(&mut self) {
        match &mut self.home {
            Home::Jars(jars) => jars.go_on(),
            Home::Container(container) => container.go_on().await,
        }
        self.wait_ready().await;
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        match &mut self.home {
            Home::Jars(jars) => jars.kill(),
            Home::Container(container) => container.kill().await,
        }
    }

    /// The value of the setting `kafka_brokers`.
    #[must_use]
    pub fn address(&self) -> String {
        at(self.ports.plain)
    }

    /// The variables of a process that uses it, under a prefix of its own; and the prefix.
    #[must_use]
    pub fn variables(&self) -> (Variables, String) {
        under_a_prefix(self.address())
    }

    /// The same for a node with a name: killed and started again, it has its partitions back at once.
    #[must_use]
    pub fn variables_of_a_node(&self) -> (Variables, String) {
        let (mut variables, prefix) = self.variables();
        variables.push(("ATHENA_KAFKA_INSTANCE", "node-1".to_owned()));
        (variables, prefix)
    }

    /// The same for a process that logs in over TLS by this mechanism; of a secured broker.
    #[must_use]
    pub fn variables_of_a_login(&self, mechanism: &str) -> (Variables, String) {
        let (mut variables, prefix) = under_a_prefix(at(self.ports.login));
        variables.extend([
            ("ATHENA_KAFKA_TLS", "on".to_owned()),
            ("ATHENA_KAFKA_CA", text(&self.certificates().ca())),
            ("ATHENA_KAFKA_SASL", mechanism.to_owned()),
            ("ATHENA_KAFKA_USER", settings::USER.to_owned()),
            ("ATHENA_KAFKA_PASSWORD", settings::PASSWORD.to_owned()),
        ]);
        (variables, prefix)
    }

    /// The same for a process that shows a certificate; of a secured broker.
    #[must_use]
    pub fn variables_of_a_certificate(&self) -> (Variables, String) {
        let (mut variables, prefix) = under_a_prefix(at(self.ports.mutual));
        let certificates = self.certificates();
        variables.extend([
            ("ATHENA_KAFKA_TLS", "on".to_owned()),
            ("ATHENA_KAFKA_CA", text(&certificates.ca())),
            ("ATHENA_KAFKA_CERT", text(&certificates.client())),
            ("ATHENA_KAFKA_KEY", text(&certificates.client_key())),
        ]);
        (variables, prefix)
    }

    /// Its certificates; of a secured broker.
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        self.certificates.as_ref().expect("a secured broker")
    }

    async fn wait_ready(&self) {
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.address())
            .create()
            .expect("a client");
        let begun = Instant::now();
        let client = Arc::new(client);
        loop {
            let asked = Arc::clone(&client);
            let found = tokio::task::spawn_blocking(move || {
                asked
                    .fetch_metadata(None, Duration::from_millis(500))
                    .map(|all| all.brokers().len())
            });
            if found
                .await
                .expect("a thread")
                .is_ok_and(|brokers| brokers > 0)
            {
                return;
            }
            assert!(
                begun.elapsed() < START_MAX,
                "Kafka does not start: {}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What it has said; of one in a container, nothing.
    fn log(&self) -> String {
        match &self.home {
            Home::Jars(jars) => jars.log(),
            Home::Container(_) => String::new(),
        }
    }

    /// How many messages a topic has taken; none before it is there.
    pub async fn end(&self, topic: &str) -> i64 {
        let (address, topic) = (self.address(), topic.to_owned());
        tokio::task::spawn_blocking(move || contents::ends(&address, &topic).iter().sum())
            .await
            .expect("a thread")
    }

    /// All that stands in a topic, partition after partition.
    pub async fn contents(&self, topic: &str) -> Vec<Seen> {
        let (address, topic) = (self.address(), topic.to_owned());
        tokio::task::spawn_blocking(move || contents::contents(&address, &topic))
            .await
            .expect("a thread")
    }
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Broker({})", self.address())
    }
}

fn at(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn under_a_prefix(brokers: String) -> (Variables, String) {
    let prefix = Broker::prefix();
    let variables = vec![
        ("ATHENA_KAFKA_BROKERS", brokers),
        ("ATHENA_KAFKA_TOPIC_PREFIX", prefix.clone()),
        ("ATHENA_KAFKA_PARTITIONS", "3".to_owned()),
        (
            "ATHENA_LOG",
            "info,librdkafka=debug,domain_services::bus=debug".to_owned(),
        ),
    ];
    (variables, prefix)
}
