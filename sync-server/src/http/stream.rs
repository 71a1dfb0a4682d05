//! Server-sent events that say "pull now", and nothing else.

use crate::app::App;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use domain_services::identity::Identity;
use futures_util::stream;
use http::{HeaderName, HeaderValue};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Asks proxies not to hold events back.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// When a stream ends, and how it shows that it lives.
#[derive(Debug)]
pub struct Life {
    /// When the token of the listener ends.
    pub until: Instant,
    /// Ends the stream when the server stops.
    pub stopping: CancellationToken,
    /// Time between comments.
    pub keepalive: Duration,
}

/// Longest life of a stream, should a token ever live longer.
const STREAM_MAX: Duration = Duration::from_hours(24);

impl Life {
    /// The life of a stream of this caller: as long as the token lives.
    #[must_use]
    pub fn of(app: &App, who: &Identity) -> Self {
        let left_us = who.expires_us.saturating_sub(app.ids.now_us());
        let left = Duration::from_micros(u64::try_from(left_us).unwrap_or(0));
        Self {
            until: Instant::now() + left.min(STREAM_MAX),
            stopping: app.stopping.clone(),
            keepalive: app.stream_keepalive,
        }
    }
}

/// One poke at once and one after every change. Changes that come faster than the listener reads are one
/// poke: the receiver only knows that something has changed since it last looked.
pub fn pokes(changes: watch::Receiver<u64>, life: Life) -> Response {
    let keepalive = KeepAlive::new().interval(life.keepalive).text("");
    let events = stream::unfold(
        (changes, life, true),
        |(mut changes, life, first)| async move {
            if !first {
                tokio::select! {
                    biased;
                    () = life.stopping.cancelled() => return None,
                    () = tokio::time::sleep_until(life.until) => return None,
                    heard = changes.changed() => heard.ok()?,
                }
            }
            changes.mark_unchanged();
            let poke = Event::default().event("poke").data("{}");
            Some((Ok::<_, Infallible>(poke), (changes, life, false)))
        },
    );
    let mut response = Sse::new(events).keep_alive(keepalive).into_response();
    response
        .headers_mut()
        .insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn life() -> Life {
        Life {
            until: Instant::now() + Duration::from_mins(15),
            stopping: CancellationToken::new(),
            keepalive: Duration::from_millis(20),
        }
    }

    async fn next(body: &mut axum::body::Body) -> Option<String> {
        let frame = body.frame().await?.ok()?.into_data().ok()?;
        Some(String::from_utf8_lossy(&frame).into_owned())
    }

    #[tokio::test]
    async fn it_pokes_at_once_and_at_every_change_and_comments_when_idle() {
        let (sender, changes) = watch::channel(0);
        let mut body = pokes(changes, life()).into_body();
        let poke = Some("event: poke\ndata: {}\n\n".to_owned());
        assert_eq!(next(&mut body).await, poke);
        sender.send_modify(|count| *count += 1);
        sender.send_modify(|count| *count += 1);
        assert_eq!(next(&mut body).await, poke);
        let comment = next(&mut body).await.unwrap();
        assert!(comment.starts_with(':'), "{comment}");
    }

    #[tokio::test]
    async fn it_ends_with_the_token_and_with_the_server() {
        let (_sender, changes) = watch::channel(0);
        let mut ending = life();
        ending.until = Instant::now() + Duration::from_millis(5);
        let mut body = pokes(changes.clone(), ending).into_body();
        assert!(next(&mut body).await.is_some());
        assert_eq!(next(&mut body).await, None);

        let stopping = CancellationToken::new();
        let mut body = pokes(
            changes,
            Life {
                stopping: stopping.clone(),
                ..life()
            },
        )
        .into_body();
        assert!(next(&mut body).await.is_some());
        stopping.cancel();
        assert_eq!(next(&mut body).await, None);
    }
}
