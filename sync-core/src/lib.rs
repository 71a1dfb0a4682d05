//! The merge rules of Athena Budget, without I/O.
//!
//! Phones draft budget requests offline and send what they did as batches of small changes. This crate
//! knows what those changes mean: how they are stamped ([`hlc`]), what they may hold ([`value`], [`field`]),
//! how they merge ([`record`], [`text`], [`votes`]), what a server answers ([`verdict`]), which bytes a digest
//! is taken over ([`canonical`]) and how all of it travels ([`wire`]). It reads no clock, draws no
//! randomness and does no I/O: both come in as arguments, so every rule here can be tested by the million.
//!
//! ```
//! use sync_core::{field::Field, hlc::{Clock, NodeId}, record::{Edit, Outcome, Record}, text::Work, value::Value};
//!
//! let mut phone = Clock::new(NodeId::new(0xa1));
//! let mut tablet = Clock::new(NodeId::new(0xb2));
//! let title = |stamp, text: &str| Edit {
//!     stamp,
//!     writes: vec![(Field::Title, Some(Value::Text(text.into())))],
//!     text: None,
//! };
//! let earlier = title(phone.tick(1_000), "Trade fair");
//! let later = title(tablet.tick(2_000), "Trade fair, Lyon");
//!
//! let mut record = Record::default();
//! let mut work = Work::new(200_000);
//! record.apply(&later, &mut work)?;
//! let applied = record.apply(&earlier, &mut work)?;
//! assert_eq!(applied.outcome(Field::Title), Outcome::Lost);
//! assert_eq!(record.register(Field::Title).and_then(|r| r.value.as_ref()), Some(&Value::Text("Trade fair, Lyon".into())));
//! # Ok::<(), sync_core::text::TextError>(())
//! ```
#![forbid(unsafe_code)]
#![warn(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions
)]

mod calendar;
pub mod canonical;
pub mod field;
pub mod hlc;
pub mod record;
pub mod seats;
pub mod text;
pub mod time;
pub mod value;
pub mod verdict;
pub mod votes;
pub mod wire;
