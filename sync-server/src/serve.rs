//! Puts the program together: databases, services, relays, routes, listener; and takes it apart again.

use crate::api;
use crate::app::{App, Parts};
use crate::config::Config;
use crate::http::body::BodyLimits;
use crate::http::edge::Edge;
use crate::http::metrics::{Metrics, UPKEEP_EVERY, recorder};
use crate::http::{around, limit};
use crate::services::{self, Services};
use crate::{demo_page, docs, health, listen};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use domain_services::approval::{ApprovalService, ApprovalSettings, Rebuilt};
use domain_services::db::{BeforeCommit, DatabaseUrl, DbError, Service};
use domain_services::notification::NotificationService;
use domain_services::outbox::Wake;
use domain_services::time::Ids;
use std::fs::{self, File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Why a start failed, as the sentence that an operator reads.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {error} (choose another with `--listen`)")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The data folder cannot be used.
    #[error("cannot use the data folder {}: {error} (choose another with `--data-dir`)", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Another process serves from the same files.
    #[error("another athena works in {}: stop it first, or choose another folder with `--data-dir`", .0.display())]
    Locked(PathBuf),
    /// The certificate or its key cannot be used.
    #[error("cannot use the certificate {}: {error}", path.display())]
    Certificate {
        /// The certificate's file.
        path: PathBuf,
        /// What is wrong with it.
        error: io::Error,
    },
    /// The database URL cannot be used.
    #[error("the setting `database_url` cannot be used: {0}")]
    DatabaseUrl(String),
    /// A setting names something that cannot be used.
    #[error("the setting `{name}` {wrong}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What is wrong, completing the sentence.
        wrong: String,
    },
    /// A database cannot be opened.
    #[error("the database of the {service} service cannot be used: {error}")]
    Database {
        /// Whose.
        service: &'static str,
        /// What it says.
        error: DbError,
    },
    /// The settings of Kafka cannot be used.
    #[error("the settings of Kafka cannot be used: {0}")]
    Kafka(String),
    /// The signing keys cannot be read or made.
    #[error("the signing keys cannot be used: {0}")]
    Keys(String),
    /// The first accounts, or the demo organisation, cannot be made.
    #[error("the first records cannot be made: {0}")]
    FirstRecords(String),
}

/// What a test may put in place of the real thing.
#[derive(Clone, Default)]
pub struct Hooks {
    /// Time and ids.
    pub ids: Ids,
    /// Called before each commit of SQLite.
    pub before_commit: Option<BeforeCommit>,
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hooks")
    }
}

/// A server that answers.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    services: Services,
    first_password: Option<String>,
    handle: Handle<SocketAddr>,
    stopping: CancellationToken,
    shutdown_timeout: Duration,
    server: JoinHandle<io::Result<()>>,
    tasks: Vec<JoinHandle<()>>,
    tasks_stop: CancellationToken,
    _lock: Option<File>,
}

/// Starts a server.
///
/// # Errors
/// A sentence for the operator.
pub async fn start(config: Config) -> Result<Running, StartError> {
    start_with(config, Hooks::default()).await
}

/// Starts a server with a test's own time and ids.
///
/// # Errors
/// A sentence for the operator.
pub async fn start_with(config: Config, hooks: Hooks) -> Result<Running, StartError> {
    // First of all: what is counted before there is a recorder is lost.
    recorder();
    let tls = certificate(&config).await?;
    let listener = listen::bind(config.listen).map_err(|error| StartError::Listen {
        address: config.listen,
        error,
    })?;
    let address = listener.local_addr().map_err(|error| StartError::Listen {
        address: config.listen,
        error,
    })?;
    let lock = prepare_folder(&config)?;
    let stopping = CancellationToken::new();
    let tasks_stop = CancellationToken::new();
    let (services, mut tasks) = Box::pin(services::open(&config, &hooks, &tasks_stop)).await?;
    let first_password = Box::pin(crate::first::records(&config, &services, &hooks.ids)).await?;
    tasks.push(tokio::spawn(upkeep(tasks_stop.clone())));

    let router = router(&config, &services, &hooks.ids, &stopping);
    let handle = Handle::new();
    let serving = listen::serve(listener, router, tls, config.header_timeout, handle.clone());
    Ok(Running {
        address,
        services,
        first_password,
        handle,
        stopping,
        shutdown_timeout: config.shutdown_timeout,
        server: tokio::spawn(serving),
        tasks,
        tasks_stop,
        _lock: lock,
    })
}

/// Brings every database up to date.
///
/// # Errors
/// A sentence for the operator.
pub async fn migrate(config: &Config) -> Result<(), StartError> {
    let _lock = prepare_folder(config)?;
    services::databases(config, &Hooks::default())
        .await
        .map(drop)
}

/// The notification service, for commands that look after it: nothing is sent.
///
/// # Errors
/// A sentence for the operator.
pub(crate) async fn notifications(
    config: &Config,
) -> Result<(NotificationService, Option<File>), StartError> {
    let lock = prepare_folder(config)?;
    let databases = services::databases(config, &Hooks::default()).await?;
    let service = NotificationService::new(databases.notification, Wake::default());
    Ok((service, lock))
}

/// Folds the log of every approval again and compares it with what is stored.
///
/// # Errors
/// A sentence for the operator.
pub async fn rebuild(config: &Config) -> Result<Rebuilt, StartError> {
    let _lock = prepare_folder(config)?;
    let service = Service::Approval;
    let databases = services::databases(config, &Hooks::default()).await?;
    let approvals = ApprovalService::new(
        databases.approval,
        ApprovalSettings::default(),
        Wake::default(),
    );
    approvals
        .rebuild()
        .await
        .map_err(|error| StartError::Database {
            service: service.name(),
            error,
        })
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The services behind it.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// The random password of the first admin, when this start made one.
    #[must_use]
    pub fn first_password(&self) -> Option<&str> {
        self.first_password.as_deref()
    }

    /// Takes no more connections, ends event streams at once, answers what is being asked (up to
    /// `shutdown_timeout`), and then stops the rest.
    pub async fn shutdown(mut self) {
        self.stopping.cancel();
        self.handle.graceful_shutdown(Some(self.shutdown_timeout));
        if let Ok(Err(error)) = (&mut self.server).await {
            tracing::error!(%error, "the listener failed");
        }
        self.tasks_stop.cancel();
        for task in self.tasks.drain(..) {
            let _ = tokio::time::timeout(TASK_STOP_MAX, task).await;
        }
    }

    /// Waits until the listener fails; a server that is not told to stop goes on for ever.
    pub async fn failed(&mut self) -> io::Error {
        match (&mut self.server).await {
            Ok(Err(error)) => error,
            Ok(Ok(())) => io::Error::other("the listener ended"),
            Err(error) => io::Error::other(error),
        }
    }
}

/// How long a relay may take to finish what it is doing.
const TASK_STOP_MAX: Duration = Duration::from_secs(5);

fn router(config: &Config, services: &Services, ids: &Ids, stopping: &CancellationToken) -> Router {
    let app = App::new(Parts {
        body: BodyLimits {
            wire: config.max_body,
            decoded: config.max_decoded,
            depth: config.max_depth,
        },
        max_changes: config.max_changes,
        stream_keepalive: config.stream_keepalive,
        ids: ids.clone(),
        services: services.clone(),
        stopping: stopping.clone(),
    });
    let tokens = Arc::clone(&services.tokens);
    let edge = Arc::new(Edge {
        ids: ids.clone(),
        verify: Arc::new(move |token| tokens.verify(token)),
        request_timeout: config.request_timeout,
        trust_forwarded_for: config.trust_forwarded_for,
        metrics: Metrics::default(),
    });
    let refused = from_fn_with_state(app.clone(), api::refused::tell);
    let api = Router::from(api::routes())
        .route_layer(refused)
        .with_state(app);
    let readiness = health::Readiness::new(services, stopping.clone());
    let mut all = limit::limited(api, config.rate_limit)
        .merge(health::routes(readiness))
        .merge(docs::routes());
    if config.demo {
        all = all.merge(demo_page::routes(services.notifications.clone()));
    }
    around(all, &edge)
}

async fn certificate(config: &Config) -> Result<Option<RustlsConfig>, StartError> {
    let (Some(certificate), Some(key)) = (&config.tls_cert, &config.tls_key) else {
        return Ok(None);
    };
    // The provider may have been installed already, by main or by a test.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match RustlsConfig::from_pem_file(certificate, key).await {
        Ok(tls) => Ok(Some(tls)),
        Err(error) => Err(StartError::Certificate {
            path: certificate.clone(),
            error,
        }),
    }
}

/// The database that the settings name.
pub(crate) fn database_url(config: &Config) -> Result<DatabaseUrl, StartError> {
    match &config.database_url {
        None => Ok(DatabaseUrl::Sqlite(config.data_dir.clone())),
        Some(url) => url
            .reveal()
            .parse()
            .map_err(|error| StartError::DatabaseUrl(format!("{error}"))),
    }
}

/// Makes the data folder and, where SQLite files lie, makes sure that nobody else works on them: group commit
/// relies on one writer, and two would also both run the relays.
pub(crate) fn prepare_folder(config: &Config) -> Result<Option<File>, StartError> {
    let unusable = |path: &Path| {
        let path = path.to_owned();
        move |error| StartError::Folder { path, error }
    };
    fs::create_dir_all(&config.data_dir).map_err(unusable(&config.data_dir))?;
    let DatabaseUrl::Sqlite(folder) = database_url(config)? else {
        return Ok(None);
    };
    fs::create_dir_all(&folder).map_err(unusable(&folder))?;
    let path = folder.join("athena.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(unusable(&folder))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(StartError::Locked(folder)),
        Err(TryLockError::Error(error)) => Err(unusable(&folder)(error)),
    }
}

/// Folds recorded durations into their sums, so that memory does not grow between two scrapes.
async fn upkeep(stop: CancellationToken) {
    while stop
        .run_until_cancelled(tokio::time::sleep(UPKEEP_EVERY))
        .await
        .is_some()
    {
        recorder().run_upkeep();
    }
}
