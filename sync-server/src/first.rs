//! What a first start makes: an admin, or the demo organisation.

use crate::config::Config;
use crate::serve::StartError;
use crate::services::Services;
use domain_services::time::Ids;

/// Makes the first records, unless there are some. Returns the admin's password where it was drawn.
pub(crate) async fn records(
    _config: &Config,
    _services: &Services,
    _ids: &Ids,
) -> Result<Option<String>, StartError> {
    Ok(None)
}
