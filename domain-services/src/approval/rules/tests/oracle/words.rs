//! The oracle's own words, plain numbers all of them.

/// A person by number; whose names the stories know.
pub(in super::super) type Person = u8;

/// Microseconds since the Unix epoch.
pub(in super::super) type Moment = i64;

/// One level of a chain.
#[derive(Debug, Clone)]
pub(in super::super) struct Seats {
    pub(in super::super) approvers: Vec<Person>,
    pub(in super::super) quorum: u8,
}

/// A request's chain and the times that were pinned with it.
#[derive(Debug, Clone)]
pub(in super::super) struct Chain {
    pub(in super::super) owner: Person,
    pub(in super::super) levels: Vec<Seats>,
    pub(in super::super) window_us: i64,
    pub(in super::super) grace_us: i64,
}

/// What an approver does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Says {
    Approve,
    Reject,
    Rollback,
}

/// Milliseconds, counter, node: ordered like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Stamp {
    pub(in super::super) ms: u64,
    pub(in super::super) counter: u16,
    pub(in super::super) node: u64,
}

/// One item of a phone's batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Command {
    /// Unique a person, unless somebody errs.
    pub(in super::super) op: u32,
    pub(in super::super) person: Person,
    /// From 1; 0 is an approval that nobody here has heard of.
    pub(in super::super) level: u8,
    pub(in super::super) says: Says,
    pub(in super::super) comment: Option<&'static str>,
    pub(in super::super) stamp: Stamp,
    /// Whether it is about another revision than the one that was submitted.
    pub(in super::super) stale: bool,
}

impl Command {
    pub(super) fn vote(&self) -> Option<Says> {
        (self.says != Says::Rollback).then_some(self.says)
    }

    /// Rule 1 of the levels.
    pub(super) fn outranks(&self, other: &Command) -> bool {
        if self.stamp != other.stamp {
            return self.stamp > other.stamp;
        }
        let bytes = |command: &Command| {
            let vote = match command.says {
                Says::Approve => Some("approve"),
                Says::Reject => Some("reject"),
                Says::Rollback => None,
            };
            serde_json::json!({ "comment": command.comment, "vote": vote }).to_string()
        };
        bytes(self) > bytes(other)
    }

    pub(super) fn repeats(&self, other: &Command) -> bool {
        (self.stamp, self.says, self.comment) == (other.stamp, other.says, other.comment)
    }
}

/// The verdict on a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Answer {
    Applied,
    Merged,
    Duplicate,
    Refused(&'static str),
    /// For an earlier operation.
    WaitsBehind(u32),
    /// For the approval.
    WaitsForApproval,
}

impl Answer {
    /// Whether the same command may get another answer next time.
    pub(in super::super) fn is_for_now(self) -> bool {
        matches!(
            self,
            Self::WaitsBehind(_) | Self::WaitsForApproval | Self::Refused("clock_ahead")
        )
    }
}
