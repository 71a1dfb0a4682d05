//! The description of the interface, made from the handlers: `/openapi.json`, and `/docs` to read it.

mod errors;
mod exact;
mod examples;

use crate::api;
use crate::problem::{Code, Document};
use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi as _};
use utoipa_swagger_ui::{Config, SwaggerUi};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Athena Budget",
        description = "Budget requests that are drafted offline, merged, submitted and approved. \
Bodies are JSON or, same structure, `application/msgpack`; they may be compressed with gzip or zstd. \
Errors are problem documents (RFC 9457) with a stable `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(Document<'_>, Code)),
    modifiers(&Bearer),
)]
struct Described;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("The `accessToken` of a login, good for 15 minutes."))
            .build();
        api.components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The whole document.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut document = Described::openapi();
    document.merge(api::routes().into_openapi());
    let components = document.components.get_or_insert_default();
    examples::add(components);
    exact::components(components);
    for (path, item) in &mut document.paths.paths {
        let operations = [
            (Method::GET, &mut item.get),
            (Method::POST, &mut item.post),
            (Method::PUT, &mut item.put),
            (Method::DELETE, &mut item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            exact::parameters(path, operation);
            exact::body(operation);
            exact::answers(operation);
            errors::describe(&method, path, operation, components);
        }
    }
    document
}

/// The whole document as text, as it is committed.
#[must_use]
pub fn openapi_text() -> String {
    let mut text = serde_json::to_string_pretty(&openapi()).unwrap_or_default();
    text.push('\n');
    text
}

/// `/openapi.json` and `/docs`.
pub fn routes() -> Router {
    let text = Bytes::from(openapi_text());
    let document =
        get(move || async move { ([(CONTENT_TYPE, "application/json")], text).into_response() });
    let reader = SwaggerUi::new("/docs").config(Config::from("/openapi.json"));
    Router::new().route("/openapi.json", document).merge(reader)
}
