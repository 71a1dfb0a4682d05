//! What others are told of a change that was refused: once a person, operation and code.

use super::decide::Context;
use super::decision::{ItemOutcome, NewEvent, OpRef};
use crate::events::{REQUEST_REFUSED, RequestRefused};
use crate::outbox::refusal_id;
use serde_json::json;
use sync_core::verdict::{Code, Verdict};
use uuid::Uuid;

/// A refusal and what it was of.
pub(in crate::request) struct Refused<'a> {
    pub(in crate::request) id: Option<Uuid>,
    pub(in crate::request) op_id: Option<&'a str>,
    pub(in crate::request) command: Option<&'static str>,
    pub(in crate::request) code: Code,
    pub(in crate::request) detail: &'a str,
}

/// The event of a refusal.
pub(in crate::request) fn refused(context: &Context, refused: &Refused<'_>) -> NewEvent {
    let Refused {
        id,
        op_id,
        command,
        code,
        detail,
    } = refused;
    let operation = op_id.unwrap_or_default();
    NewEvent {
        id: Some(refusal_id(
            REQUEST_REFUSED,
            context.actor,
            operation,
            code.as_str(),
        )),
        key: id.unwrap_or(context.actor),
        kind: REQUEST_REFUSED,
        version: context.now_us,
        data: json!(RequestRefused {
            id: *id,
            op_id: op_id.map(str::to_owned),
            command: command.map(str::to_owned),
            code: *code,
            detail: (*detail).to_owned(),
        }),
    }
}

/// The event of an item's refusal, if it was refused.
pub(super) fn of_item(
    context: &Context,
    command: Option<&'static str>,
    outcome: &ItemOutcome,
) -> Option<NewEvent> {
    let code = outcome
        .code
        .filter(|_| outcome.verdict == Verdict::Rejected)?;
    let op_id = match &outcome.op {
        OpRef::Id(id) => Some(id.to_string()),
        OpRef::Given(given) => given.clone(),
    };
    let event = refused(
        context,
        &Refused {
            id: outcome.id,
            op_id: op_id.as_deref(),
            command,
            code,
            detail: outcome.detail.as_deref().unwrap_or_default(),
        },
    );
    Some(event)
}
