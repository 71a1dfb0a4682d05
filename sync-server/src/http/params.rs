//! Query parameters, path ids and the paging that all lists share.

use crate::problem::{InputError, Problem};
use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use std::borrow::Cow;
use std::str::FromStr;
use uuid::Uuid;

/// The query of a request. Read the parameters, then ask [`check`](Query::check) what was wrong with them;
/// parameters nobody reads are ignored.
#[derive(Debug)]
pub struct Query {
    pairs: Vec<(String, String)>,
    errors: Vec<InputError>,
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl Query {
    fn parse(query: &str) -> Self {
        Self {
            pairs: form_urlencoded::parse(query.as_bytes())
                .map(|(name, value)| (Cow::into_owned(name), Cow::into_owned(value)))
                .collect(),
            errors: Vec::new(),
        }
    }

    /// A parameter that may be given once; `read` says what is wrong with it.
    pub fn one<T>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let mut given = self.pairs.iter().filter(|(given, _)| given == name);
        let (value, again) = (given.next()?, given.next());
        let read = if again.is_some() {
            Err("may be given once only".to_owned())
        } else {
            read(&value.1)
        };
        read.map_err(|detail| self.wrong(name, detail)).ok()
    }

    /// A parameter that must be given, once; what is read of a missing one is nothing to go on with.
    pub fn needed<T: Default>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        if self.pairs.iter().all(|(given, _)| given != name) {
            self.wrong(name, "is missing");
        }
        self.one(name, read).unwrap_or_default()
    }

    /// A parameter that may be repeated.
    pub fn many<T>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let (values, errors): (Vec<_>, Vec<_>) = self
            .pairs
            .iter()
            .filter(|(given, _)| given == name)
            .map(|(_, value)| read(value))
            .partition(Result::is_ok);
        for detail in errors.into_iter().filter_map(Result::err) {
            self.wrong(name, detail);
        }
        values.into_iter().filter_map(Result::ok).collect()
    }

    /// `limit`, within 1 and `most`.
    pub fn limit(&mut self, otherwise: usize, most: usize) -> usize {
        self.one("limit", |text| {
            text.parse()
                .ok()
                .filter(|limit| (1..=most).contains(limit))
                .ok_or_else(|| format!("must be a whole number from 1 to {most}"))
        })
        .unwrap_or(otherwise)
    }

    /// Notes something wrong with a parameter.
    pub fn wrong(&mut self, name: &str, detail: impl Into<String>) {
        self.errors.push(InputError {
            pointer: format!("/query/{name}"),
            detail: detail.into(),
        });
    }

    /// Nothing was wrong, or 400 with all that was.
    ///
    /// # Errors
    /// `invalid_value`, one entry a parameter.
    pub fn check(self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid_all(self.errors))
        }
    }
}

/// Text as it is.
///
/// # Errors
/// Never; the signature is that of the other readers.
pub fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// Text that a database can hold: PostgreSQL cannot even be asked for a NUL.
///
/// # Errors
/// A clause saying what it should be.
pub fn storable(text: &str) -> Result<String, String> {
    if text.contains('\0') {
        return Err("must not contain a NUL character".to_owned());
    }
    Ok(text.to_owned())
}

/// A time (RFC 3339, any offset) in microseconds since the Unix epoch.
///
/// # Errors
/// A clause saying what it should be.
pub fn time(text: &str) -> Result<i64, String> {
    // A `+` that was not escaped has become a space.
    sync_core::time::parse_rfc3339(&text.replace(' ', "+"))
        .map_err(|_| "must be a time such as `2026-11-22T10:00:00Z`".to_owned())
}

/// `true` or `false`.
///
/// # Errors
/// A clause saying what it should be.
pub fn truth(text: &str) -> Result<bool, String> {
    text.parse()
        .map_err(|_| "must be `true` or `false`".to_owned())
}

/// A UUID in any case, hyphenated.
///
/// # Errors
/// A clause saying what it should be.
pub fn id(text: &str) -> Result<Uuid, String> {
    hyphenated(text).ok_or_else(|| "must be a UUID".to_owned())
}

fn hyphenated(text: &str) -> Option<Uuid> {
    uuid::fmt::Hyphenated::from_str(text)
        .ok()
        .map(uuid::fmt::Hyphenated::into_uuid)
}

/// The `{id}` of a path.
#[derive(Debug, Clone, Copy)]
pub struct PathId(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::invalid("/path/id", "must be a UUID"))?;
        id(&text)
            .map(Self)
            .map_err(|detail| Problem::invalid("/path/id", detail))
    }
}

/// The `{deviceId}` of a path: any text, as at login.
#[derive(Debug, Clone)]
pub struct PathDevice(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathDevice {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::invalid("/path/deviceId", "must be UTF-8"))?;
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_once_or_repeated() {
        let mut query = Query::parse("status=draft&status=approved&limit=7&x=%F0%9F%92%B6&other=1");
        assert_eq!(query.many("status", text), ["draft", "approved"]);
        assert_eq!(query.limit(100, 1_000), 7);
        assert_eq!(query.one("x", text).unwrap(), "💶");
        assert_eq!(query.one("absent", text), None);
        assert!(query.check().is_ok());
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let mut query = Query::parse("limit=0&id=7&from=a&from=b");
        query.limit(100, 1_000);
        query.one("id", id);
        query.one("from", text);
        let problem = query.check().unwrap_err();
        let document = serde_json::to_value(problem.document("")).unwrap();
        let pointers: Vec<_> = document["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(pointers, ["/query/limit", "/query/id", "/query/from"]);
    }

    #[test]
    fn ids_are_hyphenated_in_any_case() {
        assert!(id("0195D0C0-7d5c-7000-8000-0123456789AB").is_ok());
        for other in [
            "0195d0c07d5c700080000123456789ab",
            "{0195d0c0-7d5c-7000-8000-0123456789ab}",
            "urn:uuid:0195d0c0-7d5c-7000-8000-0123456789ab",
            "",
        ] {
            assert!(id(other).is_err(), "{other}");
        }
    }
}
