//! A request as it goes out, borrowed from a row or from a decided record.

use super::model::Stored;
use super::store::RequestRow;
use crate::db::DbError;
use crate::time::Time;
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};
use sync_core::field::Field;
use sync_core::hlc::Stamp;
use sync_core::value::{Money, Value};
use uuid::Uuid;

/// An amount, as money goes over the wire.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
enum Amount<'a> {
    Row { minor: i64, currency: &'a str },
    Money(Money),
}

/// The wire's request record.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) id: Uuid,
    owner_id: Uuid,
    title: Option<&'a str>,
    amount: Option<Amount<'a>>,
    category_id: Option<Uuid>,
    reason_id: Option<Uuid>,
    department_id: Option<Uuid>,
    region: Option<&'a str>,
    needed_by: Option<NeededBy<'a>>,
    justification: Option<&'a str>,
    heads: Vec<Stamp>,
    status: &'a str,
    revision: Option<&'a [u8]>,
    stamps: [Option<Stamp>; 8],
    deleted: bool,
    created_us: i64,
    at_us: i64,
    submitted_us: Option<i64>,
    final_us: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
enum NeededBy<'a> {
    Text(&'a str),
    Date(&'a sync_core::value::Date),
}

impl Serialize for NeededBy<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Date(date) => serializer.collect_str(date),
        }
    }
}

impl<'a> View<'a> {
    pub(super) fn of_row(row: &RequestRow<'a>) -> Result<Self, DbError> {
        let mut stamps = row.stamps()?;
        let heads = row.heads(&stamps)?;
        stamps[Field::Justification.index()] = heads.last().copied();
        Ok(Self {
            id: row.id,
            owner_id: row.owner_id,
            title: row.title,
            amount: row
                .amount_minor
                .zip(row.currency)
                .map(|(minor, currency)| Amount::Row { minor, currency }),
            category_id: row.category_id,
            reason_id: row.reason_id,
            department_id: row.department_id,
            region: row.region,
            needed_by: row.needed_by.map(NeededBy::Text),
            justification: row.justification,
            heads,
            status: row.status,
            revision: row.revision,
            stamps,
            deleted: row.tombstone.is_some(),
            created_us: row.created_us,
            at_us: row.at_us,
            submitted_us: row.submitted_us,
            final_us: row.final_us,
        })
    }

    pub(super) fn of_stored(stored: &'a Stored) -> Self {
        Self {
            id: stored.id,
            owner_id: stored.owner_id,
            title: stored.text(Field::Title),
            amount: stored.money().map(Amount::Money),
            category_id: stored.reference(Field::CategoryId),
            reason_id: stored.reference(Field::ReasonId),
            department_id: stored.reference(Field::DepartmentId),
            region: stored.text(Field::Region),
            needed_by: match stored.value(Field::NeededBy) {
                Some(Value::Date(date)) => Some(NeededBy::Date(date)),
                _ => None,
            },
            justification: stored.record.text().value(),
            heads: stored.record.text().heads(),
            status: stored.status.as_str(),
            revision: stored
                .revision
                .as_ref()
                .map(|revision| &revision.as_bytes()[..]),
            stamps: Field::ALL.map(|field| stored.record.stamp(field)),
            deleted: stored.is_deleted(),
            created_us: stored.created_us,
            at_us: stored.at_us,
            submitted_us: stored.submitted_us,
            final_us: stored.final_us,
        }
    }
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_struct("Request", 20)?;
        record.serialize_field("id", &self.id)?;
        record.serialize_field("ownerId", &self.owner_id)?;
        record.serialize_field("title", &self.title)?;
        record.serialize_field("amount", &self.amount)?;
        record.serialize_field("categoryId", &self.category_id)?;
        record.serialize_field("reasonId", &self.reason_id)?;
        record.serialize_field("departmentId", &self.department_id)?;
        record.serialize_field("region", &self.region)?;
        record.serialize_field("neededBy", &self.needed_by)?;
        record.serialize_field("justification", &self.justification)?;
        record.serialize_field("justificationHeads", &self.heads)?;
        record.serialize_field("status", self.status)?;
        record.serialize_field("final", &self.final_us.is_some())?;
        record.serialize_field("finalAt", &self.final_us.map(Time))?;
        record.serialize_field("revision", &self.revision.map(Digest))?;
        record.serialize_field("stamps", &Stamps(&self.stamps))?;
        record.serialize_field("deleted", &self.deleted)?;
        record.serialize_field("createdAt", &Time(self.created_us))?;
        record.serialize_field("updatedAt", &Time(self.at_us))?;
        record.serialize_field("submittedAt", &self.submitted_us.map(Time))?;
        record.end()
    }
}

/// The stamps of the fields ever written, by name.
struct Stamps<'a>(&'a [Option<Stamp>; 8]);

impl Serialize for Stamps<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = self.0.iter().flatten().count();
        let mut map = serializer.serialize_map(Some(written))?;
        for (field, stamp) in Field::ALL.into_iter().zip(self.0) {
            if let Some(stamp) = stamp {
                map.serialize_entry(field.name(), stamp)?;
            }
        }
        map.end()
    }
}

/// `sha256:` and lower-case hexadecimal.
struct Digest<'a>(&'a [u8]);

impl Serialize for Digest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("sha256:{self}"))
    }
}

impl std::fmt::Display for Digest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
