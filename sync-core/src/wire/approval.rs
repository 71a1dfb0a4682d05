//! The items of `POST /api/v1/approvals/sync`.

use super::fields::COMMENT_CHARS;
use super::item::{Common, Fault, common, known, mistyped, text};
use super::node::{Members, Node};
use crate::canonical::{self, Revision};
use crate::hlc::Stamp;
use uuid::Uuid;

/// One vote on an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalItem {
    /// The operation's id, unique a user.
    pub op_id: Uuid,
    /// The approval.
    pub id: Uuid,
    /// When it was made.
    pub stamp: Stamp,
    /// The revision that the approver saw.
    pub revision: Revision,
    /// What it says.
    pub vote: VoteCommand,
    /// Why, at most [`COMMENT_CHARS`] characters.
    pub comment: Option<String>,
    /// Tells the same content (everything but `opId`) from other; the same in both formats.
    pub digest: u64,
}

/// What an approver does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VoteCommand {
    /// Says yes.
    Approve,
    /// Says no.
    Reject,
    /// Takes the vote back.
    Rollback,
}

impl VoteCommand {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            VoteCommand::Approve => "approve",
            VoteCommand::Reject => "reject",
            VoteCommand::Rollback => "rollback",
        }
    }
}

impl ApprovalItem {
    /// An item, with the digest of its content.
    #[must_use]
    pub fn new(
        op_id: Uuid,
        id: Uuid,
        stamp: Stamp,
        revision: Revision,
        vote: VoteCommand,
        comment: Option<String>,
    ) -> ApprovalItem {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(id.as_bytes());
        bytes.extend_from_slice(&stamp.to_bytes());
        bytes.extend_from_slice(revision.as_bytes());
        bytes.extend_from_slice(vote.as_str().as_bytes());
        bytes.push(u8::from(comment.is_some()));
        bytes.extend_from_slice(comment.as_deref().unwrap_or_default().as_bytes());
        ApprovalItem {
            op_id,
            id,
            stamp,
            revision,
            vote,
            comment,
            digest: canonical::short_digest(&bytes),
        }
    }
}

pub(super) fn item(members: &mut Members<'_>) -> Result<ApprovalItem, Fault> {
    let names = ["opId", "type", "id", "hlc", "revision", "comment"];
    let [op_id, kind, id, hlc, revision, comment] = known(members, names)?;
    let Common { op_id, id, stamp } = common(op_id, id, hlc)?;
    let vote = match kind {
        Some(Node::Text(kind)) => match kind.as_ref() {
            "approve" => VoteCommand::Approve,
            "reject" => VoteCommand::Reject,
            "rollback" => VoteCommand::Rollback,
            _ => {
                return Err(Fault::invalid(
                    "type",
                    "must be approve, reject or rollback",
                ));
            }
        },
        Some(other) => return Err(mistyped("type", "a string", other)),
        None => return Err(Fault::invalid("type", "is missing")),
    };
    let revision = match revision {
        Some(node) => node
            .text()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| {
                mistyped(
                    "revision",
                    "sha256: and 64 lower-case hexadecimal digits",
                    node,
                )
            })?,
        None => return Err(Fault::invalid("revision", "is missing")),
    };
    let comment = match comment {
        None | Some(Node::Null) => None,
        Some(node) => Some(text("comment", node, COMMENT_CHARS)?.to_owned()),
    };
    Ok(ApprovalItem::new(op_id, id, stamp, revision, vote, comment))
}
