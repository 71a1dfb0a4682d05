//! Writing batches: what a phone sends. Ids and stamps are strings in every format, so any serde
//! serializer gives what [`super::Envelope::decode`] reads (rmp-serde: with `to_vec_named`).

use super::{ApprovalItem, RequestChange, RequestItem, Seen, Since};
use crate::field::Field;
use crate::hlc::Stamp;
use crate::record::Edit;
use crate::text::TextWrite;
use crate::time;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use uuid::Uuid;

/// An envelope to be sent; `T` is [`RequestItem`] or [`ApprovalItem`].
#[derive(Debug, Clone)]
pub struct Batch<'a, T> {
    /// The phone, at most 128 characters.
    pub device_id: Option<&'a str>,
    /// Whose queue it is.
    pub user_id: Option<Uuid>,
    /// The phone's wall clock, in microseconds since the Unix epoch.
    pub client_time_us: Option<i64>,
    /// From where to pull.
    pub since: Since,
    /// The items.
    pub changes: &'a [T],
}

/// An id as a string, whatever the format: rmp-serde would write 16 bytes.
struct Id(Uuid);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl<T: Serialize> Serialize for Batch<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut length = 1_usize;
        for there in [
            self.device_id.is_some(),
            self.user_id.is_some(),
            self.client_time_us.is_some(),
            self.since != Since::Absent,
        ] {
            length = length.saturating_add(usize::from(there));
        }
        let mut map = serializer.serialize_map(Some(length))?;
        if let Some(device_id) = self.device_id {
            map.serialize_entry("deviceId", device_id)?;
        }
        if let Some(user_id) = self.user_id {
            map.serialize_entry("userId", &Id(user_id))?;
        }
        if let Some(us) = self.client_time_us {
            map.serialize_entry("clientTime", &time::format_rfc3339(us))?;
        }
        match self.since {
            Since::Absent => {}
            Since::Beginning => map.serialize_entry("lastSync", &())?,
            Since::After(us) => map.serialize_entry("lastSync", &time::format_rfc3339(us))?,
        }
        map.serialize_entry("changes", self.changes)?;
        map.end()
    }
}

impl Serialize for RequestItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, last) = match &self.change {
            RequestChange::Upsert(_) => ("upsert", true),
            RequestChange::Submit { seen } => ("submit", seen.is_some()),
            RequestChange::Withdraw => ("withdraw", false),
            RequestChange::Delete => ("delete", false),
        };
        let mut map = serializer.serialize_map(Some(if last { 5 } else { 4 }))?;
        map.serialize_entry("opId", &Id(self.op_id))?;
        map.serialize_entry("type", kind)?;
        map.serialize_entry("id", &Id(self.id))?;
        map.serialize_entry("hlc", &self.stamp)?;
        match &self.change {
            RequestChange::Upsert(edit) => map.serialize_entry("fields", &Fields(edit))?,
            RequestChange::Submit { seen: Some(seen) } => map.serialize_entry("seen", seen)?,
            _ => {}
        }
        map.end()
    }
}

/// The member `fields` of an upsert.
struct Fields<'a>(&'a Edit);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = self
            .0
            .writes
            .len()
            .saturating_add(usize::from(self.0.text.is_some()));
        let mut map = serializer.serialize_map(Some(length))?;
        for (field, value) in &self.0.writes {
            map.serialize_entry(field.name(), value)?;
        }
        if let Some(text) = &self.0.text {
            map.serialize_entry(Field::Justification.name(), text)?;
        }
        map.end()
    }
}

impl Serialize for TextWrite {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            TextWrite::Start(value) => value.serialize(serializer),
            TextWrite::Edit { base, text } => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("text", text)?;
                map.serialize_entry("base", base)?;
                map.end()
            }
        }
    }
}

impl Serialize for Seen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = self
            .stamps
            .len()
            .saturating_add(usize::from(self.heads.is_some()));
        let mut map = serializer.serialize_map(Some(length))?;
        for (field, stamp) in &self.stamps {
            let shown = Some(stamp).filter(|stamp| **stamp != Stamp::ZERO);
            map.serialize_entry(field.name(), &shown)?;
        }
        if let Some(heads) = &self.heads {
            map.serialize_entry(Field::Justification.name(), heads)?;
        }
        map.end()
    }
}

impl Serialize for ApprovalItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let length = if self.comment.is_some() { 6 } else { 5 };
        let mut map = serializer.serialize_map(Some(length))?;
        map.serialize_entry("opId", &Id(self.op_id))?;
        map.serialize_entry("type", self.vote.as_str())?;
        map.serialize_entry("id", &Id(self.id))?;
        map.serialize_entry("revision", &self.revision)?;
        if let Some(comment) = &self.comment {
            map.serialize_entry("comment", comment)?;
        }
        map.serialize_entry("hlc", &self.stamp)?;
        map.end()
    }
}
