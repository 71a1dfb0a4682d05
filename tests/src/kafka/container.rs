//! A broker from Kafka's own image, where a Docker engine answers on this machine.

use super::certificates::Certificates;
use super::settings::{self, CLUSTER, Place, Ports};
use std::process::{Child, Command, Stdio};
use testcontainers::core::{IntoContainerPort, client::docker_client_instance};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt};
use tokio::sync::OnceCell;

/// The release that `scripts/components` fetches as jars too.
const IMAGE: (&str, &str) = ("apache/kafka", "4.1.2");
/// In the container.
const SETTINGS: &str = "/tmp/server.properties";
/// Formats the storage where that has not been done, and becomes the broker.
const RUN: &str = "/opt/kafka/bin/kafka-storage.sh format --ignore-formatted -t \"$CLUSTER\" -c \"$SETTINGS\" --add-scram \"$SCRAM_USER\" && exec /opt/kafka/bin/kafka-server-start.sh \"$SETTINGS\"";
/// Removes a container when its input closes: with the test process, however that ends.
const REMOVE: &str = "trap '' INT TERM; read _; docker rm --force --volumes \"$1\" >/dev/null";

/// Whether an engine answers; asked once a process.
pub(super) async fn engine_answers() -> bool {
    static ANSWERS: OnceCell<bool> = OnceCell::const_new();
    let ask = async || match docker_client_instance().await {
        Ok(engine) => engine.ping().await.is_ok(),
        Err(_) => false,
    };
    *ANSWERS.get_or_init(ask).await
}

/// Its drop removes the container too, but what is static is not dropped, and nothing is when the process is
/// killed.
fn remover(id: &str) -> Child {
    let shell = Command::new("sh")
        .args(["-c", REMOVE, "sh", id])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    shell.expect("a shell")
}

pub(super) struct Container {
    request: Option<ContainerRequest<GenericImage>>,
    running: Option<ContainerAsync<GenericImage>>,
    /// Held for its input, which ends with the process.
    remover: Option<Child>,
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Some(mut remover) = self.remover.take() {
            drop(remover.stdin.take());
            let _ = remover.wait();
        }
    }
}

impl Container {
    pub(super) fn new(ports: Ports, certificates: Option<&Certificates>) -> Self {
        let place = Place {
            bind: "0.0.0.0",
            data: "/tmp/kafka-data",
            secrets: "/tmp",
        };
        let properties = settings::properties(ports, &place, certificates.is_some());
        let mut request = GenericImage::new(IMAGE.0, IMAGE.1)
            .with_entrypoint("sh")
            .with_cmd(["-c", RUN])
            .with_env_var("CLUSTER", CLUSTER)
            .with_env_var("SETTINGS", SETTINGS)
            .with_env_var("SCRAM_USER", settings::scram_user())
            .with_env_var("KAFKA_HEAP_OPTS", "-Xmx512m")
            .with_copy_to(SETTINGS, properties.into_bytes());
        // Clients are told these addresses, so they are the same inside and outside.
        for port in ports.of_clients() {
            request = request.with_mapped_port(port, port.tcp());
        }
        if let Some(certificates) = certificates {
            for name in [Certificates::CA, Certificates::SERVER] {
                let file = std::fs::read(certificates.folder().join(name)).expect("a certificate");
                request = request.with_copy_to(format!("/tmp/{name}"), file);
            }
        }
        Self {
            request: Some(request),
            running: None,
            remover: None,
        }
    }

    /// Starts it, for the first time or again on the same data.
    pub(super) async fn go_on(&mut self) {
        match (&self.running, self.request.take()) {
            (Some(there), _) => there.start().await.expect("the container starts again"),
            (None, Some(request)) => {
                let running = request.start().await.expect("a container of Kafka");
                self.remover = Some(remover(running.id()));
                self.running = Some(running);
            }
            (None, None) => unreachable!("a container that was never there"),
        }
    }

    /// SIGKILL.
    pub(super) async fn kill(&mut self) {
        let engine = docker_client_instance().await.expect("the engine");
        engine
            .kill_container::<String>(self.id(), None)
            .await
            .expect("the container is killed");
    }

    fn id(&self) -> &str {
        self.running.as_ref().expect("a container").id()
    }
}
