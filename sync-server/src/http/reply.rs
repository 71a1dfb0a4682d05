//! Answers: a value in the accepted format, encoded once into one buffer.

use super::media::{self, Accepted, Format};
use crate::problem::Problem;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

/// First size of the buffer an answer is written into, where nobody says better.
const BUFFER_BYTES: usize = 512;

/// A value on its way out.
#[derive(Debug)]
pub struct Answer<T> {
    status: StatusCode,
    format: Format,
    headers: Vec<(HeaderName, HeaderValue)>,
    size_bytes: usize,
    value: T,
}

impl Accepted {
    /// 200 with a value.
    pub fn ok<T: Serialize>(self, value: T) -> Answer<T> {
        Answer {
            status: StatusCode::OK,
            format: self.0,
            headers: Vec::new(),
            size_bytes: BUFFER_BYTES,
            value,
        }
    }

    /// 201 with the new record, or 200 with the one that was there.
    pub fn made<T: Serialize>(self, is_new: bool, value: T, location: &str) -> Answer<T> {
        if is_new {
            self.created(value, location)
        } else {
            self.ok(value)
        }
    }

    /// 202 with what will be done.
    pub fn queued<T: Serialize>(self, value: T) -> Answer<T> {
        let mut answer = self.ok(value);
        answer.status = StatusCode::ACCEPTED;
        answer
    }

    /// 201 with the new record and where it is.
    pub fn created<T: Serialize>(self, value: T, location: &str) -> Answer<T> {
        let mut answer = self.ok(value);
        answer.status = StatusCode::CREATED;
        match HeaderValue::from_str(location) {
            Ok(location) => answer.header(LOCATION, location),
            Err(_) => answer,
        }
    }
}

impl<T> Answer<T> {
    /// Roughly so large: a buffer that grows by doubling copies, and takes up, several times what
    /// it ends up holding.
    #[must_use]
    pub fn sized(mut self, bytes: usize) -> Self {
        self.size_bytes = bytes;
        self
    }

    /// Another header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let body = match encode(&self.value, self.format, self.size_bytes) {
            Ok(body) => body,
            Err(problem) => return problem.into_response(),
        };
        let mut response = Response::new(body.into());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, media::media_type(self.format));
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}

/// The bytes of a value. MessagePack has the same structure and the same strings as JSON.
fn encode(value: &impl Serialize, format: Format, size_bytes: usize) -> Result<Vec<u8>, Problem> {
    let mut buffer = Vec::with_capacity(size_bytes);
    match format {
        Format::Json => serde_json::to_writer(&mut buffer, value).map_err(Problem::internal)?,
        Format::MessagePack => {
            let mut msgpack = rmp_serde::Serializer::new(&mut buffer)
                .with_human_readable()
                .with_struct_map();
            value.serialize(&mut msgpack).map_err(Problem::internal)?;
        }
    }
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Record {
        id: uuid::Uuid,
        note: Option<&'static str>,
    }

    #[test]
    fn both_formats_say_the_same() {
        let record = Record {
            id: uuid::Uuid::from_u128(7),
            note: None,
        };
        let json: serde_json::Value =
            serde_json::from_slice(&encode(&record, Format::Json, 0).unwrap()).unwrap();
        let packed: serde_json::Value =
            rmp_serde::from_slice(&encode(&record, Format::MessagePack, 0).unwrap()).unwrap();
        assert_eq!(json, packed);
        assert_eq!(json["id"], "00000000-0000-0000-0000-000000000007");
    }

    #[test]
    fn what_was_created_says_where_it_is() {
        let answer = Accepted(Format::Json).created("x", "/api/v1/things/1");
        let response = answer.into_response();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()[LOCATION], "/api/v1/things/1");
    }
}
