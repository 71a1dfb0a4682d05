//! JSON or MessagePack: what a body is, and what an answer should be.

use crate::problem::{Code, Problem};
use axum::extract::FromRequestParts;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, request::Parts};
pub use sync_core::wire::Format;

/// The media type an answer of this format is labelled with.
#[must_use]
pub fn media_type(format: Format) -> HeaderValue {
    HeaderValue::from_static(match format {
        Format::Json => "application/json",
        Format::MessagePack => "application/msgpack",
    })
}

/// The format a media type names; parameters such as `charset` do not matter.
fn named(media_type: &str) -> Option<Format> {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Some(Format::Json)
    } else if essence.eq_ignore_ascii_case("application/msgpack")
        || essence.eq_ignore_ascii_case("application/vnd.msgpack")
    {
        Some(Format::MessagePack)
    } else {
        None
    }
}

/// The format of a request's body.
///
/// # Errors
/// 415 when the type is missing or another one.
pub(crate) fn of_body(headers: &HeaderMap) -> Result<Format, Problem> {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(named)
        .ok_or_else(|| {
            Problem::new(
                Code::UnsupportedMediaType,
                "the body must be `application/json` or `application/msgpack`, and say so in `Content-Type`",
            )
            .with_header(
                ACCEPT,
                HeaderValue::from_static("application/json, application/msgpack"),
            )
        })
}

/// The format an answer should have: what `Accept` prefers, else the request's own, else JSON. As a
/// parameter of a handler it refuses before anything has been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted(pub Format);

impl<S: Send + Sync> FromRequestParts<S> for Accepted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        accepted(&parts.headers).map(Self)
    }
}

/// See [`Accepted`].
pub(crate) fn accepted(headers: &HeaderMap) -> Result<Format, Problem> {
    let own = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(named)
        .unwrap_or(Format::Json);
    let mut best: Option<(u16, bool, Format)> = None;
    let mut asked = false;
    for value in headers.get_all(ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let range = range.trim();
            if range.is_empty() {
                continue;
            }
            asked = true;
            let quality = quality(range);
            let formats: &[Format] = match named(range) {
                Some(Format::Json) => &[Format::Json],
                Some(Format::MessagePack) => &[Format::MessagePack],
                None if is_wildcard(range) => &[own],
                None => &[],
            };
            for format in formats {
                let candidate = (quality, *format == own, *format);
                let better = best.is_none_or(|(q, is_own, _)| (quality, candidate.1) > (q, is_own));
                if quality > 0 && better {
                    best = Some(candidate);
                }
            }
        }
    }
    match best {
        Some((_, _, format)) => Ok(format),
        None if !asked => Ok(own),
        None => Err(Problem::new(
            Code::NotAcceptable,
            "answers are `application/json` or `application/msgpack`, and `Accept` takes neither",
        )),
    }
}

fn is_wildcard(range: &str) -> bool {
    let essence = range.split(';').next().unwrap_or_default().trim();
    essence == "*/*" || essence.eq_ignore_ascii_case("application/*")
}

/// `q` in thousandths (RFC 9110, 12.4.2); nonsense counts as 1.
fn quality(range: &str) -> u16 {
    let written = range.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    let Some(written) = written else { return 1_000 };
    match written.split_once('.') {
        Some(("0", thousandths)) if thousandths.len() <= 3 => {
            format!("{thousandths:0<3}").parse().unwrap_or(1_000)
        }
        None if written == "0" => 0,
        _ => 1_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: Option<&str>, accept: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [(CONTENT_TYPE, content_type), (ACCEPT, accept)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
        }
        headers
    }

    #[test]
    fn an_answer_follows_accept_then_the_request() {
        let json = Some("application/json; charset=utf-8");
        let msgpack = Some("application/vnd.msgpack");
        for (content_type, accept, expected) in [
            (None, None, Format::Json),
            (json, None, Format::Json),
            (msgpack, None, Format::MessagePack),
            (msgpack, Some("*/*"), Format::MessagePack),
            (msgpack, Some("application/json"), Format::Json),
            (json, Some("application/msgpack"), Format::MessagePack),
            (
                json,
                Some("application/json;q=0.5, application/msgpack"),
                Format::MessagePack,
            ),
            (
                json,
                Some("application/msgpack;q=0.9, */*;q=0.1"),
                Format::MessagePack,
            ),
            (
                json,
                Some("application/msgpack, application/json"),
                Format::Json,
            ),
            (None, Some("text/html, application/*;q=0.8"), Format::Json),
        ] {
            let decided = accepted(&headers(content_type, accept)).unwrap();
            assert_eq!(decided, expected, "{content_type:?} {accept:?}");
        }
    }

    #[test]
    fn what_cannot_be_made_is_refused() {
        for accept in [
            "text/html",
            "application/json;q=0",
            "application/xml, image/*",
        ] {
            let refused = accepted(&headers(None, Some(accept))).unwrap_err();
            assert_eq!(refused.code(), "not_acceptable", "{accept}");
        }
    }

    #[test]
    fn a_body_must_say_what_it_is() {
        assert!(of_body(&headers(None, None)).is_err());
        assert!(of_body(&headers(Some("text/plain"), None)).is_err());
        assert_eq!(
            of_body(&headers(Some("Application/JSON"), None)).unwrap(),
            Format::Json
        );
    }
}
