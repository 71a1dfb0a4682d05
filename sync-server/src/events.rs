//! `athena events`: what an operator does about events that could not be handled, and about projections.

use crate::cli::SettingArgs;
use crate::config::Config;
use crate::serve::{StartError, prepare_folder};
use crate::services;
use clap::{Args, Subcommand};
use domain_services::bus::kafka::ReplayError;
use domain_services::bus::{ConsumeError, Consumer, Delivery, Purpose};
use domain_services::db::DbError;
use domain_services::inbox::dead_letters::{self, DeadLetter};
use serde_json::json;
use std::fmt::Write as _;
use std::sync::Arc;
use sync_core::time::format_rfc3339;
use uuid::Uuid;

/// Commands about events.
#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// Events that a service could not handle, and those of the same key behind them
    #[command(subcommand)]
    DeadLetter(DeadLetterCommand),
    /// Make a service's copy of others' records anew, from the compacted topics of Kafka
    #[command(after_long_help = "\
Reads the latest event of every person, category, reason and assignment, and puts them in the place of what the
service keeps, in one transaction: the server may go on. Nothing else of the service is touched.")]
    Replay(ReplayArgs),
}

/// What to do about events that could not be handled.
#[derive(Debug, Subcommand)]
pub enum DeadLetterCommand {
    /// List them, in the order in which they were parked
    List(ListArgs),
    /// Show one, with its data
    Show(EventArgs),
    /// Take the events of a key again, once what was wrong has been mended
    #[command(after_long_help = "\
All of a key, in their order, in one transaction. If one still cannot be handled, nothing is changed and the
exit code is 1: mend the service, or `discard` that event.")]
    Replay(KeyArgs),
    /// Give one up for good; those behind it stay parked until their key is replayed
    Discard(EventArgs),
}

/// Which events to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Of this service only
    #[arg(long)]
    pub service: Option<String>,
    /// Of this key only
    #[arg(long)]
    pub key: Option<Uuid>,
    /// At most so many a service
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
    /// Where settings come from.
    #[command(flatten)]
    pub settings: SettingArgs,
}

/// Names an event.
#[derive(Debug, Args)]
pub struct EventArgs {
    /// The event's id
    pub event: Uuid,
    /// Of this service only: several may have parked the same event
    #[arg(long)]
    pub service: Option<String>,
    /// Where settings come from.
    #[command(flatten)]
    pub settings: SettingArgs,
}

/// Names a key.
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// The key
    pub key: Uuid,
    /// Of this service only: several may have parked the same key
    #[arg(long)]
    pub service: Option<String>,
    /// Where settings come from.
    #[command(flatten)]
    pub settings: SettingArgs,
}

/// Names a service.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The service whose copy is made anew
    #[arg(long)]
    pub service: String,
    /// Where settings come from.
    #[command(flatten)]
    pub settings: SettingArgs,
}

impl EventsCommand {
    /// Where its settings come from.
    #[must_use]
    pub fn settings(&self) -> SettingArgs {
        match self {
            Self::DeadLetter(DeadLetterCommand::List(args)) => &args.settings,
            Self::DeadLetter(DeadLetterCommand::Show(args) | DeadLetterCommand::Discard(args)) => {
                &args.settings
            }
            Self::DeadLetter(DeadLetterCommand::Replay(args)) => &args.settings,
            Self::Replay(args) => &args.settings,
        }
        .clone()
    }
}

/// Why a command about events changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The data cannot be opened.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// An event still cannot be handled.
    #[error(transparent)]
    Consumer(#[from] ConsumeError),
    /// A projection could not be made anew.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// No such service listens.
    #[error("no service `{0}` listens to events: {1}")]
    NoService(String, String),
    /// It is not parked.
    #[error("nothing is parked under {0}")]
    NotParked(Uuid),
    /// Projections are made anew from Kafka.
    #[error(
        "`kafka_brokers` is not set: only the topics of Kafka keep what a projection is made anew from"
    )]
    NoKafka,
}

/// Runs a command; gives what it prints.
///
/// # Errors
/// A sentence for the operator.
pub async fn run(config: &Config, command: EventsCommand) -> Result<String, EventsError> {
    let _lock = prepare_folder(config)?;
    let (consumers, kafka) = services::listeners(config).await?;
    match command {
        EventsCommand::DeadLetter(DeadLetterCommand::List(args)) => {
            list(&chosen(consumers, args.service)?, args.key, args.limit).await
        }
        EventsCommand::DeadLetter(DeadLetterCommand::Show(args)) => {
            show(&chosen(consumers, args.service)?, args.event).await
        }
        EventsCommand::DeadLetter(DeadLetterCommand::Replay(args)) => {
            replay(&chosen(consumers, args.service)?, args.key).await
        }
        EventsCommand::DeadLetter(DeadLetterCommand::Discard(args)) => {
            discard(&chosen(consumers, args.service)?, args.event).await
        }
        EventsCommand::Replay(args) => {
            let kafka = kafka.ok_or(EventsError::NoKafka)?;
            let mut told = String::new();
            for consumer in chosen(consumers, Some(args.service))? {
                let count = kafka.rebuild(consumer.as_ref()).await?;
                let name = consumer.name();
                // Writing to a string cannot fail.
                let _ = writeln!(told, "{name}: made anew from {count} events.");
            }
            Ok(told)
        }
    }
}

type Consumers = Vec<Arc<dyn Consumer>>;

fn chosen(consumers: Consumers, service: Option<String>) -> Result<Consumers, EventsError> {
    let Some(service) = service else {
        return Ok(consumers);
    };
    let names: Vec<&str> = consumers.iter().map(|consumer| consumer.name()).collect();
    if !names.contains(&service.as_str()) {
        return Err(EventsError::NoService(service, names.join(", ")));
    }
    let mut consumers = consumers;
    consumers.retain(|consumer| consumer.name() == service);
    Ok(consumers)
}

async fn list(consumers: &Consumers, key: Option<Uuid>, limit: u32) -> Result<String, EventsError> {
    let mut told = String::new();
    for consumer in consumers {
        for letter in dead_letters::list(consumer.db(), key, limit.into()).await? {
            let event = &letter.event;
            // Writing to a string cannot fail.
            let _ = writeln!(
                told,
                "{} {} event {} key {} {} version {}: {}",
                format_rfc3339(letter.at_us),
                consumer.name(),
                event.id,
                event.key,
                event.kind,
                event.version,
                letter.reason
            );
        }
    }
    if told.is_empty() {
        told.push_str("Nothing is parked.\n");
    }
    Ok(told)
}

async fn show(consumers: &Consumers, event_id: Uuid) -> Result<String, EventsError> {
    let mut told = String::new();
    for consumer in consumers {
        if let Some(letter) = dead_letters::find(consumer.db(), event_id).await? {
            // Writing to a string cannot fail.
            let _ = writeln!(told, "{:#}", described(consumer.name(), &letter));
        }
    }
    if told.is_empty() {
        return Err(EventsError::NotParked(event_id));
    }
    Ok(told)
}

fn described(service: &str, letter: &DeadLetter) -> serde_json::Value {
    let event = &letter.event;
    json!({
        "service": service,
        "parkedAt": format_rfc3339(letter.at_us),
        "reason": letter.reason,
        "id": event.id,
        "topic": event.topic.name(),
        "key": event.key,
        "type": event.kind,
        "version": event.version,
        "time": format_rfc3339(event.time_us),
        "traceparent": event.traceparent,
        "actor": event.actor,
        "data": event.data,
    })
}

async fn replay(consumers: &Consumers, key: Uuid) -> Result<String, EventsError> {
    let mut told = String::new();
    for consumer in consumers {
        let parked = dead_letters::list(consumer.db(), Some(key), i64::MAX).await?;
        if parked.is_empty() {
            continue;
        }
        let delivery = Delivery {
            purpose: Purpose::Unpark(key),
            ..Delivery::default()
        };
        consumer.handle(&delivery).await?;
        let (name, count) = (consumer.name(), parked.len());
        // Writing to a string cannot fail.
        let _ = writeln!(told, "{name}: {count} events of {key} have been taken.");
    }
    if told.is_empty() {
        return Err(EventsError::NotParked(key));
    }
    Ok(told)
}

async fn discard(consumers: &Consumers, event_id: Uuid) -> Result<String, EventsError> {
    let mut told = String::new();
    for consumer in consumers {
        let found = dead_letters::find(consumer.db(), event_id).await?;
        if let Some(letter) = found
            && dead_letters::discard(consumer.db(), event_id).await?
        {
            let (name, key) = (consumer.name(), letter.event.key);
            // Writing to a string cannot fail.
            let _ = writeln!(
                told,
                "{name}: {event_id} is given up; replay {key} to take what is behind it."
            );
        }
    }
    if told.is_empty() {
        return Err(EventsError::NotParked(event_id));
    }
    Ok(told)
}
