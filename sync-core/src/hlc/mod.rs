//! Hybrid logical clock: stamps that order changes of phones whose clocks disagree.
//!
//! After Kulkarni, Demirbas, Madappa, Avva and Leone, "Logical Physical Clocks and Consistent Snapshots in
//! Globally Distributed Databases" (2014). A stamp is 48 bits of Unix milliseconds, 16 bits of counter and
//! 64 bits of node; milliseconds and counter share one number, so a counter that overflows borrows the next
//! millisecond by itself.

mod clock;
mod stamp;

pub use clock::{Clock, is_ahead};
pub(crate) use stamp::unhex;
pub use stamp::{MAX_MILLIS, NodeId, Stamp, StampError, TEXT_BYTES};
