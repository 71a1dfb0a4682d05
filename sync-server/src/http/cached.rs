//! Reads that a phone keeps: `ETag`, `If-None-Match`, and the page of a list.

use super::params::Query;
use crate::problem::{Code, Problem};
use axum::response::{IntoResponse, Response};
use domain_services::paging::{LIMIT_DEFAULT, LIMIT_MAX, PageQuery};
use http::header::{CACHE_CONTROL, ETAG, IF_MATCH, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use std::fmt::Display;

/// A list's version as an entity tag. Weak: the same list has several representations.
#[derive(Debug, Clone)]
pub struct Tag(String);

impl Tag {
    /// The tag of a list at this version.
    pub fn new(version: impl Display) -> Self {
        Self(format!("W/\"{version}\""))
    }

    /// 304, when what the caller has is what there is.
    #[must_use]
    pub fn unchanged(&self, request: &HeaderMap) -> Option<Response> {
        let known = request.get_all(IF_NONE_MATCH).iter().any(|value| {
            let listed = value.to_str().unwrap_or_default().split(',').map(str::trim);
            listed
                .map(|tag| tag.strip_prefix("W/").unwrap_or(tag))
                .any(|tag| tag == "*" || tag == &self.0["W/".len()..])
        });
        known.then(|| self.on(StatusCode::NOT_MODIFIED))
    }

    /// An answer that may be kept as long as this tag is current.
    pub fn on(&self, answer: impl IntoResponse) -> Response {
        let mut response = answer.into_response();
        if !response.status().is_success() && response.status() != StatusCode::NOT_MODIFIED {
            return response;
        }
        let headers = response.headers_mut();
        if let Ok(tag) = HeaderValue::from_str(&self.0) {
            headers.insert(ETAG, tag);
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        headers.insert(VARY, HeaderValue::from_static("accept, authorization"));
        response
    }
}

/// The version that `If-Match: "<version>"` demands; `None` when any will do.
///
/// # Errors
/// 412 for a tag that no record can have.
pub fn expected_version(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(IF_MATCH) else {
        return Ok(None);
    };
    let tag = value.to_str().unwrap_or_default().trim();
    if tag == "*" {
        return Ok(None);
    }
    let version = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
    version.parse().map(Some).map_err(|_| {
        Problem::new(
            Code::PreconditionFailed,
            "`If-Match` names no version of this record",
        )
    })
}

/// `limit` and `cursor` of a list.
pub fn page(query: &mut Query) -> PageQuery {
    let limit = query.limit(LIMIT_DEFAULT as usize, LIMIT_MAX as usize);
    let after = query.one("cursor", |text| {
        PageQuery::parse(None, Some(text))
            .map(|page| page.after)
            .map_err(|_| "is not a cursor that this server gave".to_owned())
    });
    PageQuery {
        after: after.flatten(),
        limit: u32::try_from(limit).unwrap_or(LIMIT_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(tags: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, tags.parse().unwrap());
        Tag::new("7-a").unchanged(&headers).is_some()
    }

    #[test]
    fn what_the_caller_has_is_compared_weakly() {
        for tags in ["W/\"7-a\"", "\"7-a\"", "\"x\", W/\"7-a\"", "*"] {
            assert!(known(tags), "{tags}");
        }
        assert!(!known("\"7-b\""));
        assert!(Tag::new("7-a").unchanged(&HeaderMap::new()).is_none());
    }

    #[test]
    fn an_unchanged_list_says_which_it_is() {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        let response = Tag::new(7).unchanged(&headers).unwrap();
        assert_eq!(response.status(), 304);
        assert_eq!(response.headers()[ETAG], "W/\"7\"");
        assert_eq!(response.headers()[CACHE_CONTROL], "private, no-cache");
    }
}
