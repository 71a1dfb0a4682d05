//! What the types of handlers do not say of parameters, bodies and answers: forms, limits and headers.

use sync_core::value::Currency;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{Components, Ref, RefOr, Required, Response, Schema};

/// Names the request in answers and logs.
const REQUEST_ID: &str = "x-request-id";

/// A header of answers: name, which answers have it, form, description.
type Described = (
    &'static str,
    fn(&str, &Response) -> bool,
    Form,
    &'static str,
);

/// The headers that answers always have.
const HEADERS: &[Described] = &[
    (
        REQUEST_ID,
        |_, _| true,
        Form::Pattern("^[!-~]{1,128}$"),
        "As sent with the request; made where none was.",
    ),
    (
        "Location",
        |status, _| status == "201",
        Form::Pattern("^/api/v1/[a-z]+/[0-9a-f-]{36}$"),
        "Where the record is.",
    ),
    (
        "ETag",
        |status, response| status == "304" || response.description.contains("`ETag`"),
        Form::Pattern("^W/\"[^\"]+\"$"),
        "Of the whole list, over all pages; `If-None-Match` takes it.",
    ),
    (
        "WWW-Authenticate",
        |status, _| status == "401",
        Form::Pattern("^Bearer "),
        "How to sign in, and why the token was refused (RFC 6750).",
    ),
    (
        "Retry-After",
        |status, _| ["429", "503"].contains(&status),
        Form::Seconds,
        "Seconds until another try makes sense.",
    ),
];

/// What a value must be.
#[derive(Clone, Copy)]
enum Form {
    /// A text that the expression finds.
    Pattern(&'static str),
    /// A time of RFC 3339.
    Time,
    /// Of a list.
    Limit,
    /// Of an entry of the audit log, or of several.
    Number,
    /// A whole number of seconds.
    Seconds,
    /// One of these.
    OneOf(&'static [&'static str]),
}

impl Form {
    fn schema(self) -> Schema {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let number = |minimum: i32| {
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
                .minimum(Some(minimum))
        };
        let schema = match self {
            Self::Pattern(pattern) => text().pattern(Some(pattern)),
            Self::Time => text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))),
            Self::Limit => number(1).maximum(Some(1_000)),
            Self::Number => number(0)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                .maximum(Some(9_007_199_254_740_991_i64)),
            Self::Seconds => number(0),
            Self::OneOf(values) => text().enum_values(Some(values.iter().copied())),
        };
        Schema::Object(schema.build())
    }
}

/// A sequence number or a time, as an export is bounded by.
const BOUND: &str = r"^([0-9]{1,15}|[0-9]{4}-(0[1-9]|1[0-2])-([01][1-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z)$";

/// The form of a parameter, wherever one of this name is taken.
fn parameter(path: &str, name: &str) -> Option<Form> {
    Some(match name {
        "from" | "to" if path.ends_with("/proof/consistency") => Form::Number,
        "from" | "to" if path.ends_with("/audit/export") => Form::Pattern(BOUND),
        "seq" | "size" => Form::Number,
        "limit" => Form::Limit,
        // When the item was made and its id, both in hexadecimal digits.
        "cursor" => Form::Pattern("^[0-7][0-9a-fA-F]{47}$"),
        "from" | "to" | "lastSync" => Form::Time,
        "action" | "region" => Form::Pattern(r"^[^\u0000]*$"),
        "deviceId" => Form::Pattern(r"^[^\u0000]{1,128}$"),
        "role" => Form::OneOf(&[
            "sales", "approver", "manager", "admin", "auditor", "service",
        ]),
        "If-Match" => Form::Pattern(r#"^(\*|(W/)?"[0-9]{1,18}")$"#),
        "Idempotency-Key" => Form::Pattern("^[!-~]([ -~]{0,253}[!-~])?$"),
        _ => return None,
    })
}

/// Gives the operation's parameters their forms; one that is not given is absent, never null.
pub(super) fn parameters(path: &str, operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            form(path, parameter);
        }
    }
}

fn form(path: &str, parameter: &mut Parameter) {
    if let Some(form) = self::parameter(path, &parameter.name) {
        parameter.schema = Some(RefOr::T(form.schema()));
    }
}

/// A body that may be left out is nothing then, not null.
pub(super) fn body(operation: &mut Operation) {
    let Some(RefOr::T(body)) = &mut operation.request_body else {
        return;
    };
    for content in body.content.values_mut() {
        let RefOr::T(content) = content else { continue };
        if let Some(RefOr::T(Schema::OneOf(either))) = &content.schema
            && let Some(given @ RefOr::Ref(_)) = either.items.first()
        {
            content.schema = Some(given.clone());
            body.required = Some(Required::False);
        }
    }
}

/// Gives the answers of the operation their headers.
pub(super) fn answers(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            headers(status, response);
        }
    }
}

/// Gives an answer its headers.
pub(super) fn headers(status: &str, response: &mut Response) {
    for (name, has, ..) in HEADERS {
        if has(status, response) {
            let header = Ref::new(format!("#/components/headers/{name}"));
            response
                .headers
                .insert((*name).to_owned(), RefOr::Ref(header));
        }
    }
}

/// What several operations refer to: the headers, the currencies that exist, and what is named once only.
pub(super) fn components(components: &mut Components) {
    for (name, _, form, description) in HEADERS {
        components
            .headers
            .insert((*name).to_owned(), RefOr::T(header(*form, description)));
    }
    let money = components.schemas.get_mut("Money");
    if let Some(RefOr::T(Schema::Object(money))) = money
        && let Some(RefOr::T(Schema::Object(currency))) = money.properties.get_mut("currency")
    {
        currency.enum_values = Some(Currency::all().map(|one| one.as_str().into()).collect());
    }
    let chosen = components.schemas.get_mut("ChosenChannels");
    if let Some(RefOr::T(Schema::Object(chosen))) = chosen {
        for channels in chosen.properties.values_mut() {
            if let RefOr::T(Schema::Array(named)) = channels {
                named.unique_items = true;
            }
        }
    }
    let assignment = components.schemas.get_mut("NewAssignment");
    if let Some(RefOr::T(Schema::Object(assignment))) = assignment
        && let Some(RefOr::T(Schema::Array(named))) = assignment.properties.get_mut("approverIds")
    {
        named.unique_items = true;
    }
}

fn header(form: Form, description: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(form.schema()))
        .description(Some(description))
        .build()
}
