//! What a first start makes: an admin, or the demo organisation.

use crate::config::Config;
use crate::serve::StartError;
use crate::services::Services;
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
        services
            .catalog
            .create_demo(demo_user_id)
            .await
            .map_err(|e| failed(&e))?;
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
