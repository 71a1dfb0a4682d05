//! A row of `request` and the packed form of its stamps.

use super::super::model::{Status, Stored};
use crate::db::DbError;
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use sync_core::canonical::Revision;
use sync_core::field::Field;
use sync_core::hlc::Stamp;
use sync_core::record::{Record, Register};
use sync_core::text::Text;
use sync_core::value::{Currency, Date, Money, Value};
use uuid::Uuid;

/// The columns of [`RequestRow`], in its order. A macro, so that statements stay static text.
macro_rules! columns {
    () => {
        "r.id, r.owner_id, r.at_us, r.created_us, r.title, r.amount_minor, r.currency, r.category_id, r.reason_id, r.department_id, r.region, r.needed_by, r.justification, r.stamps, r.text_state, r.tombstone, r.status, r.revision, r.submitted_us, r.final_us"
    };
}
/// What only the rules ask for, after [`columns`].
macro_rules! ruling_columns {
    () => {
        "r.chain, r.last_op, r.last_digest, r.sealed_level, r.stalled"
    };
}
pub(super) use {columns, ruling_columns};

/// How many columns [`columns`] names.
pub(super) const COLUMNS: usize = 20;

/// What a record takes on the wire beside its texts: one with some of its fields.
const RECORD_BYTES: usize = 800;

/// A request as a reader sees it.
#[derive(Debug, Clone, Copy)]
pub(in crate::request) struct RequestRow<'r> {
    pub(in crate::request) id: Uuid,
    pub(in crate::request) owner_id: Uuid,
    pub(in crate::request) at_us: i64,
    pub(in crate::request) created_us: i64,
    pub(in crate::request) title: Option<&'r str>,
    pub(in crate::request) amount_minor: Option<i64>,
    pub(in crate::request) currency: Option<&'r str>,
    pub(in crate::request) category_id: Option<Uuid>,
    pub(in crate::request) reason_id: Option<Uuid>,
    pub(in crate::request) department_id: Option<Uuid>,
    pub(in crate::request) region: Option<&'r str>,
    pub(in crate::request) needed_by: Option<&'r str>,
    pub(in crate::request) justification: Option<&'r str>,
    pub(in crate::request) stamps: &'r [u8],
    pub(in crate::request) text_state: Option<&'r [u8]>,
    pub(in crate::request) tombstone: Option<&'r [u8]>,
    pub(in crate::request) status: &'r str,
    pub(in crate::request) revision: Option<&'r [u8]>,
    pub(in crate::request) submitted_us: Option<i64>,
    pub(in crate::request) final_us: Option<i64>,
}

/// How far a page reaches with a row, without the rest of it.
#[derive(Debug, Clone, Copy)]
pub(in crate::request) struct Extent {
    pub(in crate::request) at_us: i64,
    /// Roughly what the record takes on the wire.
    pub(in crate::request) size_bytes: usize,
}

impl<'r, R> FromRow<'r, R> for Extent
where
    R: Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    &'r str: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let title: Option<&str> = row.try_get_unchecked(4)?;
        let justification: Option<&str> = row.try_get_unchecked(12)?;
        let texts = title.map_or(0, str::len) + justification.map_or(0, str::len);
        Ok(Self {
            at_us: row.try_get_unchecked(2)?,
            size_bytes: RECORD_BYTES + texts,
        })
    }
}

/// Columns are read by position and without comparing their types with Rust's: both are the same in
/// every row of a page, and looking them up again for each costs more than decoding them.
impl<'r, R> FromRow<'r, R> for RequestRow<'r>
where
    R: Row,
    usize: ColumnIndex<R>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    &'r str: Decode<'r, R::Database> + Type<R::Database>,
    &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Self::from_columns(row, 0)
    }
}

impl<'r> RequestRow<'r> {
    pub(super) fn from_columns<R>(row: &'r R, from: usize) -> Result<Self, sqlx::Error>
    where
        R: Row,
        usize: ColumnIndex<R>,
        Uuid: Decode<'r, R::Database> + Type<R::Database>,
        i64: Decode<'r, R::Database> + Type<R::Database>,
        &'r str: Decode<'r, R::Database> + Type<R::Database>,
        &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
    {
        Ok(Self {
            id: row.try_get_unchecked(from)?,
            owner_id: row.try_get_unchecked(from + 1)?,
            at_us: row.try_get_unchecked(from + 2)?,
            created_us: row.try_get_unchecked(from + 3)?,
            title: row.try_get_unchecked(from + 4)?,
            amount_minor: row.try_get_unchecked(from + 5)?,
            currency: row.try_get_unchecked(from + 6)?,
            category_id: row.try_get_unchecked(from + 7)?,
            reason_id: row.try_get_unchecked(from + 8)?,
            department_id: row.try_get_unchecked(from + 9)?,
            region: row.try_get_unchecked(from + 10)?,
            needed_by: row.try_get_unchecked(from + 11)?,
            justification: row.try_get_unchecked(from + 12)?,
            stamps: row.try_get_unchecked(from + 13)?,
            text_state: row.try_get_unchecked(from + 14)?,
            tombstone: row.try_get_unchecked(from + 15)?,
            status: row.try_get_unchecked(from + 16)?,
            revision: row.try_get_unchecked(from + 17)?,
            submitted_us: row.try_get_unchecked(from + 18)?,
            final_us: row.try_get_unchecked(from + 19)?,
        })
    }

    fn text(&self, root: Option<Stamp>) -> Result<Text, DbError> {
        match (self.text_state, root) {
            (Some(state), _) => Text::from_state(state).map_err(|error| self.broken(&error)),
            (None, Some(root)) => Ok(Text::start(root, self.justification.map(str::to_owned))),
            (None, None) => Ok(Text::default()),
        }
    }

    /// The stamps of the eight fields; of the text, its start.
    pub(in crate::request) fn stamps(&self) -> Result<[Option<Stamp>; 8], DbError> {
        unpack(self.stamps).ok_or_else(|| self.broken(&"stamps"))
    }

    /// The stamps of the shown text's heads.
    pub(in crate::request) fn heads(
        &self,
        stamps: &[Option<Stamp>; 8],
    ) -> Result<Vec<Stamp>, DbError> {
        let root = stamps[Field::Justification.index()];
        if self.text_state.is_none() {
            return Ok(root.into_iter().collect());
        }
        Ok(self.text(root)?.heads())
    }

    fn broken(&self, what: &dyn std::fmt::Display) -> DbError {
        DbError::Decode(format!("request {}: {what}", self.id))
    }

    fn value(&self, field: Field) -> Result<Option<Value>, DbError> {
        let text = |text: Option<&str>| text.map(|text| Value::Text(text.into()));
        Ok(match field {
            Field::Title => text(self.title),
            Field::Region => text(self.region),
            Field::CategoryId => self.category_id.map(Value::Id),
            Field::ReasonId => self.reason_id.map(Value::Id),
            Field::DepartmentId => self.department_id.map(Value::Id),
            Field::NeededBy => match self.needed_by {
                Some(date) => Some(Value::Date(
                    date.parse::<Date>().map_err(|error| self.broken(&error))?,
                )),
                None => None,
            },
            Field::Amount => match (self.amount_minor, self.currency) {
                (Some(minor), Some(currency)) => {
                    let currency: Currency =
                        currency.parse().map_err(|error| self.broken(&error))?;
                    Some(Value::Money(
                        Money::new(minor, currency).ok_or_else(|| self.broken(&minor))?,
                    ))
                }
                _ => None,
            },
            Field::Justification => None,
        })
    }
}

/// A row with what the rules ask for.
#[derive(Debug)]
pub(super) struct RulingRow<'r> {
    row: RequestRow<'r>,
    chain: Option<&'r str>,
    last_op: Option<Uuid>,
    last_digest: Option<i64>,
    sealed_level: i64,
    stalled: bool,
}

impl<'r> RulingRow<'r> {
    pub(super) fn from_columns<R>(row: &'r R, from: usize) -> Result<Self, sqlx::Error>
    where
        R: Row,
        usize: ColumnIndex<R>,
        Uuid: Decode<'r, R::Database> + Type<R::Database>,
        i64: Decode<'r, R::Database> + Type<R::Database>,
        &'r str: Decode<'r, R::Database> + Type<R::Database>,
        &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
        bool: Decode<'r, R::Database> + Type<R::Database>,
    {
        Ok(Self {
            row: RequestRow::from_columns(row, from)?,
            chain: row.try_get_unchecked(from + COLUMNS)?,
            last_op: row.try_get_unchecked(from + COLUMNS + 1)?,
            last_digest: row.try_get_unchecked(from + COLUMNS + 2)?,
            sealed_level: row.try_get_unchecked(from + COLUMNS + 3)?,
            stalled: row.try_get_unchecked(from + COLUMNS + 4)?,
        })
    }

    pub(super) fn into_stored(self) -> Result<Stored, DbError> {
        let row = self.row;
        let stamps = row.stamps()?;
        let mut registers: [Register; 7] = std::array::from_fn(|_| Register::default());
        for (register, field) in registers.iter_mut().zip(Field::REGISTERS) {
            if let Some(stamp) = stamps[field.index()] {
                register.stamp = stamp;
                register.value = row.value(field)?;
            }
        }
        let text = row.text(stamps[Field::Justification.index()])?;
        let tombstone = match row.tombstone {
            Some(bytes) => Some(stamp(bytes).ok_or_else(|| row.broken(&"tombstone"))?),
            None => None,
        };
        let revision = match row.revision {
            Some(bytes) => Some(Revision(
                <[u8; 32]>::try_from(bytes).map_err(|error| row.broken(&error))?,
            )),
            None => None,
        };
        Ok(Stored {
            id: row.id,
            owner_id: row.owner_id,
            at_us: row.at_us,
            created_us: row.created_us,
            record: Record::from_parts(registers, text, tombstone),
            status: Status::from_name(row.status).ok_or_else(|| row.broken(&row.status))?,
            revision,
            chain: self.chain.map(str::to_owned),
            submitted_us: row.submitted_us,
            final_us: row.final_us,
            last_op: self
                .last_op
                .zip(self.last_digest)
                .map(|(op, digest)| (op, digest.cast_unsigned())),
            is_sealed: self.sealed_level > 0,
            is_stalled: self.stalled,
        })
    }
}

fn stamp(bytes: &[u8]) -> Option<Stamp> {
    Stamp::from_bytes(bytes.try_into().ok()?).ok()
}

/// One byte that says which of the eight fields were ever written, then 16 bytes each.
pub(super) fn pack(record: &Record) -> Vec<u8> {
    let mut packed = Vec::with_capacity(1 + 8 * 16);
    packed.push(0);
    for field in Field::ALL {
        let stamp = match field {
            Field::Justification => record.text().root(),
            _ => record.stamp(field),
        };
        if let Some(stamp) = stamp {
            packed[0] |= 1 << field.index();
            packed.extend_from_slice(&stamp.to_bytes());
        }
    }
    packed
}

/// The stamps of the eight fields; of the text, its start.
fn unpack(packed: &[u8]) -> Option<[Option<Stamp>; 8]> {
    let (mask, mut rest) = packed.split_first()?;
    let mut stamps = [None; 8];
    for (index, slot) in stamps.iter_mut().enumerate() {
        if mask & (1 << index) != 0 {
            let (first, behind) = rest.split_at_checked(16)?;
            *slot = Some(stamp(first)?);
            rest = behind;
        }
    }
    rest.is_empty().then_some(stamps)
}
