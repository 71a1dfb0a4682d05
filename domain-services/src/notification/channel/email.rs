//! E-mail by SMTP: any relay, Amazon SES and Mailgun among them.

use super::{Deliver, Outgoing, Receipt, Refusal, Target};
use async_trait::async_trait;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::error::Error as _;
use std::time::Duration;
use url::Url;

/// How long a mail server may take for a step.
const STEP_MAX: Duration = Duration::from_secs(15);
/// No connection is kept. One whose answer was given up waiting for would go back to the others, and give the
/// next message the answers of the last.
const CONNECTIONS_KEPT: u32 = 0;

/// How e-mail is sent.
#[derive(Clone)]
pub struct SmtpSettings {
    /// `smtps://user:password@host:465` (TLS from the first byte), or `smtp://user:password@host:587` (STARTTLS,
    /// which must be there). With `?tls=off` neither, for a relay on the same machine. Names and passwords are
    /// percent-encoded.
    pub url: String,
    /// The sender: `Athena Budget <budget@example.com>`.
    pub from: String,
    /// A certificate authority (PEM) that is trusted besides the system's.
    pub ca: Option<Vec<u8>>,
}

/// Never shows the URL: it holds a password.
impl std::fmt::Debug for SmtpSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpSettings")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// Sends e-mail.
#[derive(Clone)]
pub struct Email {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Email")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

impl Email {
    /// Makes the way of these settings. Nothing is connected yet.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the settings, and repeats no secret.
    pub fn new(settings: &SmtpSettings) -> Result<Self, String> {
        let from = parse_sender(&settings.from)?;
        let url = parse_url(&settings.url)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let tls = tls(&url, &host, settings.ca.as_deref())?;
        let port = url.port().unwrap_or(match tls {
            Tls::Wrapper(_) => 465,
            Tls::None => 25,
            _ => 587,
        });
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port)
            .tls(tls)
            .timeout(Some(STEP_MAX))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS_KEPT));
        if !url.username().is_empty() {
            let user = decoded(url.username())?;
            let password = decoded(url.password().unwrap_or_default())?;
            builder = builder.credentials(Credentials::new(user, password));
        }
        Ok(Self {
            transport: builder.build(),
            from,
        })
    }

    fn message(&self, message: &Outgoing, to: &Target) -> Result<Message, String> {
        let to: Mailbox = to
            .address
            .parse()
            .map_err(|_| "the address is no e-mail address".to_owned())?;
        let domain = self.from.email.domain();
        MessageBuilder::new()
            .from(self.from.clone())
            .to(to)
            .subject(message.rendered.subject.as_deref().unwrap_or_default())
            // The same for every copy, so that mail servers and programs can drop the second.
            .message_id(Some(format!("<{}@{domain}>", message.id)))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN)
            .body(message.rendered.body.clone())
            .map_err(|error| format!("the e-mail cannot be made: {error}"))
    }
}

/// Whether this is a sender.
///
/// # Errors
/// A clause saying what it should be.
pub fn check_sender(text: &str) -> Result<(), String> {
    parse_sender(text).map(drop)
}

/// Whether this is a mail server's address.
///
/// # Errors
/// A clause saying what it should be; it repeats nothing of the text, which holds a password.
pub fn check_smtp_url(text: &str) -> Result<(), String> {
    parse_url(text).map(drop)
}

fn parse_sender(text: &str) -> Result<Mailbox, String> {
    text.parse()
        .map_err(|_| "must be a sender such as `Athena Budget <budget@example.com>`".to_owned())
}

/// The URL of a setting. What is wrong with it is told without repeating it.
fn parse_url(text: &str) -> Result<Url, String> {
    let wrong = "must be an address such as `smtps://user:password@smtp.example.com:465`";
    let url: Url = text.parse().map_err(|_| wrong.to_owned())?;
    let known = matches!(url.scheme(), "smtp" | "smtps");
    if known && url.host_str().is_some_and(|host| !host.is_empty()) {
        Ok(url)
    } else {
        Err(wrong.to_owned())
    }
}

fn tls(url: &Url, host: &str, ca: Option<&[u8]>) -> Result<Tls, String> {
    let off = url
        .query_pairs()
        .any(|(name, value)| name == "tls" && value == "off");
    if url.scheme() == "smtp" && off {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(ca) = ca {
        let ca = Certificate::from_pem(ca)
            .map_err(|_| "the certificate authority is no PEM certificate".to_owned())?;
        parameters = parameters.add_root_certificate(ca);
    }
    let parameters = parameters
        .build()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    Ok(if url.scheme() == "smtps" {
        Tls::Wrapper(parameters)
    } else {
        Tls::Required(parameters)
    })
}

fn decoded(text: &str) -> Result<String, String> {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| "has a name or password that is not UTF-8".to_owned())
}

/// RFC 3834: no out-of-office note shall answer.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[async_trait]
impl Deliver for Email {
    async fn deliver(&self, message: &Outgoing, to: &Target) -> Result<Receipt, Refusal> {
        let mail = self.message(message, to).map_err(Refusal::Failed)?;
        let response = self
            .transport
            .send(mail)
            .await
            .map_err(|error| refusal(&error))?;
        // What a server says behind its code often names its queue's id.
        let said = response
            .first_line()
            .map(|line| line.chars().take(200).collect());
        Ok(Receipt {
            provider_id: said,
            is_logged: false,
        })
    }
}

/// What a mail server's refusal means. Its words may name the address, so only its codes are told.
fn refusal(error: &SmtpError) -> Refusal {
    let words = || error.source().map(ToString::to_string).unwrap_or_default();
    let Some(code) = error.status() else {
        return match error {
            error if error.is_tls() => Refusal::down("TLS with the mail server fails"),
            error if error.is_client() => by_own_doing(&words()),
            error if is_unconnected(error) => Refusal::down("the mail server cannot be reached"),
            error if error.is_timeout() => {
                Refusal::unanswered("the mail server does not answer in time")
            }
            _ => Refusal::unanswered("the mail server breaks off"),
        };
    };
    by_code(u16::from(code), &words())
}

/// Whether there was no connection, so that nothing can have arrived. lettre tells it in words only.
fn is_unconnected(error: &SmtpError) -> bool {
    error.to_string().starts_with("Connection error")
}

/// What lettre will not do: for want of what the server offers (TLS, a way to sign in), or because the server
/// cannot take this one message.
fn by_own_doing(words: &str) -> Refusal {
    if words.contains("SMTPUTF8") || words.contains("8BITMIME") {
        Refusal::Failed("the mail server takes no such address or text".to_owned())
    } else {
        Refusal::down("the mail server offers no TLS, or no way to sign in")
    }
}

/// RFC 5321, section 4.2, and the enhanced code that the words may begin with (RFC 3463).
fn by_code(code: u16, words: &str) -> Refusal {
    let later = |detail: &str, provider_is_down| Refusal::Later {
        detail: format!("{code}: {detail}"),
        after: None,
        provider_is_down,
        may_have_arrived: false,
    };
    match code {
        421 => later("the mail server is closing", true),
        400..=499 => later("the mail server asks to try later", false),
        // Wrong credentials are nobody's message's fault.
        530 | 534 | 535 | 538 => later("the mail server refuses the credentials", true),
        // A rule of the server's, often about the sender: no fault of the address. It may be about this recipient
        // alone, so the others go on.
        550 | 551 | 553 if words.starts_with("5.7.") => {
            later("a rule of the mail server forbids it", false)
        }
        521 | 550 | 551 | 553 | 556 => {
            Refusal::Bounced(format!("{code}: the mail server refuses the address"))
        }
        _ => Refusal::Failed(format!("{code}: the mail server refuses the message")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, from: &str) -> SmtpSettings {
        SmtpSettings {
            url: url.to_owned(),
            from: from.to_owned(),
            ca: None,
        }
    }

    const FROM: &str = "Athena Budget <budget@example.com>";

    #[test]
    fn settings_are_told_apart_without_their_secrets() {
        let wrong = |url, from| Email::new(&settings(url, from)).unwrap_err();
        for url in ["", "mail.example.com", "http://me:hunter2@x", "smtps://"] {
            let said = wrong(url, FROM);
            assert!(
                said.starts_with("must be") && !said.contains("hunter2"),
                "{said}"
            );
        }
        assert!(wrong("smtp://localhost?tls=off", "nobody").contains("sender"));
        let shown = format!("{:?}", settings("smtps://me:hunter2@x", FROM));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn codes_mean_what_the_standard_says() {
        let is_later = |code| matches!(by_code(code, ""), Refusal::Later { .. });
        assert!([421, 450, 451, 452, 535, 530].into_iter().all(is_later));
        for code in [550, 551, 553] {
            let told = by_code(code, "5.1.1 no such user");
            assert!(matches!(told, Refusal::Bounced(_)), "{code}");
        }
        for code in [500, 552, 554, 555] {
            let told = by_code(code, "5.3.4 too large");
            assert!(matches!(told, Refusal::Failed(_)), "{code}");
        }
    }

    #[test]
    fn a_wrong_setting_kills_no_message() {
        for code in [550, 553] {
            let told = by_code(code, "5.7.1 sender address rejected: not owned by user");
            let expected = |told| {
                matches!(
                    told,
                    Refusal::Later {
                        provider_is_down: false,
                        ..
                    }
                )
            };
            assert!(expected(told), "{code}");
        }
        for words in [
            "STARTTLS is not supported on this server",
            "No compatible authentication mechanism was found",
        ] {
            let told = by_own_doing(words);
            assert!(
                matches!(
                    told,
                    Refusal::Later {
                        provider_is_down: true,
                        ..
                    }
                ),
                "{words}"
            );
        }
        let words = "Envelope contains non-ascii chars but server does not support SMTPUTF8";
        assert!(matches!(by_own_doing(words), Refusal::Failed(_)));
    }
}
