//! The services of this process, their databases and the relays between them.

use crate::config::{self, Config};
use crate::serve::{Hooks, StartError, database_url};
use domain_services::approval::{ApprovalConsumer, ApprovalService, ApprovalSettings};
use domain_services::audit::{AuditConsumer, AuditService, AuditSettings, LastSigned, note};
use domain_services::bus::kafka::Kafka;
use domain_services::bus::{Bus, Consumer, InProcess, Topic};
use domain_services::catalog::CatalogService;
use domain_services::db::{DatabaseUrl, Db, DbError, DbOptions, Service};
use domain_services::notification::channel::StatusCallback;
use domain_services::notification::{
    Channels, Dispatcher, NotificationConsumer, NotificationService,
};
use domain_services::outbox::{Relay, Wake};
use domain_services::request::{RequestConsumer, RequestService, RequestSettings};
use domain_services::time::Ids;
use domain_services::upkeep::{self, Retention};
use domain_services::user::{KeyError, Tokens, UserService};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Handles of everything that handlers call.
#[derive(Debug, Clone)]
pub struct Services {
    /// Access tokens.
    pub tokens: Arc<Tokens>,
    /// People, departments and sessions.
    pub users: Arc<UserService>,
    /// Categories, reasons and who approves.
    pub catalog: CatalogService,
    /// Budget requests.
    pub requests: RequestService,
    /// Their approvals.
    pub approvals: ApprovalService,
    /// The log of what was done.
    pub audit: AuditService,
    /// Messages to people.
    pub notifications: NotificationService,
    /// Checks what Twilio tells; none: it tells nothing.
    pub sms_callback: Option<Arc<StatusCallback>>,
    /// The databases behind them.
    pub databases: Databases,
    /// The cluster by which events travel; none: they stay in this process.
    pub kafka: Option<Kafka>,
}

/// The databases, one a service.
#[derive(Debug, Clone)]
pub struct Databases {
    /// The user service's.
    pub user: Db,
    /// The catalogue service's.
    pub catalog: Db,
    /// The request service's.
    pub request: Db,
    /// The approval service's.
    pub approval: Db,
    /// The audit service's.
    pub audit: Db,
    /// The notification service's.
    pub notification: Db,
}

impl Databases {
    /// Each with the name of its service.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &Db); 6] {
        [
            (Service::User.name(), &self.user),
            (Service::Catalog.name(), &self.catalog),
            (Service::Request.name(), &self.request),
            (Service::Approval.name(), &self.approval),
            (Service::Audit.name(), &self.audit),
            (Service::Notification.name(), &self.notification),
        ]
    }
}

/// Pause between two tries to reach a database at the start.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Opens the databases and brings them up to date. One that is away is waited for.
pub(crate) async fn databases(config: &Config, hooks: &Hooks) -> Result<Databases, StartError> {
    let deadline = Instant::now() + config.database_wait;
    Ok(Databases {
        user: database(Service::User, config, hooks, deadline).await?,
        catalog: database(Service::Catalog, config, hooks, deadline).await?,
        request: database(Service::Request, config, hooks, deadline).await?,
        approval: database(Service::Approval, config, hooks, deadline).await?,
        audit: database(Service::Audit, config, hooks, deadline).await?,
        notification: database(Service::Notification, config, hooks, deadline).await?,
    })
}

async fn database(
    service: Service,
    config: &Config,
    hooks: &Hooks,
    deadline: Instant,
) -> Result<Db, StartError> {
    let url = database_url(config)?;
    // A file that cannot be opened will not open by itself.
    let may_come_up = !matches!(url, DatabaseUrl::Sqlite(_));
    loop {
        let options = DbOptions {
            connections_max: config.database_pool,
            before_commit: hooks.before_commit.clone(),
            ids: hooks.ids.clone(),
        };
        match Db::open(&url, service, options).await {
            Ok(db) => return Ok(db),
            Err(error) if error.is_unavailable() && may_come_up && Instant::now() < deadline => {
                tracing::warn!(%error, service = service.name(), "waiting for the database");
                tokio::time::sleep(TRY_AGAIN_AFTER).await;
            }
            Err(error) => return Err(unusable(service, error)),
        }
    }
}

fn unusable(service: Service, error: DbError) -> StartError {
    StartError::Database {
        service: service.name(),
        error,
    }
}

/// What wakes the relays.
#[derive(Default)]
struct Wakes {
    user: Wake,
    catalog: Wake,
    request: Wake,
    approval: Wake,
    notification: Wake,
}

/// What is there before anything runs.
struct Assembled {
    services: Services,
    wakes: Wakes,
    channels: Channels,
}

/// Opens databases and services, and starts nothing.
async fn assemble(config: &Config, hooks: &Hooks) -> Result<Assembled, StartError> {
    // Before a database is waited for: wrong settings are told at once.
    let (channels, sms_callback) = crate::channels::open(config, &hooks.ids)?;
    let databases = databases(config, hooks).await?;
    let wakes = Wakes::default();
    let keys = config.data_dir.join("keys");
    let no_keys = |error: KeyError| StartError::Keys(error.to_string());
    let tokens = Arc::new(Tokens::open(&keys, hooks.ids.clone()).map_err(no_keys)?);
    let users = UserService::new(
        databases.user.clone(),
        Arc::clone(&tokens),
        &keys,
        wakes.user.clone(),
    );
    let catalog = CatalogService::new(databases.catalog.clone(), wakes.catalog.clone());
    let settings = RequestSettings {
        clock_ahead_max: config.max_clock_ahead,
        ..RequestSettings::default()
    };
    let requests = RequestService::new(databases.request.clone(), settings, wakes.request.clone());
    let settings = ApprovalSettings {
        clock_ahead_max: config.max_clock_ahead,
        rollback_window: config.rollback_window,
        rollback_grace: config.rollback_grace,
        ..ApprovalSettings::default()
    };
    let approvals =
        ApprovalService::new(databases.approval.clone(), settings, wakes.approval.clone());
    let audit = audit(&databases.audit, &keys, config).map_err(no_keys)?;
    let notifications =
        NotificationService::new(databases.notification.clone(), wakes.notification.clone());
    let services = Services {
        tokens,
        users: Arc::new(users.map_err(no_keys)?),
        catalog,
        requests,
        approvals,
        audit,
        notifications,
        sms_callback,
        databases,
        kafka: kafka(config, &hooks.ids)?,
    };
    Ok(Assembled {
        services,
        wakes,
        channels,
    })
}

/// Everybody who listens to others.
fn consumers(services: &Services) -> Vec<Arc<dyn Consumer>> {
    vec![
        Arc::new(services.catalog.consumer()),
        Arc::new(RequestConsumer::new(services.requests.clone())),
        Arc::new(ApprovalConsumer::new(services.approvals.clone())),
        Arc::new(AuditConsumer::new(services.audit.clone())),
        Arc::new(NotificationConsumer::new(services.notifications.clone())),
    ]
}

/// The consumers of every service, for a command that looks after their events; and the cluster.
pub(crate) async fn listeners(
    config: &Config,
) -> Result<(Vec<Arc<dyn Consumer>>, Option<Kafka>), StartError> {
    let Assembled { services, .. } = assemble(config, &Hooks::default()).await?;
    Ok((consumers(&services), services.kafka))
}

/// Opens everything and starts what runs beside the requests, of the services that this process runs.
pub(crate) async fn open(
    config: &Config,
    hooks: &Hooks,
    stop: &CancellationToken,
) -> Result<(Services, Vec<JoinHandle<()>>), StartError> {
    let Assembled {
        services,
        wakes,
        channels,
    } = assemble(config, hooks).await?;
    // Before the first request: tokens of sessions that ended in an earlier run are no good.
    let heard = services.users.hear_of_ended_sessions().await;
    heard.map_err(|error| unusable(Service::User, error))?;

    let mut ears = consumers(&services);
    ears.retain(|consumer| config.runs_named(consumer.name()));
    let (bus, mut tasks) = connect(services.kafka.as_ref(), ears, stop);
    tasks.extend(relays(config, &services, wakes, &bus, stop));
    let (ears, stop_ears) = (Arc::clone(&services.users), stop.clone());
    tasks.extend([
        tokio::spawn(async move { ears.watch_ended_sessions(stop_ears).await }),
        tokio::spawn(services.requests.clone().watch_other_nodes(stop.clone())),
        tokio::spawn(services.approvals.clone().watch_other_nodes(stop.clone())),
    ]);
    if config.runs(config::Service::Approval) {
        tasks.push(tokio::spawn(services.approvals.clone().sweep(stop.clone())));
    }
    if config.runs(config::Service::Audit) {
        let keeping = services.audit.clone().keep_checkpoints(stop.clone());
        tasks.push(tokio::spawn(keeping));
    }
    if config.runs(config::Service::Notification) {
        let notifications = &services.notifications;
        let dispatcher = Dispatcher::new(notifications.clone(), channels);
        tasks.push(tokio::spawn(dispatcher.run(stop.clone())));
        let tidying = notifications.clone();
        let tidying = tidying.keep_tidy(config.notification_retention, stop.clone());
        tasks.push(tokio::spawn(tidying));
    }
    tasks.extend(upkeeps(config, &services, stop));
    Ok((services, tasks))
}

/// The relays of the services that this process runs: an outbox is emptied where its service is.
fn relays(
    config: &Config,
    services: &Services,
    wakes: Wakes,
    bus: &Arc<dyn Bus>,
    stop: &CancellationToken,
) -> Vec<JoinHandle<()>> {
    let databases = &services.databases;
    [
        (&databases.user, Topic::User, wakes.user),
        (&databases.catalog, Topic::Catalog, wakes.catalog),
        (&databases.request, Topic::Request, wakes.request),
        (&databases.approval, Topic::Approval, wakes.approval),
        (
            &databases.notification,
            Topic::Notification,
            wakes.notification,
        ),
    ]
    .into_iter()
    .filter(|(_, topic, _)| config.runs_named(topic.service()))
    .map(|(db, topic, wake)| {
        let relay = Relay::new(db.clone(), topic, Arc::clone(bus), wake);
        tokio::spawn(relay.run(stop.clone()))
    })
    .collect()
}

/// What keeps the tables of events of these services small.
fn upkeeps(config: &Config, services: &Services, stop: &CancellationToken) -> Vec<JoinHandle<()>> {
    let retention = Retention {
        outbox: config.outbox_retention,
        inbox: config.inbox_retention,
    };
    Service::ALL
        .into_iter()
        .zip(services.databases.named())
        .filter(|(_, (name, _))| config.runs_named(name))
        .map(|(service, (_, db))| {
            let upkeep = upkeep::run(service, db.clone(), retention, stop.clone());
            tokio::spawn(upkeep)
        })
        .collect()
}

/// The cluster that the settings name.
fn kafka(config: &Config, ids: &Ids) -> Result<Option<Kafka>, StartError> {
    let Some(settings) = config.kafka() else {
        return Ok(None);
    };
    let kafka = Kafka::open(settings, ids.clone());
    kafka
        .map(Some)
        .map_err(|error| StartError::Kafka(error.to_string()))
}

/// The bus to these consumers, and what runs for it.
fn connect(
    kafka: Option<&Kafka>,
    consumers: Vec<Arc<dyn Consumer>>,
    stop: &CancellationToken,
) -> (Arc<dyn Bus>, Vec<JoinHandle<()>>) {
    let Some(kafka) = kafka else {
        return (Arc::new(InProcess::new(consumers)), Vec::new());
    };
    let mut tasks = vec![tokio::spawn(kafka.clone().greet(stop.clone()))];
    for consumer in consumers {
        let reads = kafka.clone().consume(Arc::clone(&consumer), stop.clone());
        tasks.push(tokio::spawn(reads));
        let tells = kafka.clone().tell_dead_letters(consumer, stop.clone());
        tasks.push(tokio::spawn(tells));
    }
    (Arc::new(kafka.clone()), tasks)
}

fn audit(db: &Db, keys: &Path, config: &Config) -> Result<AuditService, KeyError> {
    let signer = note::Signer::open(keys, &config.audit_origin, db.ids())?;
    let settings = AuditSettings {
        checkpoint_every: config.audit_checkpoint_every,
        checkpoint_leaves: config.audit_checkpoint_leaves,
    };
    let last = LastSigned::open(keys, signer.key())?;
    Ok(AuditService::new(db.clone(), signer, last, settings))
}
