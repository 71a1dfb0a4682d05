//! The settings of a test's broker, the same wherever it runs.

use super::certificates::Certificates;
use domain_services::time::Ids;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// What names the cluster.
pub(super) const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qg";
/// Who may log in where a login is asked for.
pub(super) const USER: &str = "athena";
/// The password.
pub(super) const PASSWORD: &str = "a password of Kafka";

const PORTS: Range<u16> = 10_000..20_000;
const TRIES: u32 = 100;

/// Where a broker listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    /// Without TLS and login.
    pub(super) plain: u16,
    /// Its own controller.
    pub(super) controller: u16,
    /// With TLS and a login by name and password.
    pub(super) login: u16,
    /// With TLS and a certificate of the client.
    pub(super) mutual: u16,
}

impl Ports {
    /// Four that are free now. Below those that the kernel gives to connections: a broker takes seconds to
    /// start, and one of its ports would be somebody's by then.
    pub(super) fn free() -> Self {
        let ids = Ids::default();
        let mut probes: Vec<TcpListener> = Vec::new();
        for _ in 0..TRIES {
            let drawn = u64::from_be_bytes(ids.bytes()) % u64::from(PORTS.end - PORTS.start);
            let port = PORTS.start + u16::try_from(drawn).expect("a port");
            probes.extend(TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
            // All at once, so that they differ.
            if let [plain, controller, login, mutual] = &probes[..] {
                let port = |probe: &TcpListener| probe.local_addr().expect("its address").port();
                return Self {
                    plain: port(plain),
                    controller: port(controller),
                    login: port(login),
                    mutual: port(mutual),
                };
            }
        }
        panic!("no four free ports in {TRIES} tries");
    }

    /// Those that clients use.
    pub(super) fn of_clients(self) -> [u16; 3] {
        [self.plain, self.login, self.mutual]
    }
}

/// Where the broker finds itself.
pub(super) struct Place<'a> {
    /// The address it binds.
    pub(super) bind: &'a str,
    /// The folder of its data.
    pub(super) data: &'a str,
    /// The folder of certificates and keys.
    pub(super) secrets: &'a str,
}

/// The file `server.properties`.
pub(super) fn properties(ports: Ports, place: &Place<'_>, secured: bool) -> String {
    let Ports {
        plain,
        controller,
        login,
        mutual,
    } = ports;
    let Place { bind, data, .. } = place;
    let mut listeners = vec![("PLAINTEXT", plain)];
    if secured {
        listeners.extend([("LOGIN", login), ("MUTUAL", mutual)]);
    }
    let at = |host: &str| {
        let each = listeners
            .iter()
            .map(|(name, port)| format!("{name}://{host}:{port}"));
        each.collect::<Vec<_>>().join(",")
    };
    let (binds, advertised) = (at(bind), at("127.0.0.1"));
    let mut text = format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners={binds},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={advertised}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_SSL,MUTUAL:SSL
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"
    );
    if secured {
        text.push_str(&security(place.secrets));
    }
    text
}

fn security(secrets: &str) -> String {
    let (server, ca) = (Certificates::SERVER, Certificates::CA);
    let modules = "org.apache.kafka.common.security";
    let login = format!(
        "listener.name.login.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.login.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";
listener.name.login.scram-sha-512.sasl.jaas.config={modules}.scram.ScramLoginModule required;
listener.name.mutual.ssl.client.auth=required
listener.name.mutual.ssl.truststore.type=PEM
listener.name.mutual.ssl.truststore.location={secrets}/{ca}
"
    );
    let keys = ["login", "mutual"].map(|listener| {
        format!(
            "listener.name.{listener}.ssl.keystore.type=PEM
listener.name.{listener}.ssl.keystore.location={secrets}/{server}
"
        )
    });
    login + &keys.concat()
}

/// What the storage is formatted with: one user who logs in by SCRAM.
pub(super) fn scram_user() -> String {
    format!("SCRAM-SHA-512=[name={USER},password={PASSWORD}]")
}
