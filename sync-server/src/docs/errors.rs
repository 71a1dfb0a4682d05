//! Which problems each operation answers. Most follow from what the operation is: whom it is for, whether it
//! takes a body, whether it names a record. The rest is in one table.

use super::exact;
use crate::api::access::{self, Audience};
use crate::problem::{Code, MEDIA_TYPE};
use http::Method;
use std::collections::{BTreeMap, BTreeSet};
use sync_core::verdict::Code as Rule;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{Components, ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

/// The codes of a response, for programs that read the document.
const CODES: &str = "x-codes";

/// A code and the status it comes with.
#[derive(Clone, Copy)]
enum Answer {
    /// Of every kind of problem.
    Problem(Code),
    /// A rule refuses: 409.
    Rule(Rule),
}

use Answer::{Problem as P, Rule as R};

/// What operations answer besides what follows from their shape.
const PARTICULAR: &[(&str, &str, &[Answer])] = &[
    ("POST", "/api/v1/auth/login", &[P(Code::InvalidCredentials)]),
    ("POST", "/api/v1/auth/refresh", &[P(Code::SessionRevoked)]),
    (
        "POST",
        "/api/v1/users/me/password",
        &[P(Code::InvalidCredentials)],
    ),
    (
        "POST",
        "/api/v1/users",
        &[P(Code::EmailTaken), R(Rule::OpIdReused)],
    ),
    ("GET", "/api/v1/users/{id}", &[P(Code::Forbidden)]),
    (
        "PUT",
        "/api/v1/users/{id}",
        &[P(Code::EmailTaken), P(Code::LastAdmin)],
    ),
    ("DELETE", "/api/v1/users/{id}", &[P(Code::LastAdmin)]),
    ("POST", "/api/v1/departments", &[R(Rule::OpIdReused)]),
    ("POST", "/api/v1/categories", &[R(Rule::OpIdReused)]),
    ("POST", "/api/v1/reasons", &[R(Rule::OpIdReused)]),
    ("POST", "/api/v1/assignments", &[R(Rule::OpIdReused)]),
    (
        "POST",
        "/api/v1/requests",
        &[
            P(Code::NotFound),
            R(Rule::OpIdReused),
            R(Rule::Incomplete),
            R(Rule::UnknownCategory),
            R(Rule::UnknownReason),
            R(Rule::ChainIncomplete),
            R(Rule::Busy),
        ],
    ),
    (
        "POST",
        "/api/v1/requests/sync",
        &[
            P(Code::WrongUser),
            P(Code::ResyncRequired),
            P(Code::BatchTooLarge),
        ],
    ),
    (
        "GET",
        "/api/v1/requests/updates",
        &[P(Code::ResyncRequired)],
    ),
    (
        "POST",
        "/api/v1/requests/{id}/withdraw",
        &[R(Rule::NotWithdrawable)],
    ),
    (
        "POST",
        "/api/v1/approvals/sync",
        &[
            P(Code::WrongUser),
            P(Code::ResyncRequired),
            P(Code::BatchTooLarge),
        ],
    ),
    (
        "GET",
        "/api/v1/approvals/updates",
        &[P(Code::ResyncRequired)],
    ),
    ("POST", "/api/v1/approvals/{id}/approve", VOTE),
    ("POST", "/api/v1/approvals/{id}/reject", VOTE),
    ("POST", "/api/v1/approvals/{id}/rollback", ROLLBACK),
    ("GET", "/api/v1/audit/checkpoint", &[P(Code::NotFound)]),
    ("GET", "/api/v1/audit/proof/inclusion", &[P(Code::NotFound)]),
    (
        "GET",
        "/api/v1/audit/proof/consistency",
        &[P(Code::NotFound)],
    ),
    ("GET", "/api/v1/audit/export", &[P(Code::NotFound)]),
    ("POST", "/api/v1/notify/push", &[R(Rule::OpIdReused)]),
    ("POST", "/api/v1/notify/email", &[R(Rule::OpIdReused)]),
    ("POST", "/api/v1/notify/sms", &[R(Rule::OpIdReused)]),
    (
        "POST",
        "/api/v1/notify/callbacks/twilio/{id}",
        &[P(Code::Forbidden)],
    ),
];

/// Why a vote is refused.
const VOTE: &[Answer] = &[
    R(Rule::OpIdReused),
    R(Rule::StaleRevision),
    R(Rule::SelfApproval),
    R(Rule::ApproverInactive),
    R(Rule::LevelNotOpen),
    R(Rule::BasisChanged),
    R(Rule::DuplicateApprover),
    R(Rule::LevelSealed),
    R(Rule::RollbackWindowOver),
];

/// Why a rollback is.
const ROLLBACK: &[Answer] = &[
    R(Rule::OpIdReused),
    R(Rule::StaleRevision),
    R(Rule::SelfApproval),
    R(Rule::ApproverInactive),
    R(Rule::LevelNotOpen),
    R(Rule::BasisChanged),
    R(Rule::NothingToRollBack),
    R(Rule::LevelSealed),
    R(Rule::RollbackWindowOver),
];

/// Codes by status.
type Answers = BTreeMap<u16, BTreeSet<&'static str>>;

/// Describes the problems of an operation; the responses themselves go to `components`.
pub(super) fn describe(
    method: &Method,
    path: &str,
    operation: &mut Operation,
    components: &mut Components,
) {
    for (status, codes) in answers(method, path, operation) {
        let codes: Vec<&str> = codes.into_iter().collect();
        let name = format!("{status}_{}", codes.join("_or_"));
        operation.responses.responses.insert(
            status.to_string(),
            RefOr::Ref(Ref::from_response_name(name.as_str())),
        );
        let response = components.responses.entry(name);
        response.or_insert_with(|| RefOr::T(problem(status, &codes)));
    }
}

fn problem(status: u16, codes: &[&str]) -> Response {
    let listed: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
    let document = ContentBuilder::new()
        .schema(Some(RefOr::Ref(Ref::from_schema_name("Problem"))))
        .build();
    let mut response = ResponseBuilder::new()
        .description(listed.join(", "))
        .content(MEDIA_TYPE, document)
        .extensions(Some(ExtensionsBuilder::new().add(CODES, codes).build()))
        .build();
    exact::headers(&status.to_string(), &mut response);
    response
}

fn answers(method: &Method, path: &str, operation: &Operation) -> Answers {
    let mut answers = Answers::new();
    let mut add = |codes: &[Code]| {
        for code in codes {
            let status = code.status().as_u16();
            answers.entry(status).or_default().insert(code.as_str());
        }
    };
    add(&[Code::RateLimited, Code::Internal, Code::Unavailable]);
    let audience = access::audience(method, path);
    if audience.is_some_and(|audience| audience != Audience::Public) {
        add(&[
            Code::Unauthenticated,
            Code::TokenExpired,
            Code::SessionRevoked,
        ]);
    }
    if matches!(audience, Some(Audience::Roles(_))) {
        add(&[Code::Forbidden]);
    }
    // Signing out takes any body: who signs out is signed out.
    if operation.request_body.is_some() && !path.ends_with("/auth/logout") {
        add(&[
            Code::MalformedBody,
            Code::InvalidValue,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
        ]);
    }
    add(of_parameters(operation).as_slice());
    if has_formats(operation) {
        add(&[Code::NotAcceptable]);
    }
    for (_, _, particular) in PARTICULAR
        .iter()
        .filter(|(m, p, _)| *m == method.as_str() && *p == path)
    {
        for answer in *particular {
            let (status, code) = match answer {
                P(code) => (code.status().as_u16(), code.as_str()),
                R(rule) => (409, rule.as_str()),
            };
            answers.entry(status).or_default().insert(code);
        }
    }
    answers
}

fn of_parameters(operation: &Operation) -> Vec<Code> {
    let mut codes = Vec::new();
    for parameter in operation.parameters.iter().flatten() {
        let RefOr::T(parameter) = parameter else {
            continue;
        };
        match parameter.parameter_in {
            ParameterIn::Path if parameter.name == "id" => {
                codes.extend([Code::InvalidValue, Code::NotFound]);
            }
            ParameterIn::Path | ParameterIn::Query => codes.push(Code::InvalidValue),
            _ if parameter.name == "If-Match" => codes.push(Code::PreconditionFailed),
            _ => {}
        }
    }
    codes
}

/// Whether the answer is made in the format that `Accept` names: all bodies that have a type of their own.
fn has_formats(operation: &Operation) -> bool {
    let responses = operation.responses.responses.values();
    responses.filter_map(as_own).any(|response| {
        response.content.values().any(|content| {
            let content = match content {
                RefOr::T(content) => content.schema.as_ref(),
                RefOr::Ref(_) => None,
            };
            matches!(content, Some(RefOr::Ref(_)))
        })
    })
}

fn as_own(response: &RefOr<Response>) -> Option<&Response> {
    match response {
        RefOr::T(response) => Some(response),
        RefOr::Ref(_) => None,
    }
}
