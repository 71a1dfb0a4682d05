//! The catalogue of the demo organisation.

use super::{CatalogError, CatalogService, NewAssignment, NewCategory, NewReason, store};
use crate::identity::Cause;
use futures_util::future::try_join_all;
use uuid::Uuid;

/// The namespace of the demo organisation's ids, which are the same at every start.
const DEMO: Uuid = Uuid::from_u128(0x2e6a_8c14_70b3_4d2f_8f51_b8a3_5c7e_9d02);

const CATEGORIES: [(&str, i32); 3] = [("Travel", 1), ("Events", 2), ("Campaigns", 3)];

/// Approvers by level.
const APPROVERS: [&[&str]; 3] = [&["l1a", "l1b"], &["l2a", "l2b"], &["l3a"]];

const REASONS: [(&str, Option<&str>); 5] = [
    ("Customer visit", Some("Travel")),
    ("Trade fair", Some("Events")),
    ("Product launch", Some("Campaigns")),
    ("Training", None),
    ("Other", None),
];

fn id(kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(&DEMO, format!("{kind} {name}").as_bytes())
}

impl CatalogService {
    /// Creates the catalogue of the demo organisation, unless it is there; `person` gives the id of
    /// `l1a` and the others, of whom the user service's events must tell. All of it is made as an
    /// admin would make it.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] when the people do not become known within a second; the
    /// database's.
    pub async fn create_demo(&self, person: impl Fn(&str) -> Uuid) -> Result<(), CatalogError> {
        // What is there is left as it is: an admin may have changed it since.
        let mut categories = Vec::new();
        let mut assignments = Vec::new();
        for (name, levels) in CATEGORIES {
            let category_id = id("category", name);
            if store::find_category(&self.db, category_id).await?.is_none() {
                categories.push(self.make_category(
                    NewCategory {
                        id: Some(category_id),
                        name: name.to_owned(),
                        levels,
                        active: true,
                    },
                    Cause::default(),
                ));
            }
            for (level, approvers) in (1..=levels).zip(APPROVERS) {
                if store::find_assignment_at(&self.db, (category_id, level))
                    .await?
                    .is_none()
                {
                    let new = NewAssignment {
                        id: Some(id("assignment", &format!("{name} {level}"))),
                        category_id,
                        level,
                        approver_ids: approvers.iter().map(|name| person(name)).collect(),
                        quorum: 1,
                    };
                    assignments.push(self.make_assignment(new, None, Cause::default()));
                }
            }
        }
        let mut reasons = Vec::new();
        for (text, category) in REASONS {
            let reason_id = id("reason", text);
            if store::find_reason(&self.db, reason_id).await?.is_none() {
                reasons.push(self.make_reason(
                    NewReason {
                        id: Some(reason_id),
                        text: text.to_owned(),
                        category_id: category.map(|name| id("category", name)),
                        active: true,
                    },
                    Cause::default(),
                ));
            }
        }
        try_join_all(categories).await?;
        try_join_all(reasons).await?;
        try_join_all(assignments).await?;
        Ok(())
    }
}
