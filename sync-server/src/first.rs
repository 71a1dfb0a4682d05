//! What a first start makes: an admin, or the demo organisation.

use crate::config::Config;
use crate::serve::StartError;
use crate::services::Services;
use domain_services::catalog::CatalogError;
use domain_services::time::Ids;
use domain_services::user::demo_user_id;

/// Makes the first records, unless there are some. Returns the admin's password where it was drawn.
pub(crate) async fn records(
    config: &Config,
    services: &Services,
    ids: &Ids,
) -> Result<Option<String>, StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::FirstRecords(error.to_string());
    if config.demo {
        services.users.create_demo().await.map_err(|e| failed(&e))?;
        catalogue(services).await.map_err(|e| failed(&e))?;
        crate::demo::requests(services, ids)
            .await
            .map_err(|e| failed(&e))?;
        return Ok(None);
    }
    let given = config
        .admin_password
        .as_ref()
        .map(|p| p.reveal().to_owned());
    let admin = services
        .users
        .ensure_admin(given)
        .await
        .map_err(|e| failed(&e))?;
    Ok(admin.and_then(|admin| admin.password))
}

/// How often the catalogue is tried, a second each, where people become known to it by way of Kafka: long enough for
/// a consumer that stands still to be noticed.
const KAFKA_TRIES: u32 = 180;

async fn catalogue(services: &Services) -> Result<(), CatalogError> {
    let tries = services.kafka.as_ref().map_or(1, |_| KAFKA_TRIES);
    for _ in 1..tries {
        match services.catalog.create_demo(demo_user_id).await {
            Err(CatalogError::Invalid(_)) => {}
            made => return made,
        }
    }
    services.catalog.create_demo(demo_user_id).await
}
