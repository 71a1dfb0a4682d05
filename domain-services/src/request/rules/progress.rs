//! What the news of its levels means for a request: pure. The approval service alone decides levels,
//! the request service alone a request's fate, so news of a withdrawn or final request is moot.

use super::super::model::Status;
use crate::events::{self, Outcome};
use sync_core::canonical::Revision;
use uuid::Uuid;

/// The part of a request that the news of its levels moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::request) struct Progress {
    pub(in crate::request) id: Uuid,
    pub(in crate::request) owner_id: Uuid,
    pub(in crate::request) status: Status,
    pub(in crate::request) revision: Revision,
    /// Levels of its chain.
    pub(in crate::request) levels: u8,
    /// The version of the last news taken.
    pub(in crate::request) news: i64,
    /// The highest level that is sealed.
    pub(in crate::request) sealed_level: u8,
    pub(in crate::request) stalled: bool,
    pub(in crate::request) finalized: Option<Outcome>,
    pub(in crate::request) final_us: Option<i64>,
    /// The trace of the vote by which its last decided level came to what it is.
    pub(in crate::request) decided_trace: Option<String>,
}

/// Something that happened to a level.
#[derive(Debug, Clone, Copy)]
pub(in crate::request) struct LevelNews<'a> {
    pub(in crate::request) kind: &'a str,
    pub(in crate::request) version: i64,
    pub(in crate::request) level: u8,
    /// Of a seal: whether the chain has nothing more to decide, and what it decided.
    pub(in crate::request) decided: Option<Outcome>,
    /// The trace of what caused it.
    pub(in crate::request) traceparent: Option<&'a str>,
}

impl Progress {
    /// Takes one piece of news; true where the request must move in its owner's feed: its record has
    /// changed, or something that a push is judged by (a push compares the head, so what it read must
    /// not change under the same head).
    pub(in crate::request) fn take(&mut self, news: LevelNews<'_>) -> bool {
        if news.version < self.news {
            return false;
        }
        self.news = news.version;
        if self.status == Status::Withdrawn || self.final_us.is_some() || self.finalized.is_some() {
            return false;
        }
        let before = (self.status, self.sealed_level, self.stalled);
        match news.kind {
            events::LEVEL_APPROVED | events::LEVEL_REJECTED => {
                self.decided_trace = news.traceparent.map(str::to_owned);
            }
            events::LEVEL_REOPENED => self.decided_trace = None,
            _ => {}
        }
        match news.kind {
            events::LEVEL_APPROVED if news.level < self.levels => {
                self.status = pending(news.level.saturating_add(1));
            }
            events::LEVEL_APPROVED => self.status = Status::Approved,
            events::LEVEL_REJECTED => self.status = Status::Rejected,
            events::LEVEL_REOPENED => self.status = pending(news.level),
            events::LEVEL_SEALED => {
                self.sealed_level = self.sealed_level.max(news.level);
                self.finalized = news.decided;
            }
            events::CHAIN_STALLED => self.stalled = true,
            events::CHAIN_RESTORED => self.stalled = false,
            _ => {}
        }
        before != (self.status, self.sealed_level, self.stalled) || self.finalized.is_some()
    }
}

fn pending(level: u8) -> Status {
    match level {
        0 | 1 => Status::PendingL1,
        2 => Status::PendingL2,
        _ => Status::PendingL3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(levels: u8) -> Progress {
        Progress {
            id: Uuid::nil(),
            owner_id: Uuid::nil(),
            status: Status::PendingL1,
            revision: Revision([0; 32]),
            levels,
            news: 1,
            sealed_level: 0,
            stalled: false,
            finalized: None,
            final_us: None,
            decided_trace: None,
        }
    }

    fn news(kind: &str, version: i64, level: u8) -> LevelNews<'_> {
        LevelNews {
            kind,
            version,
            level,
            decided: None,
            traceparent: None,
        }
    }

    #[test]
    fn the_status_follows_the_levels_up_and_down_again() {
        let mut request = request(3);
        assert!(request.take(news(events::LEVEL_APPROVED, 2, 1)));
        assert_eq!(request.status, Status::PendingL2);
        assert!(request.take(news(events::LEVEL_REOPENED, 3, 1)));
        assert_eq!(request.status, Status::PendingL1);
        assert!(request.take(news(events::LEVEL_REJECTED, 4, 1)));
        assert_eq!(request.status, Status::Rejected);
        assert!(request.take(news(events::LEVEL_REOPENED, 5, 1)));
        assert!(request.take(news(events::LEVEL_APPROVED, 6, 1)));
        assert!(request.take(news(events::LEVEL_APPROVED, 7, 2)));
        assert!(request.take(news(events::LEVEL_APPROVED, 8, 3)));
        assert_eq!(request.status, Status::Approved);
        assert_eq!(request.finalized, None, "approved is not final");
    }

    #[test]
    fn only_the_seal_that_ends_the_chain_is_final() {
        let mut request = request(2);
        request.take(news(events::LEVEL_APPROVED, 2, 1));
        assert!(request.take(news(events::LEVEL_SEALED, 3, 1)));
        assert_eq!((request.sealed_level, request.finalized), (1, None));
        request.take(news(events::LEVEL_APPROVED, 3, 2));
        let last = LevelNews {
            decided: Some(Outcome::Approved),
            ..news(events::LEVEL_SEALED, 4, 2)
        };
        assert!(request.take(last));
        assert_eq!(request.finalized, Some(Outcome::Approved));
        assert!(
            !request.take(news(events::LEVEL_REOPENED, 5, 2)),
            "final is final"
        );
    }

    #[test]
    fn the_end_leads_back_to_the_vote_that_decided() {
        let mut request = request(1);
        let traced = |kind, version, traceparent| LevelNews {
            traceparent: Some(traceparent),
            ..news(kind, version, 1)
        };
        request.take(traced(events::LEVEL_REJECTED, 2, "first"));
        request.take(traced(events::LEVEL_REOPENED, 3, "back"));
        assert_eq!(request.decided_trace, None, "taken back");
        request.take(traced(events::LEVEL_APPROVED, 4, "second"));
        let seal = LevelNews {
            decided: Some(Outcome::Approved),
            ..traced(events::LEVEL_SEALED, 5, "somebody who came by")
        };
        assert!(request.take(seal));
        assert_eq!(request.decided_trace.as_deref(), Some("second"));
    }

    #[test]
    fn news_of_a_withdrawn_request_and_old_news_are_moot() {
        let mut withdrawn = request(1);
        withdrawn.status = Status::Withdrawn;
        let seal = LevelNews {
            decided: Some(Outcome::Approved),
            ..news(events::LEVEL_SEALED, 9, 1)
        };
        assert!(!withdrawn.take(seal));
        assert_eq!(withdrawn.finalized, None);
        let mut request = request(1);
        request.news = 5;
        assert!(!request.take(news(events::LEVEL_APPROVED, 4, 1)));
        assert_eq!(request.status, Status::PendingL1);
    }
}
