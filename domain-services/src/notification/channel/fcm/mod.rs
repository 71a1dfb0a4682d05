//! Push messages by Firebase Cloud Messaging, HTTP v1.

mod oauth;

use super::{Deliver, Outgoing, Receipt, Refusal, Target, failed, http_client, retry_after};
use crate::time::Ids;
use async_trait::async_trait;
use oauth::{OauthError, Tokens};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// How long to leave FCM alone when it says that there was too much and not for how long: its own advice.
const QUOTA_PAUSE: Duration = Duration::from_mins(1);

/// How push messages are sent.
#[derive(Clone)]
pub struct FcmSettings {
    /// The service account's key file, as Google hands it out (JSON).
    pub service_account: Vec<u8>,
    /// `https://fcm.googleapis.com`, or a proxy.
    pub base_url: String,
}

/// Never shows the key.
impl std::fmt::Debug for FcmSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FcmSettings")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// Sends push messages.
#[derive(Debug)]
pub struct Fcm {
    client: reqwest::Client,
    tokens: Tokens,
    url: String,
}

impl Fcm {
    /// Makes the way of these settings. Nothing is asked yet.
    ///
    /// # Errors
    /// A sentence that says what is wrong, and repeats no secret.
    pub fn new(settings: &FcmSettings, ids: Ids) -> Result<Self, String> {
        let client = http_client()?;
        let tokens = Tokens::new(&settings.service_account, client.clone(), ids)?;
        let (base, project) = (&settings.base_url, tokens.project_id());
        Ok(Self {
            url: format!("{base}/v1/projects/{project}/messages:send"),
            client,
            tokens,
        })
    }

    async fn try_once(&self, body: &Value) -> Result<Answer, Refusal> {
        let token = self.tokens.get().await.map_err(|error| match error {
            OauthError::Away { detail, after } => Refusal::Later {
                detail,
                after,
                provider_is_down: true,
                may_have_arrived: false,
            },
            OauthError::Refused(detail) => Refusal::down(detail),
        })?;
        let answer = self
            .client
            .post(&self.url)
            .bearer_auth(&token)
            .json(body)
            .send()
            .await
            .map_err(failed)?;
        let status = answer.status();
        let after = retry_after(answer.headers());
        let body = answer.bytes().await.map_err(failed)?;
        Ok(Answer {
            status,
            after,
            body: body.to_vec(),
            token,
        })
    }
}

struct Answer {
    status: StatusCode,
    after: Option<Duration>,
    body: Vec<u8>,
    /// The access token it was asked with.
    token: String,
}

#[derive(Deserialize)]
struct Taken {
    name: String,
}

#[derive(Deserialize)]
struct Refused {
    error: GoogleError,
}

#[derive(Deserialize)]
struct GoogleError {
    #[serde(default)]
    status: String,
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(rename = "@type", default)]
    kind: String,
    #[serde(rename = "errorCode", default)]
    error_code: String,
}

impl Answer {
    /// FCM's own code, if it is FCM that refuses and not what stands before it.
    fn fcm_code(&self) -> Option<String> {
        let refused: Refused = serde_json::from_slice(&self.body).ok()?;
        let mut details = refused.error.details.into_iter();
        details
            .find(|detail| detail.kind.ends_with("google.firebase.fcm.v1.FcmError"))
            .map(|detail| detail.error_code)
    }

    /// The general code of Google's interfaces.
    fn status_code(&self) -> String {
        serde_json::from_slice(&self.body).map_or_else(
            |_| format!("HTTP {}", self.status.as_u16()),
            |refused: Refused| refused.error.status,
        )
    }
}

#[async_trait]
impl Deliver for Fcm {
    async fn deliver(&self, message: &Outgoing, to: &Target) -> Result<Receipt, Refusal> {
        let body = body(message, to);
        let mut answer = self.try_once(&body).await?;
        // An access token that Google does not take any more is fetched anew, once.
        if answer.status == StatusCode::UNAUTHORIZED && answer.fcm_code().is_none() {
            self.tokens.forget(&answer.token).await;
            answer = self.try_once(&body).await?;
        }
        if answer.status.is_success() {
            let taken: Option<Taken> = serde_json::from_slice(&answer.body).ok();
            return Ok(Receipt {
                provider_id: taken.map(|taken| taken.name),
                is_logged: false,
            });
        }
        Err(refusal(&answer))
    }
}

/// The message. The notification's id makes copies fall together: on the way (`collapse_key`, `Topic`) and
/// on the screen (`tag`, `apns-collapse-id`).
fn body(message: &Outgoing, to: &Target) -> Value {
    let id = message.id.to_string();
    let mut data = json!({"notificationId": id, "template": message.template});
    if let Some(request_id) = message.request_id {
        data["requestId"] = json!(request_id);
    }
    json!({"message": {
        "token": to.address,
        "notification": {
            "title": message.rendered.subject.as_deref().unwrap_or_default(),
            "body": message.rendered.body,
        },
        "data": data,
        "android": {"collapse_key": id, "priority": "high", "notification": {"tag": id}},
        "apns": {"headers": {"apns-collapse-id": id}},
        "webpush": {"headers": {"Topic": message.id.as_simple().to_string()}},
    }})
}

/// What a refusal means: <https://firebase.google.com/docs/cloud-messaging/error-codes>.
fn refusal(answer: &Answer) -> Refusal {
    let fcm = answer.fcm_code();
    let code = fcm.clone().unwrap_or_else(|| answer.status_code());
    let detail = format!("FCM refuses with {code}");
    let later = |after, provider_is_down| Refusal::Later {
        detail: detail.clone(),
        after,
        provider_is_down,
        may_have_arrived: false,
    };
    match (fcm.as_deref(), answer.status.as_u16()) {
        // The app is gone from the phone.
        (Some("UNREGISTERED"), _) => Refusal::Gone(detail),
        // The token belongs to another project, or the key file does: then every token would be dropped for a
        // wrong setting. So it is kept, and the message can be replayed.
        (Some("SENDER_ID_MISMATCH"), _) => Refusal::Failed(detail),
        // Apple refuses this project's certificate: the other platforms fare well.
        (Some("THIRD_PARTY_AUTH_ERROR"), _) => later(answer.after, false),
        (Some("QUOTA_EXCEEDED"), _) | (_, 429) => later(answer.after.or(Some(QUOTA_PAUSE)), true),
        (Some("UNAVAILABLE" | "INTERNAL"), _) | (_, 401 | 403 | 404 | 500..=599) => {
            later(answer.after, true)
        }
        _ => Refusal::Failed(detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: Option<&str>) -> Answer {
        let details = code.map_or_else(Vec::new, |code| {
            let kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
            vec![json!({"@type": kind, "errorCode": code})]
        });
        let body =
            json!({"error": {"code": status, "message": "m", "status": "S", "details": details}});
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            after: None,
            body: body.to_string().into_bytes(),
            token: String::new(),
        }
    }

    #[test]
    fn every_documented_error_has_its_meaning() {
        let of = |status, code| refusal(&answer(status, Some(code)));
        assert!(matches!(of(404, "UNREGISTERED"), Refusal::Gone(_)));
        for (status, code) in [(400, "INVALID_ARGUMENT"), (403, "SENDER_ID_MISMATCH")] {
            assert!(matches!(of(status, code), Refusal::Failed(_)), "{code}");
        }
        let quota = of(429, "QUOTA_EXCEEDED");
        assert!(matches!(
            quota,
            Refusal::Later {
                after: Some(QUOTA_PAUSE),
                provider_is_down: true,
                ..
            }
        ));
        for (status, code) in [(503, "UNAVAILABLE"), (500, "INTERNAL")] {
            let later = of(status, code);
            assert!(
                matches!(
                    later,
                    Refusal::Later {
                        provider_is_down: true,
                        ..
                    }
                ),
                "{code}"
            );
        }
        let apple = of(401, "THIRD_PARTY_AUTH_ERROR");
        assert!(matches!(
            apple,
            Refusal::Later {
                provider_is_down: false,
                ..
            }
        ));
        // A project that does not exist is a wrong setting; no token is dropped for it.
        assert!(matches!(refusal(&answer(404, None)), Refusal::Later { .. }));
    }
}
