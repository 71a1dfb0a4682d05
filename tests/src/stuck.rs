//! What a server that does not come is at.

use crate::kafka::{Variables, contents};
use domain_services::bus::Topic;
use sqlx::{Connection, PgConnection};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Its threads, and on `PostgreSQL` its connections and its events, for whoever reads a failed run.
pub(crate) async fn described(process: u32, database: Option<&str>, more: &Variables) -> String {
    let mut said = threads(process);
    said += &ends(more.clone()).await;
    if let Some(url) = database {
        let asked = tokio::time::timeout(Duration::from_secs(10), rows(url)).await;
        said += &match asked {
            Ok(Ok(rows)) => rows,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "its database does not answer".to_owned(),
        };
    }
    said
}

/// Where the topics end, by a client of our own.
async fn ends(more: Variables) -> String {
    let value = |name: &str| more.iter().find(|(known, _)| *known == name);
    let (Some((_, brokers)), Some((_, prefix))) = (
        value("ATHENA_KAFKA_BROKERS").cloned(),
        value("ATHENA_KAFKA_TOPIC_PREFIX").cloned(),
    ) else {
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
const EVENTS: &str = "select format('%s %s, published %s', type, time_us, published_us)
    from request.outbox union all select format('%s %s, published %s', type, time_us, published_us)
    from catalog.outbox union all select format('%s %s, published %s', type, time_us, published_us)
    from \"user\".outbox union all select format('%s %s, published %s', type, time_us, published_us)
    from approval.outbox";
const POSITIONS: &str = "select format('request reads %s [%s] at %s', topic, partition, next_offset)
    from request.bus_position union all select format('catalog reads %s [%s] at %s', topic, partition, next_offset)
    from catalog.bus_position union all select format('approval reads %s [%s] at %s', topic, partition, next_offset)
    from approval.bus_position union all select format('audit reads %s [%s] at %s', topic, partition, next_offset)
    from audit.bus_position order by 1";

async fn rows(url: &str) -> Result<String, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let mut said = String::new();
    for query in [CONNECTIONS, EVENTS, POSITIONS] {
        let rows: Vec<(String,)> = sqlx::query_as(query).fetch_all(&mut connection).await?;
        for (row,) in rows {
            said += &row;
            said.push('\n');
        }
    }
    Ok(said)
}
