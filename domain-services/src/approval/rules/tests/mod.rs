//! The rules of approval against an oracle, in named situations.
//!
//! * `oracle`: what must be, written a second time from the documents. * `desk`: the rules at work, with
//!   the oracle looking on. * `promises`: what must hold of every single step, whatever the oracle says.
//! * `seen` and `told`: the same seen by a reader of records and by a listener to events.
//! * `situations` and `crossings`: those that have a name, told as a `story`.

mod crossings;
mod desk;
mod oracle;
mod people;
mod promises;
mod seen;
mod situations;
mod story;
mod told;
