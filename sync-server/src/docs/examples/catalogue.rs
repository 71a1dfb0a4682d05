//! Categories, reasons and assignments.

use super::{L1A, L1B, OTHER, TRAVEL, page};
use serde_json::{Value, json};

pub(super) fn all() -> Vec<(&'static str, Value)> {
    let category =
        json!({"id": TRAVEL, "name": "Travel", "levels": 1, "active": true, "version": 1});
    let reason =
        json!({"id": OTHER, "text": "Other", "categoryId": null, "active": true, "version": 1});
    let assignment = json!({
        "id": "dba81efb-80f8-567b-8fd3-2751ed75ad4a", "categoryId": TRAVEL, "level": 1,
        "approverIds": [L1A, L1B], "quorum": 1, "version": 1,
    });
    vec![
        ("Category", category.clone()),
        ("CategoryPage", page(&category)),
        (
            "NewCategory",
            json!({"name": "Training", "levels": 2, "active": true}),
        ),
        ("Reason", reason.clone()),
        ("ReasonPage", page(&reason)),
        (
            "NewReason",
            json!({"text": "Visit of a partner", "categoryId": TRAVEL, "active": true}),
        ),
        ("Assignment", assignment.clone()),
        ("AssignmentPage", page(&assignment)),
        (
            "NewAssignment",
            json!({"categoryId": TRAVEL, "level": 1, "approverIds": [L1A, L1B], "quorum": 2}),
        ),
    ]
}
