//! What every request goes through before and after its handler.
//!
//! From the outside in: compression of the answer, the [`edge`] (request id, trace, who is calling, panics,
//! timeouts, problem documents, the access log and metrics), rate limits, then the router. A handler takes its
//! input with the extractors of [`extract`], [`params`] and [`media`], and answers with [`reply`].

pub mod access_log;
pub mod body;
pub mod cached;
pub mod edge;
pub mod extract;
pub mod limit;
pub mod media;
pub mod metrics;
pub mod params;
pub mod reply;
pub mod stream;
pub mod trace;

use axum::Router;
use axum::middleware::from_fn_with_state;
use std::sync::Arc;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

/// Bytes under which compressing an answer costs more than it saves.
const COMPRESS_ABOVE: u16 = 1_024;

/// Puts everything of this module around a router whose own answers may be problems.
pub fn around(router: Router, edge: &Arc<edge::Edge>) -> Router {
    let small_or_live =
        SizeAbove::new(COMPRESS_ABOVE).and(NotForContentType::new("text/event-stream"));
    let compression = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(small_or_live);
    router
        .fallback(crate::problem::no_such_path)
        .method_not_allowed_fallback(crate::problem::no_such_method)
        .layer(from_fn_with_state(Arc::clone(edge), edge::handle))
        .layer(compression)
}
