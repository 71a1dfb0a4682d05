//! SMS by Twilio's REST interface (2010-04-01), and its signed callbacks.
//!
//! Twilio has no idempotency key: an SMS whose answer was lost is sent again, and the person gets two.

use super::{Deliver, Outgoing, Receipt, Refusal, Target, failed, http_client, retry_after};
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use reqwest::StatusCode;
use serde::Deserialize;
use sha1::Sha1;
use std::time::Duration;
use uuid::Uuid;

/// How SMS are sent.
#[derive(Clone)]
pub struct TwilioSettings {
    /// Of the account: `AC…`.
    pub account_sid: String,
    /// Its secret, which also signs callbacks.
    pub auth_token: String,
    /// The sender: a number (`+1…`), a name, or a messaging service (`MG…`).
    pub from: String,
    /// The address phones use, under which Twilio finds the callback; none: nothing is heard of what was
    /// sent.
    pub public_url: Option<String>,
    /// `https://api.twilio.com`, or a proxy.
    pub base_url: String,
}

/// Never shows the token.
impl std::fmt::Debug for TwilioSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TwilioSettings")
            .field("account_sid", &self.account_sid)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// Sends SMS.
#[derive(Debug, Clone)]
pub struct Sms {
    settings: TwilioSettings,
    client: reqwest::Client,
}

impl Sms {
    /// Makes the way of these settings.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn new(settings: TwilioSettings) -> Result<Self, String> {
        Ok(Self {
            client: http_client()?,
            settings,
        })
    }
}

/// What Twilio answers to a message that it takes.
#[derive(Deserialize)]
struct Taken {
    sid: String,
}

/// What Twilio answers to one that it does not.
#[derive(Deserialize)]
struct Refused {
    code: Option<u32>,
}

#[async_trait]
impl Deliver for Sms {
    async fn deliver(&self, message: &Outgoing, to: &Target) -> Result<Receipt, Refusal> {
        let settings = &self.settings;
        let (base, sid) = (&settings.base_url, &settings.account_sid);
        let url = format!("{base}/2010-04-01/Accounts/{sid}/Messages.json");
        let sender = if settings.from.starts_with("MG") {
            "MessagingServiceSid"
        } else {
            "From"
        };
        let mut form = vec![
            ("To", to.address.clone()),
            (sender, settings.from.clone()),
            ("Body", message.rendered.body.clone()),
        ];
        if let Some(public) = &settings.public_url {
            form.push(("StatusCallback", callback_url(public, message.id)));
        }
        let answer = self
            .client
            .post(url)
            .basic_auth(sid, Some(&settings.auth_token))
            .form(&form)
            .send()
            .await
            .map_err(failed)?;
        let status = answer.status();
        if status.is_success() {
            // It is taken, whatever becomes of the rest of the answer. The callback names it too.
            let taken: Option<Taken> = answer.json().await.ok();
            return Ok(Receipt {
                provider_id: taken.map(|taken| taken.sid),
                is_logged: false,
            });
        }
        let after = retry_after(answer.headers());
        let code = answer
            .json::<Refused>()
            .await
            .ok()
            .and_then(|refused| refused.code);
        Err(refusal(status, code, after))
    }
}

/// What a refusal means. Twilio's own words name the number, so only its code is told.
fn refusal(status: StatusCode, code: Option<u32>, after: Option<Duration>) -> Refusal {
    let detail = match code {
        Some(code) => format!("Twilio refuses with {code} (HTTP {})", status.as_u16()),
        None => format!("Twilio answers HTTP {}", status.as_u16()),
    };
    let later = |provider_is_down| Refusal::Later {
        detail: detail.clone(),
        after,
        provider_is_down,
        may_have_arrived: false,
    };
    match (status.as_u16(), code) {
        // No such number, not reachable, not permitted there, unsubscribed, no mobile phone.
        (_, Some(21_211 | 21_214 | 21_217 | 21_408 | 21_610 | 21_612 | 21_614 | 21_635)) => {
            Refusal::Undelivered(detail)
        }
        // The queue of this sender is full.
        (_, Some(21_611)) => later(false),
        // The sender is not ours, or not fit for SMS: settings, not a message. Or Twilio is away.
        (_, Some(21_212 | 21_603 | 21_606 | 21_659 | 21_660))
        | (401 | 403 | 404 | 429 | 500..=599, _) => later(true),
        _ => Refusal::Failed(detail),
    }
}

/// Where Twilio tells what became of a message. The message's id is in the address, and so under the
/// signature: the callback may come before the answer that would have told Twilio's own id.
fn callback_url(public_url: &str, id: Uuid) -> String {
    format!("{public_url}/api/v1/notify/callbacks/twilio/{id}")
}

/// Checks Twilio's callbacks.
#[derive(Clone)]
pub struct StatusCallback {
    auth_token: String,
    public_url: String,
}

/// Never shows the token.
impl std::fmt::Debug for StatusCallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatusCallback")
            .field("public_url", &self.public_url)
            .finish_non_exhaustive()
    }
}

/// A callback that is not Twilio's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not Twilio's")]
pub struct CallbackError;

impl StatusCallback {
    /// Checks callbacks of this account; none where Twilio does not know our address.
    #[must_use]
    pub fn of(settings: &TwilioSettings) -> Option<Self> {
        Some(Self {
            auth_token: settings.auth_token.clone(),
            public_url: settings.public_url.clone()?,
        })
    }

    /// Whether Twilio signed these parameters for this message: HMAC-SHA1 over the address and the sorted
    /// parameters, compared in constant time.
    ///
    /// # Errors
    /// [`CallbackError`].
    pub fn check(
        &self,
        id: Uuid,
        parameters: &[(String, String)],
        signature: &str,
    ) -> Result<(), CallbackError> {
        let given = STANDARD.decode(signature).map_err(|_| CallbackError)?;
        let url = callback_url(&self.public_url, id);
        signed(&self.auth_token, &url, parameters)
            .verify_slice(&given)
            .map_err(|_| CallbackError)
    }
}

fn signed(auth_token: &str, url: &str, parameters: &[(String, String)]) -> Hmac<Sha1> {
    let mut sorted: Vec<_> = parameters.iter().collect();
    sorted.sort_unstable();
    // A key may have any length, so this cannot fail.
    #[allow(clippy::unwrap_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha1>::new_from_slice(auth_token.as_bytes()).unwrap();
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    /// The example that Twilio's own libraries are tested with.
    #[test]
    fn the_signature_is_twilios() {
        let parameters = pairs(&[
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
        ]);
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let made = signed("12345", url, &parameters).finalize().into_bytes();
        assert_eq!(STANDARD.encode(made), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    }

    #[test]
    fn another_message_key_or_parameter_is_refused() {
        let settings = |token: &str| TwilioSettings {
            account_sid: "AC1".to_owned(),
            auth_token: token.to_owned(),
            from: "+1".to_owned(),
            public_url: Some("https://budget.example.com".to_owned()),
            base_url: String::new(),
        };
        let callback = StatusCallback::of(&settings("secret")).unwrap();
        let id = Uuid::from_u128(7);
        let parameters = pairs(&[("MessageStatus", "delivered"), ("MessageSid", "SM1")]);
        let url = callback_url("https://budget.example.com", id);
        let mac = signed("secret", &url, &parameters).finalize().into_bytes();
        let signature = STANDARD.encode(mac);
        assert_eq!(callback.check(id, &parameters, &signature), Ok(()));
        let turned: Vec<_> = parameters.iter().rev().cloned().collect();
        assert_eq!(callback.check(id, &turned, &signature), Ok(()));
        assert!(
            callback
                .check(Uuid::from_u128(8), &parameters, &signature)
                .is_err()
        );
        assert!(callback.check(id, &parameters[..1], &signature).is_err());
        for wrong in ["", "AAAA", "not base64!"] {
            assert!(callback.check(id, &parameters, wrong).is_err());
        }
        let other = StatusCallback::of(&settings("other")).unwrap();
        assert!(other.check(id, &parameters, &signature).is_err());
        let shown = format!("{callback:?}{:?}", settings("secret"));
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn refusals_mean_what_twilio_documents() {
        let of = |status, code| refusal(StatusCode::from_u16(status).unwrap(), code, None);
        for code in [21_211, 21_610, 21_614, 21_408] {
            assert!(matches!(of(400, Some(code)), Refusal::Undelivered(_)));
        }
        let down = |refusal| {
            matches!(
                refusal,
                Refusal::Later {
                    provider_is_down: true,
                    ..
                }
            )
        };
        assert!(down(of(401, Some(20_003))) && down(of(429, Some(20_429))) && down(of(503, None)));
        assert!(down(of(400, Some(21_606))));
        assert!(matches!(of(400, Some(21_617)), Refusal::Failed(_)));
        assert!(matches!(of(400, None), Refusal::Failed(_)));
    }
}
