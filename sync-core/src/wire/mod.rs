//! How batches travel: the envelope, its items, JSON and MessagePack.
//!
//! An envelope is cut into the spans of its items without interpreting them, so that a broken item never
//! harms its siblings. Each item is then decoded once into borrowed nodes, the same for both formats, and
//! interpreted; what is wrong with it is a [`Broken`] in its place.
