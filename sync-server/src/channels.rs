//! The notification service's channels, from the settings. A channel without settings is the log.

use crate::config::Config;
use crate::serve::StartError;
use domain_services::notification::Channels;
use domain_services::notification::channel::{
    Email, Fcm, FcmSettings, Log, Sms, SmtpSettings, StatusCallback, TwilioSettings,
};
use domain_services::time::Ids;
use std::path::Path;
use std::sync::Arc;

/// The channels, and who checks Twilio's callbacks.
pub(crate) fn open(
    config: &Config,
    ids: &Ids,
) -> Result<(Channels, Option<Arc<StatusCallback>>), StartError> {
    let mut channels = Channels::logged(if config.demo {
        Log::of_requests
    } else {
        Log::new
    });
    let mut callback = None;
    if let Some(path) = &config.fcm_service_account {
        let settings = FcmSettings {
            service_account: read("fcm_service_account", path)?,
            base_url: config.fcm_url.clone(),
        };
        let fcm = Fcm::new(&settings, ids.clone());
        channels.push = Arc::new(fcm.map_err(wrong("fcm_service_account"))?);
    }
    if let Some(url) = &config.smtp_url {
        let ca = config.smtp_ca.as_deref();
        let settings = SmtpSettings {
            url: url.reveal().to_owned(),
            from: config.smtp_from.clone().unwrap_or_default(),
            ca: ca.map(|path| read("smtp_ca", path)).transpose()?,
        };
        channels.email = Arc::new(Email::new(&settings).map_err(wrong("smtp_url"))?);
    }
    if let (Some(account_sid), Some(auth_token), Some(from)) = (
        &config.twilio_account_sid,
        &config.twilio_auth_token,
        &config.twilio_from,
    ) {
        let settings = TwilioSettings {
            account_sid: account_sid.clone(),
            auth_token: auth_token.reveal().to_owned(),
            from: from.clone(),
            public_url: config.public_url.clone(),
            base_url: config.twilio_url.clone(),
        };
        callback = StatusCallback::of(&settings).map(Arc::new);
        channels.sms = Arc::new(Sms::new(settings).map_err(wrong("twilio_url"))?);
    }
    Ok((channels, callback))
}

fn wrong(name: &'static str) -> impl Fn(String) -> StartError {
    move |wrong| StartError::Setting { name, wrong }
}

fn read(name: &'static str, path: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|error| StartError::Setting {
        name,
        wrong: format!("names {}, which cannot be read: {error}", path.display()),
    })
}
