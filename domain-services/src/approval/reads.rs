//! What is read: pages of a feed, what waits for a vote, what was voted on.

use super::answer::{ApprovalPage, Read};
use super::rules::{Case, Level};
use super::service::{ApprovalError, ApprovalService};
use super::store::{self, ApprovalRow};
use super::view::View;
use crate::db::DbError;
use crate::identity::Identity;
use crate::paging::{Cursor, PageQuery};
use crate::time::Time;
use serde::ser::{Error as _, SerializeStruct};
use serde::{Serialize, Serializer};
use std::collections::HashSet;
use sync_core::votes::Vote;
use sync_core::wire::Since;
use uuid::Uuid;

/// An approval as one of its approvers reads it.
#[derive(Debug)]
pub struct ApprovalRecord {
    row: ApprovalRow,
    /// As of the moment of the read.
    case: Case,
    reader: Uuid,
}

impl Serialize for ApprovalRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let content = self.row.content().map_err(S::Error::custom)?;
        let level = self.level().ok_or_else(Read::missing)?;
        let view = View {
            case: &self.case,
            level,
            papers: self.row.papers(&content),
        };
        let mut record = serializer.serialize_struct("Approval", View::MEMBERS + 2)?;
        view.members(&mut record)?;
        let my_vote: Option<Vote> = view.level.vote_of(self.reader);
        record.serialize_field("myVote", &my_vote)?;
        record.serialize_field("actedAt", &self.row.acted_us.map(Time))?;
        record.end()
    }
}

impl ApprovalRecord {
    fn level(&self) -> Option<&Level> {
        let number = u8::try_from(self.row.level).ok()?;
        self.case.level(number)
    }
}

/// A page of approvals.
#[derive(Debug, Serialize)]
pub struct ApprovalList {
    /// The approvals, newest first.
    pub items: Vec<ApprovalRecord>,
    /// The cursor of the next page, or `None` at the end.
    pub next: Option<String>,
}

impl ApprovalService {
    /// What changed in this approver's feed behind a position. `limit` is in 1..=1000.
    ///
    /// # Errors
    /// [`ApprovalError::ResyncRequired`] for a position this feed never gave; the database's.
    pub async fn updates(
        &self,
        who: &Identity,
        since: Since,
        limit: u32,
    ) -> Result<ApprovalPage, ApprovalError> {
        let server_us = self.db.ids().now_us();
        let after_us = match since {
            Since::Absent | Since::Beginning => 0,
            Since::After(after_us) => after_us,
        };
        let heads = store::heads(&self.db, vec![who.user_id]).await?;
        let head_us = heads.get(&who.user_id).copied().unwrap_or(0);
        if after_us > head_us {
            return Err(ApprovalError::ResyncRequired);
        }
        if head_us == after_us {
            return Ok(ApprovalPage::empty(server_us, after_us));
        }
        self.read_page(who.user_id, after_us, limit, server_us)
            .await
    }

    pub(super) async fn read_page(
        &self,
        user: Uuid,
        after_us: i64,
        limit: u32,
        server_us: i64,
    ) -> Result<ApprovalPage, ApprovalError> {
        let mut rows = store::page(&self.db, user, after_us, i64::from(limit) + 1).await?;
        let found = rows.len();
        let mut bytes = 0;
        let fitting = rows
            .iter()
            .take(limit as usize)
            .take_while(|row| {
                let fits = bytes < self.settings.page_bytes_max;
                bytes += row.size_bytes();
                fits
            })
            .count();
        rows.truncate(fitting);
        Ok(ApprovalPage {
            server_us,
            last_sync_us: rows.last().map_or(after_us, |row| row.at_us),
            has_more: found > fitting,
            rows,
            left_out: HashSet::new(),
        })
    }

    /// What waits for this approver's vote, the last opened first.
    ///
    /// # Errors
    /// The database's.
    pub async fn incoming(
        &self,
        who: &Identity,
        page: &PageQuery,
    ) -> Result<ApprovalList, ApprovalError> {
        let rows = store::waiting(&self.db, who.user_id, page.before(), page.rows()).await?;
        let now_us = self.db.ids().now_us();
        let page = page.page(rows, |row| Cursor {
            at_us: row.opened_us,
            id: row.approval_id,
        });
        let mut list = list(page.items, page.next, who.user_id, now_us)?;
        // A vote of one's own on another level, or a seal by age, is not told to every entry.
        list.items.retain(|record| {
            let level = record.level();
            level.is_some_and(|level| record.case.awaits(level, who.user_id))
        });
        Ok(list)
    }

    /// What this approver has voted on, the last vote first.
    ///
    /// # Errors
    /// The database's.
    pub async fn history(
        &self,
        who: &Identity,
        page: &PageQuery,
    ) -> Result<ApprovalList, ApprovalError> {
        let rows = store::acted(&self.db, who.user_id, page.before(), page.rows()).await?;
        let now_us = self.db.ids().now_us();
        let page = page.page(rows, |row| Cursor {
            at_us: row.acted_us.unwrap_or_default(),
            id: row.approval_id,
        });
        Ok(list(page.items, page.next, who.user_id, now_us)?)
    }
}

fn list(
    rows: Vec<ApprovalRow>,
    next: Option<String>,
    reader: Uuid,
    now_us: i64,
) -> Result<ApprovalList, DbError> {
    let record = |row: ApprovalRow| {
        Ok(ApprovalRecord {
            case: row.case()?.seen_at(row.read_us.unwrap_or(now_us)),
            row,
            reader,
        })
    };
    let items: Result<_, DbError> = rows.into_iter().map(record).collect();
    Ok(ApprovalList {
        items: items?,
        next,
    })
}
