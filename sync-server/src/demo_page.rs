//! What the demo would have sent: its channels are not set up, so messages go to the log, and here.

use crate::problem::Problem;
use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use domain_services::notification::{LoggedMessage, NotificationService};
use std::fmt::Write as _;
use sync_core::time::write_rfc3339;

/// Where it is.
pub(crate) const PATH: &str = "/demo/notifications";
/// Messages on it.
const MESSAGES_MAX: i64 = 200;

/// The page. Only the demo has it: it shows everybody what people are told.
pub(crate) fn routes(notifications: NotificationService) -> Router {
    Router::new()
        .route(PATH, get(page))
        .with_state(notifications)
}

async fn page(
    State(notifications): State<NotificationService>,
) -> Result<impl IntoResponse, Problem> {
    Ok(Html(html(&notifications.logged(MESSAGES_MAX).await?)))
}

fn html(messages: &[LoggedMessage]) -> String {
    let mut page = String::from(
        "<!doctype html><meta charset=utf-8><title>What would be sent</title>\
         <style>body{font:14px sans-serif}td{vertical-align:top;padding:.4em;border-top:1px solid #ccc}\
         pre{margin:0;font:inherit;white-space:pre-wrap}</style><h1>What would be sent</h1>\
         <p>The demo sends nothing: no channel is set up. The latest first.<table>",
    );
    for message in messages {
        let mut at = [0; 27];
        let at = write_rfc3339(message.at.0, &mut at);
        let subject = escaped(message.subject.as_deref().unwrap_or_default());
        let (channel, address) = (message.channel.name(), escaped(&message.address));
        let body = escaped(&message.body);
        // Writing to a string cannot fail.
        let _ = write!(
            page,
            "<tr><td>{at}<td>{channel}<td>{address}<td><b>{subject}</b><pre>{body}</pre>"
        );
    }
    page.push_str("</table>");
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain_services::notification::Channel;
    use domain_services::time::Time;

    #[test]
    fn what_people_wrote_is_text_and_no_html() {
        let page = html(&[LoggedMessage {
            id: uuid::Uuid::nil(),
            at: Time(0),
            channel: Channel::Email,
            address: "Ada <ada@example.org>".to_owned(),
            subject: Some("<script>alert(1)</script>".to_owned()),
            body: "a & b".to_owned(),
        }]);
        assert!(!page.contains("<script>"), "{page}");
        for shown in [
            "&lt;script&gt;",
            "a &amp; b",
            "1970-01-01T00:00:00",
            "email",
        ] {
            assert!(page.contains(shown), "{page}");
        }
    }
}
