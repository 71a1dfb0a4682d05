//! What is read: pages of a feed, single requests, lists.

use super::answer::Page;
use super::model::{Head, Status};
use super::push::check_position;
use super::service::{RequestError, RequestService};
use super::store::{self, Filter, RequestRow};
use super::view::View;
use crate::db::{DbError, Rows};
use crate::identity::{Identity, Role};
use crate::paging::{Cursor, PageQuery};
use serde::{Serialize, Serializer};
use std::collections::HashSet;
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
        let head = self
            .heads
            .of(who.user_id)
            .await
            .map_err(RequestError::Shared)?;
        check_position(
            matches!(since, Since::After(_)).then_some(after_us),
            head.map(|at_us| Head { at_us, clock: 0 }),
        )?;
        if head.is_none_or(|head_us| head_us <= after_us) {
            return Ok(Page {
                server_us,
                last_sync_us: after_us,
                has_more: false,
                rows: Rows::default(),
                left_out: HashSet::new(),
            });
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
    ) -> Result<Page, RequestError> {
        let mut rows = store::page(&self.db, user, after_us, i64::from(limit) + 1).await?;
        let mut fitting = 0;
        let mut bytes = 0;
        let mut last_sync_us = after_us;
        for row in rows.decode::<RequestRow<'_>>().take(limit as usize) {
            if bytes >= self.settings.page_bytes_max {
                break;
            }
            let row = row?;
            bytes += row.size_bytes();
            last_sync_us = row.at_us;
            fitting += 1;
        }
        let has_more = rows.len() > fitting;
        rows.truncate(fitting);
        Ok(Page {
            server_us,
            last_sync_us,
            has_more,
            rows,
            left_out: HashSet::new(),
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
