//! Messages that other programs ask for.

use super::model::{Channel, NotificationError, Template};
use super::preferences::is_phone;
use super::service::NotificationService;
use super::store::{self, Asked, Insertion};
use super::templates::{self, Amount};
use crate::identity::Identity;
use crate::invalid::{Invalid, check_text, none_of};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Characters of a text, by channel.
const TEXT_CHARACTERS_MAX: [usize; 3] = [1_000, 20_000, 1_600];
/// Characters of a key.
const KEY_CHARACTERS_MAX: usize = 255;
/// Bytes of the data a template is filled with, as JSON.
const DATA_BYTES_MAX: usize = 16_384;

/// A message to a person, or to an address.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ask {
    /// A person, in the person's language and outside of the person's quiet hours.
    pub recipient_id: Option<Uuid>,
    /// A registration token, an e-mail address or a number, in place of a person.
    pub to: Option<String>,
    /// One of the templates.
    pub template: Option<String>,
    /// Or a text.
    pub text: Option<String>,
    /// What the template is filled with; with `text`, `subject` is its title.
    #[serde(default)]
    pub data: Map<String, Value>,
    /// The same key again is the same message.
    pub idempotency_key: Option<String>,
}

/// Shows neither address nor text.
impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask")
            .field("recipient_id", &self.recipient_id)
            .field("template", &self.template)
            .finish_non_exhaustive()
    }
}

impl NotificationService {
    /// Queues a message; returns its id. A recipient without an address on this channel is no error
    /// here: the message becomes a dead letter that says so, and can be replayed once there is one.
    ///
    /// # Errors
    /// [`NotificationError::Invalid`] with everything that is wrong, [`NotificationError::KeyReused`].
    pub async fn ask(
        &self,
        who: &Identity,
        channel: Channel,
        ask: Ask,
        traceparent: Option<&str>,
    ) -> Result<Uuid, NotificationError> {
        if let Err(problems) = check(channel, &ask) {
            metrics::counter!("athena_notifications_refused_total", "channel" => channel.name())
                .increment(1);
            return Err(problems.into());
        }
        let asked = Asked {
            id: match &ask.idempotency_key {
                Some(key) => {
                    Uuid::new_v5(&who.user_id, format!("{}/{key}", channel.name()).as_bytes())
                }
                None => self.db.ids().uuid_v7(),
            },
            digest: digest(channel, &ask),
            channel,
            recipient_id: ask.recipient_id,
            address: ask.to,
            data: match ask.text {
                Some(text) => with_text(ask.data, text),
                None => ask.data,
            },
            template: ask
                .template
                .unwrap_or_else(|| Template::Message.name().to_owned()),
            traceparent: traceparent.map(str::to_owned),
        };
        let id = asked.id;
        let inserted = self
            .db
            .write(move |tx| {
                let asked = asked.clone();
                Box::pin(async move { store::insert_asked(tx, asked).await })
            })
            .await?;
        self.queued();
        match inserted {
            Insertion::There => Ok(id),
            Insertion::Another => Err(NotificationError::KeyReused),
        }
    }
}

fn with_text(mut data: Map<String, Value>, text: String) -> Map<String, Value> {
    data.insert("text".to_owned(), text.into());
    data
}

/// Of everything that makes a message this one.
fn digest(channel: Channel, ask: &Ask) -> Vec<u8> {
    let content = serde_json::to_vec(&(channel, ask)).unwrap_or_default();
    Sha256::digest(content).to_vec()
}

fn check(channel: Channel, ask: &Ask) -> Result<(), Vec<Invalid>> {
    let mut problems = Vec::new();
    match (&ask.recipient_id, &ask.to) {
        (Some(_), None) => {}
        (None, Some(to)) => check_address(&mut problems, channel, to),
        _ => problems.push(Invalid::new(
            "/recipientId",
            "or `to` must be given, and not both",
        )),
    }
    match (&ask.template, &ask.text) {
        (Some(template), None) => check_template(&mut problems, channel, template, &ask.data),
        (None, Some(text)) => {
            let most = TEXT_CHARACTERS_MAX[channel.index()];
            check_text(&mut problems, "/text", text, 1, most);
            let subject = ask.data.get("subject");
            if subject.is_some_and(|subject| !subject.is_string()) {
                problems.push(Invalid::new("/data/subject", "must be a text"));
            }
        }
        _ => problems.push(Invalid::new(
            "/template",
            "or `text` must be given, and not both",
        )),
    }
    let data = serde_json::to_string(&ask.data).unwrap_or_default();
    if data.len() > DATA_BYTES_MAX {
        let detail = format!("has {} bytes; {DATA_BYTES_MAX} are allowed", data.len());
        problems.push(Invalid::new("/data", detail));
    } else if data.contains("\\u0000") {
        problems.push(Invalid::new("/data", "contains a NUL character"));
    }
    if let Some(key) = &ask.idempotency_key {
        check_text(&mut problems, "/idempotencyKey", key, 1, KEY_CHARACTERS_MAX);
    }
    none_of(problems)
}

fn check_address(problems: &mut Vec<Invalid>, channel: Channel, to: &str) {
    let detail = match channel {
        Channel::Push if is_token(to) => return,
        Channel::Push => "must be a registration token",
        Channel::Email if to.parse::<lettre::Address>().is_ok() => return,
        Channel::Email => "must be an e-mail address",
        Channel::Sms if is_phone(to) => return,
        Channel::Sms => "must be a number such as `+4915112345678` (E.164)",
    };
    problems.push(Invalid::new("/to", detail));
}

/// Printable ASCII without spaces: FCM's are, and nothing else can be one.
fn is_token(text: &str) -> bool {
    (1..=1_024).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A template is filled once before it is taken, so that who asks hears what is missing.
fn check_template(
    problems: &mut Vec<Invalid>,
    channel: Channel,
    template: &str,
    data: &Map<String, Value>,
) {
    let known = Template::find(template).filter(|known| *known != Template::Message);
    let Some(known) = known else {
        let names: Vec<_> = Template::ALL
            .iter()
            .filter(|known| **known != Template::Message)
            .map(|known| known.name())
            .collect();
        let detail = format!("is none of {}", names.join(", "));
        problems.push(Invalid::new("/template", detail));
        return;
    };
    let mut data = data.clone();
    // Of a person the name is known.
    data.entry("name").or_insert_with(|| "".into());
    let no_amount: Option<&Amount<'_>> = None;
    if let Err(error) = templates::render(known.name(), channel, None, data, no_amount) {
        problems.push(Invalid::new("/data", error.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wrong(channel: Channel, ask: Value) -> Vec<String> {
        let ask: Ask = serde_json::from_value(ask).unwrap();
        let problems = check(channel, &ask).err().unwrap_or_default();
        problems.into_iter().map(|one| one.pointer).collect()
    }

    #[test]
    fn what_is_wrong_is_told_place_by_place() {
        let email = |ask| wrong(Channel::Email, ask);
        assert_eq!(email(json!({})), ["/recipientId", "/template"]);
        assert_eq!(email(json!({"to": "nobody", "text": ""})), ["/to", "/text"]);
        assert!(email(json!({"to": "a@example.org", "text": "Hello"})).is_empty());
        assert_eq!(
            email(json!({"to": "a@example.org", "text": "Hello", "template": "approved"})),
            ["/template"]
        );
        assert_eq!(
            email(json!({"to": "a@example.org", "template": "newer"})),
            ["/template"]
        );
        assert_eq!(
            email(
                json!({"to": "a@example.org", "template": "approved", "data": {"title": "Fair"}})
            ),
            ["/data"],
            "the amount is missing"
        );
        let all = json!({"title": "Fair", "amount": "10 EUR"});
        assert!(
            email(json!({"to": "a@example.org", "template": "approved", "data": all})).is_empty()
        );
        assert_eq!(
            email(json!({"to": "a@example.org", "text": "x", "data": {"subject": "a\u{0}b"}})),
            ["/data"]
        );
        assert_eq!(
            wrong(Channel::Sms, json!({"to": "0151", "text": "x"})),
            ["/to"]
        );
        let long = "x".repeat(1_601);
        assert_eq!(
            wrong(Channel::Sms, json!({"to": "+4915112345678", "text": long})),
            ["/text"]
        );
    }

    #[test]
    fn nothing_shows_an_address() {
        let ask: Ask =
            serde_json::from_value(json!({"to": "a@example.org", "text": "secret"})).unwrap();
        let shown = format!("{ask:?}");
        assert!(
            !shown.contains("example") && !shown.contains("secret"),
            "{shown}"
        );
    }
}
