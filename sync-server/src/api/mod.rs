//! The HTTP interface, a file a resource. Handlers are thin: extract, convert, call one service function,
//! convert.

pub mod access;
