//! The services of this process, their databases and the relays between them.

use crate::config::Config;
use crate::serve::{Hooks, StartError, database_url};
use domain_services::db::{Db, DbError, DbOptions, Service};
use domain_services::user::Tokens;
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
    /// The databases, by service.
    pub databases: Vec<(&'static str, Db)>,
}

/// Pause between two tries to reach a database at the start.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Opens the databases and brings them up to date. One that is away is waited for.
pub(crate) async fn databases(
    config: &Config,
    hooks: &Hooks,
) -> Result<Vec<(Service, Db)>, StartError> {
    let url = database_url(config)?;
    let deadline = Instant::now() + config.database_wait;
    let mut opened = Vec::new();
    for service in Service::ALL {
        let db = loop {
            let options = DbOptions {
                connections_max: config.database_pool as usize,
                before_commit: hooks.before_commit.clone(),
                ids: hooks.ids.clone(),
            };
            match Db::open(&url, service, options).await {
                Ok(db) => break db,
                Err(error) if error.is_unavailable() && Instant::now() < deadline => {
                    tracing::warn!(%error, service = service.name(), "waiting for the database");
                    tokio::time::sleep(TRY_AGAIN_AFTER).await;
                }
                Err(error) => return Err(unusable(service, error)),
            }
        };
        opened.push((service, db));
    }
    Ok(opened)
}

fn unusable(service: Service, error: DbError) -> StartError {
    StartError::Database {
        service: service.name(),
        error,
    }
}

/// Opens everything.
pub(crate) async fn open(
    config: &Config,
    hooks: &Hooks,
    _stop: &CancellationToken,
) -> Result<(Services, Vec<JoinHandle<()>>), StartError> {
    let databases = databases(config, hooks).await?;
    let keys = config.data_dir.join("keys");
    let tokens = Tokens::open(&keys, hooks.ids.clone())
        .map_err(|error| StartError::Keys(error.to_string()))?;
    let databases = databases
        .into_iter()
        .map(|(service, db)| (service.name(), db))
        .collect();
    let services = Services {
        tokens: Arc::new(tokens),
        databases,
    };
    Ok((services, Vec::new()))
}
