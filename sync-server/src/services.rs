//! The services of this process, their databases and the relays between them.

use crate::config::Config;
use crate::serve::{Hooks, StartError, database_url};
use domain_services::approval::{ApprovalConsumer, ApprovalService, ApprovalSettings};
use domain_services::bus::{Bus, InProcess, Topic};
use domain_services::catalog::CatalogService;
use domain_services::db::{Db, DbError, DbOptions, Service};
use domain_services::notification::channel::StatusCallback;
use domain_services::notification::{Dispatcher, NotificationConsumer, NotificationService};
use domain_services::outbox::{Relay, Wake};
use domain_services::request::{RequestConsumer, RequestService, RequestSettings};
use domain_services::user::{KeyError, Tokens, UserService};
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
    /// Messages to people.
    pub notifications: NotificationService,
    /// Checks what Twilio tells; none: it tells nothing.
    pub sms_callback: Option<Arc<StatusCallback>>,
    /// The databases behind them.
    pub databases: Databases,
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
    loop {
        let options = DbOptions {
            connections_max: config.database_pool,
            before_commit: hooks.before_commit.clone(),
            ids: hooks.ids.clone(),
        };
        match Db::open(&url, service, options).await {
            Ok(db) => return Ok(db),
            Err(error) if error.is_unavailable() && Instant::now() < deadline => {
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

/// Opens everything and starts what runs beside the requests.
pub(crate) async fn open(
    config: &Config,
    hooks: &Hooks,
    stop: &CancellationToken,
) -> Result<(Services, Vec<JoinHandle<()>>), StartError> {
    // Before a database is waited for: wrong settings are told at once.
    let (channels, sms_callback) = crate::channels::open(config, &hooks.ids)?;
    let databases = databases(config, hooks).await?;
    let keys = config.data_dir.join("keys");
    let no_keys = |error: KeyError| StartError::Keys(error.to_string());
    let tokens = Arc::new(Tokens::open(&keys, hooks.ids.clone()).map_err(no_keys)?);
    let [
        user_wake,
        catalog_wake,
        request_wake,
        approval_wake,
        notification_wake,
    ] = std::array::from_fn(|_| Wake::default());
    let users = UserService::new(
        databases.user.clone(),
        Arc::clone(&tokens),
        &keys,
        user_wake.clone(),
    );
    let catalog = CatalogService::new(databases.catalog.clone(), catalog_wake.clone());
    let settings = RequestSettings {
        clock_ahead_max: config.max_clock_ahead,
        ..RequestSettings::default()
    };
    let requests = RequestService::new(databases.request.clone(), settings, request_wake.clone());
    let settings = ApprovalSettings {
        clock_ahead_max: config.max_clock_ahead,
        rollback_window: config.rollback_window,
        rollback_grace: config.rollback_grace,
        ..ApprovalSettings::default()
    };
    let approvals =
        ApprovalService::new(databases.approval.clone(), settings, approval_wake.clone());

    let notifications =
        NotificationService::new(databases.notification.clone(), notification_wake.clone());
    let dispatcher = Dispatcher::new(notifications.clone(), channels);

    let bus: Arc<dyn Bus> = Arc::new(InProcess::new(vec![
        Arc::new(catalog.consumer()),
        Arc::new(RequestConsumer::new(requests.clone())),
        Arc::new(ApprovalConsumer::new(approvals.clone())),
        Arc::new(NotificationConsumer::new(notifications.clone())),
    ]));
    let relay = |db: &Db, topic, wake| {
        let relay = Relay::new(db.clone(), topic, Arc::clone(&bus), wake);
        tokio::spawn(relay.run(stop.clone()))
    };
    let users = Arc::new(users.map_err(no_keys)?);
    // Before the first request: tokens of sessions that ended in an earlier run are no good.
    let heard = users.hear_of_ended_sessions().await;
    heard.map_err(|error| unusable(Service::User, error))?;
    let (ears, stop_ears) = (Arc::clone(&users), stop.clone());
    let tasks = vec![
        tokio::spawn(async move { ears.watch_ended_sessions(stop_ears).await }),
        relay(&databases.user, Topic::User, user_wake),
        relay(&databases.catalog, Topic::Catalog, catalog_wake),
        relay(&databases.request, Topic::Request, request_wake),
        relay(&databases.approval, Topic::Approval, approval_wake),
        relay(
            &databases.notification,
            Topic::Notification,
            notification_wake,
        ),
        tokio::spawn(dispatcher.run(stop.clone())),
        tokio::spawn(requests.clone().watch_other_nodes(stop.clone())),
        tokio::spawn(approvals.clone().watch_other_nodes(stop.clone())),
        tokio::spawn(approvals.clone().sweep(stop.clone())),
    ];
    let services = Services {
        tokens,
        users,
        catalog,
        requests,
        approvals,
        notifications,
        sms_callback,
        databases,
    };
    Ok((services, tasks))
}
