//! The catalog service: categories, reasons, and who approves which level of a category.
//!
//! [`CatalogService`] is the facade. What it must know of people it keeps as its own projection of
//! the user service's events; give it to the bus as a [`Consumer`](crate::bus::Consumer).

mod assignments;
mod categories;
mod demo;
mod model;
mod people;
mod reasons;
mod rules;
mod service;
mod store;

pub use model::{
    CatalogError, CategoryUpdate, NewAssignment, NewCategory, NewReason, ReasonUpdate,
};
pub use people::PeopleConsumer;
pub use rules::{APPROVERS_MAX, LEVELS_MAX, NAME_CHARACTERS_MAX, REASON_CHARACTERS_MAX};
pub use service::CatalogService;
