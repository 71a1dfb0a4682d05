//! The texts of messages: a file a language and template, in it a block a channel. To add a language, add
//! its folder and a line in [`LOCALES`]; to add a template, a file in each folder and a line in
//! `texts!`. A test renders every one for every channel.

mod locale;
mod money;

use super::model::{Channel, Rendered, Template};
use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// The languages there are; the first is spoken to everybody else.
const LOCALES: [&str; 4] = ["en", "de", "fr", "es"];

macro_rules! texts {
    ($($locale:literal),+) => { [$(($locale, [
        (Template::LevelOpened, include_str!(concat!($locale, "/level_opened.j2"))),
        (Template::LevelClosed, include_str!(concat!($locale, "/level_closed.j2"))),
        (Template::Withdrawn, include_str!(concat!($locale, "/withdrawn.j2"))),
        (Template::LevelApproved, include_str!(concat!($locale, "/level_approved.j2"))),
        (Template::LevelRejected, include_str!(concat!($locale, "/level_rejected.j2"))),
        (Template::RolledBack, include_str!(concat!($locale, "/rolled_back.j2"))),
        (Template::Approved, include_str!(concat!($locale, "/approved.j2"))),
        (Template::Rejected, include_str!(concat!($locale, "/rejected.j2"))),
    ])),+] };
}

/// Of each language every template.
static TEXTS: [(&str, [(Template, &str); 8]); 4] = texts!("en", "de", "fr", "es");

/// All templates, compiled once. One that does not compile is missing, which the test of all finds.
static COMPILED: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    // A name that is missing is a mistake to be told, never an empty place in a sentence.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // None of the channels speaks HTML.
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    for (locale, templates) in &TEXTS {
        for (template, text) in templates {
            let name = format!("{locale}/{}", template.name());
            if let Err(error) = environment.add_template_owned(name.clone(), (*text).to_owned()) {
                tracing::error!(%error, name, "a template does not compile");
            }
        }
    }
    environment
});

/// Why a message has no text.
#[derive(Debug, thiserror::Error)]
pub(super) enum TemplateError {
    /// There is no template of this name in this program.
    #[error("there is no template `{0}`")]
    Unknown(String),
    /// The data lacks what the text names.
    #[error("the text cannot be made: {0}")]
    Broken(String),
}

/// An amount as the text shall show it.
pub(super) struct Amount<'a> {
    /// Minor units.
    pub(super) minor: i64,
    /// ISO 4217.
    pub(super) currency: &'a str,
}

/// Makes a message's text from the data given, in the language of the tag (BCP 47) or the next best.
pub(super) fn render(
    template: &str,
    channel: Channel,
    language: Option<&str>,
    mut data: Map<String, Value>,
    amount: Option<&Amount<'_>>,
) -> Result<Rendered, TemplateError> {
    let known = Template::find(template).ok_or_else(|| TemplateError::Unknown(template.into()))?;
    if known == Template::Message {
        return message(channel, data);
    }
    let locale = locale::lookup(language, &LOCALES);
    if let Some(amount) = amount {
        let shown = money::shown(amount.minor, amount.currency, locale);
        data.insert("amount".to_owned(), shown.into());
    }
    let broken = |error: minijinja::Error| TemplateError::Broken(error.to_string());
    let mut rendered = COMPILED
        .get_template(&format!("{locale}/{template}"))
        .and_then(|compiled| compiled.render_captured(&data))
        .map_err(broken)?;
    let mut block = |name: &str| {
        rendered
            .with_state_mut(|state| state.render_block(name))
            .map_err(broken)
    };
    Ok(Rendered {
        subject: match channel {
            Channel::Push | Channel::Email => Some(one_line(&block("title")?)),
            Channel::Sms => None,
        },
        body: block(channel.name())?,
    })
}

/// A text as another program wrote it.
fn message(channel: Channel, mut data: Map<String, Value>) -> Result<Rendered, TemplateError> {
    let mut text = |name: &str| match data.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let body = text("text").ok_or_else(|| TemplateError::Broken("`text` is missing".to_owned()))?;
    let subject =
        text("subject").map_or_else(|| "Athena Budget".to_owned(), |text| one_line(&text));
    Ok(Rendered {
        subject: (channel != Channel::Sms).then_some(subject),
        body,
    })
}

/// A subject is a header: a title with a line break in it must not become another header.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split(char::is_control).collect();
    words.join(" ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn data() -> Map<String, Value> {
        let data = json!({"name": "Ada", "owner": "Sam <b>", "title": "Fair & more", "level": 1, "levels": 3});
        data.as_object().unwrap().clone()
    }

    const AMOUNT: Amount<'_> = Amount {
        minor: 125_000,
        currency: "EUR",
    };

    #[test]
    fn every_template_has_a_text_in_every_language_for_every_channel() {
        let mut texts = std::collections::BTreeSet::new();
        for language in LOCALES {
            for template in Template::ALL {
                if template == Template::Message {
                    continue;
                }
                for channel in Channel::ALL {
                    let made = render(
                        template.name(),
                        channel,
                        Some(language),
                        data(),
                        Some(&AMOUNT),
                    );
                    let made = made.unwrap_or_else(|error| {
                        panic!("{language} {template:?} {channel:?}: {error}")
                    });
                    let whole =
                        format!("{}{}", made.subject.clone().unwrap_or_default(), made.body);
                    assert!(whole.contains("Fair & more"), "{whole}");
                    assert!(!whole.contains("{{") && !whole.contains("&amp;"), "{whole}");
                    assert_eq!(made.subject.is_none(), channel == Channel::Sms);
                    assert!(made.body.chars().count() <= 600, "{whole}");
                    assert!(texts.insert(whole.clone()), "twice: {whole}");
                }
            }
        }
    }

    #[test]
    fn what_is_missing_is_told() {
        let mut lacking = data();
        lacking.remove("owner");
        let made = render("level_opened", Channel::Email, None, lacking, Some(&AMOUNT));
        assert!(matches!(made, Err(TemplateError::Broken(_))), "{made:?}");
        let made = render("nothing", Channel::Email, None, data(), None);
        assert!(matches!(made, Err(TemplateError::Unknown(_))), "{made:?}");
    }

    #[test]
    fn a_subject_is_one_line() {
        let mut two = data();
        two.insert("title".to_owned(), json!("Fair\r\nBcc: all@example.org"));
        let made = render("approved", Channel::Email, None, two, Some(&AMOUNT)).unwrap();
        assert_eq!(
            made.subject.unwrap(),
            "Approved: Fair  Bcc: all@example.org"
        );
    }

    #[test]
    fn a_text_of_another_program_is_as_it_came() {
        let text = json!({"text": "{{ name }} & co"});
        let text = text.as_object().unwrap().clone();
        let made = render("message", Channel::Push, Some("de"), text.clone(), None).unwrap();
        assert_eq!(made.body, "{{ name }} & co");
        assert_eq!(made.subject.as_deref(), Some("Athena Budget"));
        let made = render("message", Channel::Sms, None, text, None).unwrap();
        assert_eq!(made.subject, None);
    }
}
