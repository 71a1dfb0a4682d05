//! What is read: pages of a feed, single requests, lists.

use super::answer::Page;
use super::model::{Head, Status};
use super::push::check_position;
use super::service::{RequestError, RequestService};
use super::store::{self, Extent, FIRST_ENTRIES_MAX, Filter, RequestRow};
use super::view::View;
use crate::db::{DbError, Rows};
use crate::identity::{Identity, Role};
use crate::paging::{Cursor, PageQuery};
use serde::{Serialize, Serializer};
use std::sync::Arc;
use sync_core::wire::Since;
use uuid::Uuid;

/// Entries of a pull's page when the caller does not say.
pub(super) const PULL_LIMIT_DEFAULT: u32 = 500;

/// A request as it goes out.
#[derive(Debug)]
pub struct RequestRecord {
    rows: Arc<Rows>,
    index: usize,
}

impl RequestRecord {
    /// The record in the first of these rows.
    pub(super) fn single(rows: Rows) -> Self {
        Self {
            rows: Arc::new(rows),
            index: 0,
        }
    }

    pub(super) fn row(&self) -> Result<RequestRow<'_>, DbError> {
        self.rows
            .get(self.index)?
            .ok_or_else(|| DbError::Decode("a row is missing".to_owned()))
    }
}

impl Serialize for RequestRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.row()
            .and_then(|row| View::of_row(&row))
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

/// A page of a list of requests, newest first.
pub type RequestList = crate::paging::Page<RequestRecord>;

/// What a list is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct ListFilter {
    /// Any of these statuses; none means all.
    pub statuses: Vec<Status>,
    /// Created at or after, in microseconds since the Unix epoch.
    pub from_us: Option<i64>,
    /// Created before.
    pub to_us: Option<i64>,
}

impl RequestService {
    /// What changed in this user's feed behind a position. `limit` is in 1..=1000. The answer to a
    /// poll with nothing new costs a share of one indexed read.
    ///
    /// # Errors
    /// [`RequestError::ResyncRequired`] for a position this feed never gave; the database's.
    pub async fn updates(
        &self,
        who: &Identity,
        since: Since,
        limit: u32,
    ) -> Result<Page, RequestError> {
        let server_us = self.db.ids().now_us();
        let after_us = match since {
            Since::Absent | Since::Beginning => 0,
            Since::After(after_us) => after_us,
        };
        let found = self
            .pulls
            .look(who.user_id, after_us)
            .await
            .map_err(RequestError::Shared)?;
        check_position(
            matches!(since, Since::After(_)).then_some(after_us),
            found.head_us.map(|at_us| Head { at_us, clock: 0 }),
        )?;
        if found.head_us.is_none_or(|head_us| head_us <= after_us) {
            return Ok(Page::empty(server_us, after_us));
        }
        let rows = match found.entries {
            Some(first) => self.complete(who.user_id, first, limit).await?,
            None => store::page(&self.db, who.user_id, after_us, i64::from(limit) + 1).await?,
        };
        self.cut(rows, after_us, limit, server_us)
    }

    pub(super) async fn read_page(
        &self,
        user: Uuid,
        after_us: i64,
        limit: u32,
        server_us: i64,
    ) -> Result<Page, RequestError> {
        let rows = store::page(&self.db, user, after_us, i64::from(limit) + 1).await?;
        self.cut(rows, after_us, limit, server_us)
    }

    /// Adds to the first entries what `limit` asks beyond them. A record that is changed in between
    /// comes twice, as it would on the next page, and the later wins.
    async fn complete(&self, user: Uuid, first: Rows, limit: u32) -> Result<Rows, RequestError> {
        let missing = (limit as usize + 1).saturating_sub(first.len());
        let last = match first.len().checked_sub(1) {
            Some(last) if first.len() == FIRST_ENTRIES_MAX && missing > 0 => last,
            _ => return Ok(first),
        };
        let Some(last) = first.get::<Extent>(last)? else {
            return Ok(first);
        };
        let missing = i64::try_from(missing).unwrap_or(i64::MAX);
        let more = store::page(&self.db, user, last.at_us, missing).await?;
        Ok(first.followed_by(more))
    }

    /// A page of these rows, as far as `limit` and the bytes of a page allow.
    fn cut(
        &self,
        mut rows: Rows,
        after_us: i64,
        limit: u32,
        server_us: i64,
    ) -> Result<Page, RequestError> {
        let mut fitting = 0;
        let mut size_bytes = 0;
        let mut last_sync_us = after_us;
        for row in rows.decode::<Extent>().take(limit as usize) {
            if size_bytes >= self.settings.page_bytes_max {
                break;
            }
            let row = row?;
            size_bytes += row.size_bytes;
            last_sync_us = row.at_us;
            fitting += 1;
        }
        let has_more = rows.len() > fitting;
        rows.truncate(fitting);
        Ok(Page {
            has_more,
            rows,
            size_bytes,
            ..Page::empty(server_us, last_sync_us)
        })
    }

    /// A request its reader may see: its owner's own, anyone's for admins and auditors.
    ///
    /// # Errors
    /// [`RequestError::NotFound`], for another's request too; the database's.
    pub async fn find(&self, who: &Identity, id: Uuid) -> Result<RequestRecord, RequestError> {
        let rows = Arc::new(store::find(&self.db, id).await?);
        match rows.get::<RequestRow<'_>>(0)? {
            Some(row) if row.owner_id == who.user_id || reads_all(who) => {}
            _ => return Err(RequestError::NotFound),
        }
        Ok(RequestRecord { rows, index: 0 })
    }

    /// Requests that are not deleted, newest first: the reader's own, everybody's for admins and
    /// auditors.
    ///
    /// # Errors
    /// The database's.
    pub async fn list(
        &self,
        who: &Identity,
        filter: &ListFilter,
        page: &PageQuery,
    ) -> Result<RequestList, RequestError> {
        let filter = Filter {
            owner: (!reads_all(who)).then_some(who.user_id),
            statuses: filter
                .statuses
                .iter()
                .map(|status| status.as_str())
                .collect(),
            from_us: filter.from_us,
            to_us: filter.to_us,
            cursor: page.after.map(|cursor| (cursor.at_us, cursor.id)),
        };
        let rows = Arc::new(store::list(&self.db, &filter, page.rows()).await?);
        let mut records = Vec::with_capacity(rows.len());
        for (index, row) in rows.decode::<RequestRow<'_>>().enumerate() {
            let row = row?;
            let cursor = Cursor {
                at_us: row.created_us,
                id: row.id,
            };
            let rows = Arc::clone(&rows);
            records.push((RequestRecord { rows, index }, cursor));
        }
        let page = page.page(records, |(_, cursor)| *cursor);
        Ok(RequestList {
            items: page.items.into_iter().map(|(record, _)| record).collect(),
            next: page.next,
        })
    }
}

pub(super) fn reads_all(who: &Identity) -> bool {
    who.has(Role::Admin) || who.has(Role::Auditor)
}
