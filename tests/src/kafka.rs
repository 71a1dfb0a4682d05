//! A real Apache Kafka, run from its jars.
//!
//! `ATHENA_TEST_KAFKA_LIB` names the folder of jars, which `scripts/test` fetches. Without it a test that
//! needs Kafka fails: nothing is skipped. A broker ends with the test, however the test ends: a shell holds
//! it, and kills it when its own input closes.

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Message, Offset, TopicPartitionList};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// A broker of one test, which can be killed and started again.
pub struct Broker {
    folder: Option<TempDir>,
    port: u16,
    shell: Option<Child>,
    pid: u32,
}

static SHARED: OnceCell<Broker> = OnceCell::const_new();
static PREFIXES: AtomicU32 = AtomicU32::new(0);

/// After SIGKILL a start takes twelve seconds; a loaded machine takes longer.
const START_MAX: Duration = Duration::from_secs(90);

/// Holds the broker; ends it, and removes what `$1` names, when its input closes.
const HOLD: &str = "gone=$1; shift; java \"$@\" & echo $!; read _; kill -9 $! 2>/dev/null; wait; [ -z \"$gone\" ] || rm -rf \"$gone\"";

impl Broker {
    /// The broker that tests share, each with a prefix of its own for its topics.
    pub async fn shared() -> &'static Self {
        SHARED
            .get_or_init(|| async {
                let mut broker = Self::new();
                // What is static is not dropped: the shell removes its files.
                let path = broker.folder.take().expect("a folder").keep();
                broker.launch(&path, &path.display().to_string());
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

    /// A broker of the test's own, running.
    pub async fn start() -> Self {
        let mut broker = Self::stopped();
        broker.go_on().await;
        broker
    }

    /// The same, not running yet: its address is known.
    #[must_use]
    pub fn stopped() -> Self {
        Self::new()
    }

    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let (port, controller) = (free_port(), free_port());
        let path = folder.path();
        let properties = properties(port, controller, path);
        std::fs::write(path.join("server.properties"), properties).expect("the broker's settings");
        let formatted = Command::new("java")
            .args(options())
            .args(["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c"])
            .arg(path.join("server.properties"))
            .output()
            .expect("java: scripts/test installs it");
        assert!(
            formatted.status.success(),
            "formatting: {}",
            String::from_utf8_lossy(&formatted.stderr)
        );
        Self {
            folder: Some(folder),
            port,
            shell: None,
            pid: 0,
        }
    }

    fn launch(&mut self, path: &Path, gone: &str) {
        let log = std::fs::File::create(path.join("kafka.log")).expect("a log");
        let mut shell = Command::new("sh")
            .args(["-c", HOLD, "sh", gone])
            .args(options())
            .arg("kafka.Kafka")
            .arg(path.join("server.properties"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("a shell");
        let mut line = String::new();
        let stdout = shell.stdout.as_mut().expect("its output");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("the broker's number");
        self.pid = line.trim().parse().expect("a number");
        self.shell = Some(shell);
    }

    /// Starts it, for the first time or again on the same data.
    pub async fn go_on(&mut self) {
        let path = self
            .folder
            .as_ref()
            .expect("a broker of its own")
            .path()
            .to_owned();
        self.launch(&path, "");
        self.wait_ready().await;
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let killed = Command::new("kill")
            .args(["-9", &self.pid.to_string()])
            .status();
        assert!(killed.expect("kill").success());
        self.end_shell();
    }

    fn end_shell(&mut self) {
        if let Some(mut shell) = self.shell.take() {
            drop(shell.stdin.take());
            let _ = shell.wait();
        }
    }

    /// The value of the setting `kafka_brokers`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The variables of a process that uses it, under a prefix of its own; and the prefix.
    #[must_use]
    pub fn variables(&self) -> (Vec<(&'static str, String)>, String) {
        let prefix = Self::prefix();
        let variables = vec![
            ("ATHENA_KAFKA_BROKERS", self.address()),
            ("ATHENA_KAFKA_TOPIC_PREFIX", prefix.clone()),
            ("ATHENA_KAFKA_PARTITIONS", "3".to_owned()),
        ];
        (variables, prefix)
    }

    /// The same for a node with a name: killed and started again, it has its partitions back at once.
    #[must_use]
    pub fn variables_of_a_node(&self) -> (Vec<(&'static str, String)>, String) {
        let (mut variables, prefix) = self.variables();
        variables.push(("ATHENA_KAFKA_INSTANCE", "node-1".to_owned()));
        (variables, prefix)
    }

    async fn wait_ready(&self) {
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.address())
            .create()
            .expect("a client");
        let begun = Instant::now();
        let client = std::sync::Arc::new(client);
        loop {
            let asked = std::sync::Arc::clone(&client);
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
            assert!(begun.elapsed() < START_MAX, "Kafka does not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// All that stands in a topic, partition after partition: header `ce_id`, key, header `ce_type`.
    pub async fn contents(&self, topic: &str) -> Vec<Seen> {
        let (address, topic) = (self.address(), topic.to_owned());
        tokio::task::spawn_blocking(move || contents(&address, &topic))
            .await
            .expect("a thread")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.end_shell();
    }
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Broker({} at {})", self.pid, self.address())
    }
}

/// A message as it stands in a topic.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its partition.
    pub partition: i32,
    /// Its key.
    pub key: String,
    /// Its headers.
    pub headers: std::collections::BTreeMap<String, String>,
    /// Its value.
    pub value: serde_json::Value,
}

fn contents(address: &str, topic: &str) -> Vec<Seen> {
    const WAIT: Duration = Duration::from_secs(20);
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", "looking")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a client");
    let metadata = client.fetch_metadata(Some(topic), WAIT).expect("the topic");
    let mut seen = Vec::new();
    for partition in metadata.topics()[0].partitions() {
        let id = partition.id();
        let (_, end) = client.fetch_watermarks(topic, id, WAIT).expect("its end");
        let mut at = TopicPartitionList::new();
        at.add_partition_offset(topic, id, Offset::Beginning)
            .expect("a place");
        client.assign(&at).expect("the partition");
        let begun = Instant::now();
        let mut next = 0;
        while next < end {
            assert!(begun.elapsed() < WAIT, "{topic}/{id}: {next} of {end}");
            let Some(message) = client.poll(Duration::from_millis(50)) else {
                continue;
            };
            let message = message.expect("a message");
            next = message.offset() + 1;
            seen.push(see(&message));
        }
    }
    seen
}

fn see(message: &impl Message) -> Seen {
    use rdkafka::message::Headers;
    let text =
        |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let headers = message.headers().map(|headers| {
        headers
            .iter()
            .map(|header| (header.key.to_owned(), text(header.value)))
            .collect()
    });
    Seen {
        partition: message.partition(),
        key: text(message.key()),
        headers: headers.unwrap_or_default(),
        value: serde_json::from_slice(message.payload().unwrap_or_default()).unwrap_or_default(),
    }
}

const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qg";

fn options() -> Vec<String> {
    let lib = std::env::var_os("ATHENA_TEST_KAFKA_LIB").map(PathBuf::from).expect(
        "ATHENA_TEST_KAFKA_LIB names no folder with Kafka's jars: scripts/test fetches them and sets it",
    );
    let lib = lib.display();
    [
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([format!("{lib}/*")])
    .collect()
}

fn properties(port: u16, controller: u16, folder: &Path) -> String {
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={}/log
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
",
        folder.display()
    )
}

fn free_port() -> u16 {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    probe.local_addr().expect("its address").port()
}
