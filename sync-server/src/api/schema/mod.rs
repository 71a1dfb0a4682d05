//! The shapes of bodies, for the API document.
//!
//! Services write and read their bodies without these types (a batch once, straight from rows); tests decode
//! real answers into them, and they refuse members they do not know, so that the document cannot say one
//! thing and the server another.

mod approval;
mod audit;
mod catalog;
mod notify;
mod request;
mod user;

pub use approval::*;
pub use audit::*;
pub use catalog::*;
pub use notify::*;
pub use request::*;
pub use user::*;
