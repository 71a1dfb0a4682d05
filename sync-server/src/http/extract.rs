//! Bodies as handlers want them: decoded into a type, or raw for the decoder of batches.

use super::body::{self, BodyLimits};
use super::media::Format;
use crate::problem::{Code, InputError, Problem};
use axum::body::HttpBody as _;
use axum::extract::{FromRef, FromRequest, OptionalFromRequest, Request};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use std::fmt::Write as _;

/// A body decoded into `T`, from JSON or MessagePack. `Option<Body<T>>` permits none at all.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T>
where
    BodyLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let limits = BodyLimits::from_ref(state);
        let (bytes, format) = body::read(request, &limits).await?;
        decode(&bytes, format, &limits).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Body<T>
where
    BodyLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        let nothing = request.body().size_hint().exact() == Some(0);
        if nothing && !request.headers().contains_key(CONTENT_TYPE) {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state)
            .await
            .map(Some)
    }
}

/// The bytes of a body, decompressed, and their format.
#[derive(Debug)]
pub struct RawBody {
    /// The bytes.
    pub bytes: Bytes,
    /// What they are.
    pub format: Format,
}

impl<S: Send + Sync> FromRequest<S> for RawBody
where
    BodyLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let limits = BodyLimits::from_ref(state);
        let (bytes, format) = body::read(request, &limits).await?;
        Ok(Self { bytes, format })
    }
}

/// The parameters of a form (`application/x-www-form-urlencoded`), in their order.
#[derive(Debug)]
pub struct FormBody(pub Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for FormBody
where
    BodyLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let limits = BodyLimits::from_ref(state);
        let bytes = body::read_plain(request, &limits).await?;
        let parameters = form_urlencoded::parse(&bytes).into_owned();
        Ok(Self(parameters.collect()))
    }
}

fn decode<T: DeserializeOwned>(
    bytes: &[u8],
    format: Format,
    limits: &BodyLimits,
) -> Result<T, Problem> {
    check_object(bytes, format)?;
    match format {
        Format::Json => {
            body::check_depth(bytes, limits.depth)?;
            let mut json = serde_json::Deserializer::from_slice(bytes);
            let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
                let is_data = error.inner().is_data();
                refusal(error.path(), &error.inner().to_string(), is_data)
            })?;
            json.end()
                .map_err(|error| malformed(&error.to_string()))
                .map(|()| value)
        }
        Format::MessagePack => {
            let mut msgpack = rmp_serde::Deserializer::new(bytes).with_human_readable();
            msgpack.set_max_depth(limits.depth);
            let value = serde_path_to_error::deserialize(&mut msgpack).map_err(|error| {
                use rmp_serde::decode::Error::{Syntax, TypeMismatch};
                let is_data = matches!(error.inner(), Syntax(_) | TypeMismatch(_));
                refusal(error.path(), &error.inner().to_string(), is_data)
            })?;
            if msgpack.get_ref().is_empty() {
                Ok(value)
            } else {
                Err(malformed("something follows the value"))
            }
        }
    }
}

/// Every body is an object. The derived readers would take an array of its members' values in their order
/// too, which no document tells.
fn check_object(bytes: &[u8], format: Format) -> Result<(), Problem> {
    let first = match format {
        Format::Json => bytes.trim_ascii_start().first(),
        Format::MessagePack => bytes.first(),
    };
    let begins = match (format, first) {
        (Format::Json, Some(byte)) => *byte == b'{',
        (Format::MessagePack, Some(byte)) => matches!(byte, 0x80..=0x8f | 0xde | 0xdf),
        (_, None) => false,
    };
    if begins {
        Ok(())
    } else {
        Err(malformed("it is not an object"))
    }
}

/// A body that does not parse is malformed; one that parses and has a wrong value somewhere says where.
fn refusal(path: &Path, message: &str, is_data: bool) -> Problem {
    let message = message.split(" at line ").next().unwrap_or(message);
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                // Writing to a string cannot fail.
                let _ = write!(pointer, "/{index}");
            }
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => {}
        }
    }
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'));
    if let Some(name) = missing {
        return Problem::invalid(format!("{pointer}/{name}"), "is missing");
    }
    if is_data && !pointer.is_empty() {
        return Problem::invalid_all(vec![InputError {
            pointer,
            detail: message.to_owned(),
        }]);
    }
    malformed(message)
}

fn malformed(message: &str) -> Problem {
    Problem::new(
        Code::MalformedBody,
        format!("the body cannot be read: {message}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Order {
        name: String,
        lines: Vec<Line>,
        #[serde(default)]
        id: Option<uuid::Uuid>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Line {
        count: u8,
    }

    const LIMITS: BodyLimits = BodyLimits {
        wire: 1_000,
        decoded: 1_000,
        depth: 8,
    };

    fn read(json: &str) -> Result<Order, Problem> {
        let from_json = decode::<Order>(json.as_bytes(), Format::Json, &LIMITS);
        if let Ok(value) = serde_json::from_str::<serde_json::Value>(json) {
            let packed = rmp_serde::to_vec_named(&value).unwrap();
            let from_msgpack = decode::<Order>(&packed, Format::MessagePack, &LIMITS);
            match (&from_json, &from_msgpack) {
                (Ok(json), Ok(msgpack)) => assert_eq!(json, msgpack),
                (Err(json), Err(msgpack)) => assert_eq!(json.code(), msgpack.code()),
                differing => panic!("{differing:?}"),
            }
        }
        from_json
    }

    fn refused(json: &str) -> (String, String) {
        let document = serde_json::to_value(read(json).unwrap_err().document("")).unwrap();
        (
            document["code"].as_str().unwrap().to_owned(),
            document["errors"][0]["pointer"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    }

    #[test]
    fn both_formats_give_the_same_value() {
        let order = read(
            r#"{"name": "x", "lines": [{"count": 2}], "id": "0195D0C0-7D5C-7000-8000-0123456789AB", "more": 1}"#,
        );
        assert_eq!(order.unwrap().lines, [Line { count: 2 }]);
    }

    #[test]
    fn a_wrong_value_is_pointed_at() {
        let wrong = |json| refused(json);
        let invalid = |pointer: &str| ("invalid_value".to_owned(), pointer.to_owned());
        assert_eq!(
            wrong(r#"{"name": "x", "lines": [{"count": 256}]}"#),
            invalid("/lines/0/count")
        );
        assert_eq!(wrong(r#"{"name": 3, "lines": []}"#), invalid("/name"));
        assert_eq!(wrong(r#"{"lines": []}"#), invalid("/name"));
        assert_eq!(
            wrong(r#"{"name": "x", "lines": [{}]}"#),
            invalid("/lines/0/count")
        );
        assert_eq!(
            wrong(r#"{"name": "x", "lines": [], "id": "7"}"#),
            invalid("/id")
        );
    }

    #[test]
    fn what_does_not_parse_is_malformed() {
        for broken in [
            "",
            "{",
            "nonsense",
            "{\"name\": \"x\", \"lines\": []} 1",
            "\"text\"",
            "null",
            "[\"x\", []]",
            "[\"x\", [], null]",
        ] {
            assert_eq!(refused(broken).0, "malformed_body", "{broken}");
        }
        assert!(read(" \n{\"name\": \"x\", \"lines\": []}").is_ok());
        let deep = format!("{{\"x\": {}{}}}", "[".repeat(8), "]".repeat(8));
        assert_eq!(refused(&deep).0, "malformed_body");
        assert!(decode::<Order>(&[0xc1], Format::MessagePack, &LIMITS).is_err());
        assert!(decode::<Line>(b"\x81\xa5count\x01\x01", Format::MessagePack, &LIMITS).is_err());
        let deep = [vec![0x81, 0xa1, b'x'], vec![0x91; 900], vec![0xc0]].concat();
        assert!(decode::<Line>(&deep, Format::MessagePack, &LIMITS).is_err());
    }
}
