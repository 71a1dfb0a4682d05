//! Use cases of assignments: who approves a level of a category.

use super::model::check_version;
use super::reasons::check_category_exists;
use super::service::announce;
use super::{CatalogError, CatalogService, NewAssignment, rules, store};
use crate::collection::{self, CollectionVersion};
use crate::db::{DbError, Tx};
use crate::events::{ASSIGNMENT_CHANGED, Assignment};
use crate::identity::{Acting, Cause, Role};
use crate::paging::{Page, PageQuery};
use std::time::Duration;

/// How long to wait for the event of a person who was created, or made an approver, a moment ago,
/// before what is known counts.
const PEOPLE_WAIT: Duration = Duration::from_secs(1);
const PEOPLE_LOOK_EVERY: Duration = Duration::from_millis(5);

impl CatalogService {
    /// The version of the list of assignments, for its `ETag`.
    ///
    /// # Errors
    /// The database's.
    pub async fn assignments_version(&self) -> Result<CollectionVersion, CatalogError> {
        Ok(collection::version(&self.db, store::ASSIGNMENTS).await?)
    }

    /// Assignments, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn assignments(&self, page: PageQuery) -> Result<Page<Assignment>, CatalogError> {
        Ok(store::list_assignments(&self.db, page).await?)
    }

    /// Names the approvers of a category's level in place of those named before, if the assignment
    /// is at version `expected` (any, when `None`); for admins.
    ///
    /// # Errors
    /// [`CatalogError::Forbidden`]; [`CatalogError::Invalid`] for a quorum above the number of
    /// approvers or of those among them who can vote, an unknown person or category;
    /// [`CatalogError::IdTaken`];
    /// [`CatalogError::PreconditionFailed`].
    pub async fn replace_assignment(
        &self,
        who: impl Into<Acting<'_>>,
        new: NewAssignment,
        expected: Option<i64>,
    ) -> Result<Assignment, CatalogError> {
        let acting = who.into();
        acting.who.require_any(&[Role::Admin])?;
        self.make_assignment(new, expected, acting.cause()).await
    }

    pub(super) async fn make_assignment(
        &self,
        new: NewAssignment,
        expected: Option<i64>,
        cause: Cause,
    ) -> Result<Assignment, CatalogError> {
        rules::check_assignment(&new)?;
        self.check_people(&new).await?;
        let assignment = Assignment {
            id: new.id.unwrap_or_else(|| self.db.ids().uuid_v7()),
            category_id: new.category_id,
            level: new.level,
            approver_ids: new.approver_ids,
            quorum: new.quorum,
            version: 1,
        };
        self.write(move |tx| {
            let (assignment, cause) = (assignment.clone(), cause.clone());
            Box::pin(async move { replace(tx, assignment, expected, &cause).await })
        })
        .await
    }

    /// Refuses people of whom no event has told, and too few who can vote.
    async fn check_people(&self, new: &NewAssignment) -> Result<(), CatalogError> {
        let look = async {
            loop {
                let people = store::find_people(&self.db, &new.approver_ids).await?;
                if rules::check_people(new, &people).is_ok() {
                    return Ok::<(), DbError>(());
                }
                tokio::time::sleep(PEOPLE_LOOK_EVERY).await;
            }
        };
        if let Ok(found) = tokio::time::timeout(PEOPLE_WAIT, look).await {
            return Ok(found?);
        }
        let people = store::find_people(&self.db, &new.approver_ids).await?;
        Ok(rules::check_people(new, &people)?)
    }
}

async fn replace(
    tx: &mut Tx,
    mut assignment: Assignment,
    expected: Option<i64>,
    cause: &Cause,
) -> Result<Assignment, CatalogError> {
    let now_us = collection::bump(tx, store::ASSIGNMENTS).await?;
    check_category_exists(tx, Some(assignment.category_id)).await?;
    let place = (assignment.category_id, assignment.level);
    match store::find_assignment_at(&mut *tx, place).await? {
        Some(there) => {
            check_version(expected, there.version)?;
            assignment.id = there.id;
            assignment.version = there.version;
            if assignment == there {
                return Ok(there);
            }
            assignment.version = there.version + 1;
            store::update_assignment(tx, &assignment, now_us).await?;
        }
        None if expected.is_some() => return Err(CatalogError::PreconditionFailed { version: 0 }),
        None if store::has_assignment(&mut *tx, assignment.id).await? => {
            return Err(CatalogError::IdTaken);
        }
        None => store::insert_assignment(tx, &assignment, now_us).await?,
    }
    let key = (assignment.id, assignment.version);
    announce(tx, now_us, cause, ASSIGNMENT_CHANGED, key, &assignment).await?;
    Ok(assignment)
}
