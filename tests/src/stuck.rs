//! What a server that does not come is at.

use crate::database::Data;
use crate::kafka::{Variables, contents};
use domain_services::bus::Topic;
use sqlx::{Connection, PgConnection};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Its threads and what it works on, for whoever reads a failed run.
pub(crate) async fn described(process: u32, data: &Data, more: &Variables) -> String {
    let value = |name: &str| {
        let found = more.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone())
    };
    let kafka = value("ATHENA_KAFKA_BROKERS").zip(value("ATHENA_KAFKA_TOPIC_PREFIX"));
    threads(process) + &standing(data, kafka).await
}

/// Where the topics end, and what its databases say: what was told, how far it was read, what was given up.
pub(crate) async fn standing(data: &Data, kafka: Option<(String, String)>) -> String {
    let mut said = ends(kafka).await;
    if let Some(url) = data.url() {
        said += &within(connections(url)).await;
    }
    for service in SERVICES {
        said += &within(told_and_taken(data, service)).await;
    }
    said
}

async fn within(asking: impl Future<Output = String>) -> String {
    let asked = tokio::time::timeout(Duration::from_secs(10), asking).await;
    asked.unwrap_or_else(|_| "its database does not answer\n".to_owned())
}

/// Where the topics end, by a client of our own.
async fn ends(kafka: Option<(String, String)>) -> String {
    let Some((brokers, prefix)) = kafka else {
        return String::new();
    };
    let asked = tokio::task::spawn_blocking(move || {
        let names = Topic::ALL.map(|topic| format!("{prefix}{}", topic.name()));
        let mut said = String::new();
        for name in names {
            let _ = writeln!(said, "{name} ends at {:?}", contents::ends(&brokers, &name));
        }
        said
    });
    asked.await.unwrap_or_default()
}

/// What each thread waits for: in Rust's words where a debugger is there, else in the kernel's.
fn threads(process: u32) -> String {
    let debugger = Command::new("gdb")
        .args(["-p", &process.to_string(), "-batch", "-nx"])
        .args(["-ex", "thread apply all bt 30"])
        .output();
    if let Ok(output) = debugger {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        // It may not look into a process that it has not started.
        if said.contains("#0") {
            return said;
        }
    }
    let read = |file: &Path| std::fs::read_to_string(file).unwrap_or_default();
    let mut said = String::new();
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let [name, waits] = ["comm", "wchan"].map(|file| read(&thread.path().join(file)));
        let _ = writeln!(said, "thread {}: {waits}", name.trim());
    }
    said
}

const CONNECTIONS: &str = "select format('%s %s %s, since %s s: %s', application_name, state,
    coalesce(wait_event, 'runs'), round(extract(epoch from now() - state_change)), left(query, 100))
    from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";

async fn connections(url: String) -> String {
    let asked = async {
        let mut connection = PgConnection::connect(&url).await?;
        sqlx::query_as(CONNECTIONS).fetch_all(&mut connection).await
    };
    let rows: Result<Vec<(String,)>, sqlx::Error> = asked.await;
    match rows {
        Ok(rows) => rows.into_iter().map(|(row,)| row + "\n").collect(),
        Err(error) => format!("{error}\n"),
    }
}

const SERVICES: [&str; 6] = [
    "user",
    "catalog",
    "request",
    "approval",
    "audit",
    "notification",
];

async fn told_and_taken(data: &Data, service: &str) -> String {
    let mut said = String::new();
    if service != "audit" {
        let told: Vec<(String, i64, Option<i64>)> = data
            .rows(
                service,
                "select type, time_us, published_us from outbox order by time_us",
            )
            .await;
        for (kind, time_us, published_us) in told {
            let _ = writeln!(
                said,
                "{service} tells {kind} {time_us}, published {published_us:?}"
            );
        }
    }
    if service != "user" {
        let taken: Vec<(String, i32, i64)> = data
            .rows(
                service,
                "select topic, partition, next_offset from bus_position order by 1, 2",
            )
            .await;
        for (topic, partition, next) in taken {
            let _ = writeln!(said, "{service} reads {topic} [{partition}] at {next}");
        }
        let given_up: Vec<(String, String)> = data
            .rows(service, "select type, reason from dead_letter")
            .await;
        for (kind, reason) in given_up {
            let _ = writeln!(said, "{service} gave up {kind}: {reason}");
        }
    }
    said
}
