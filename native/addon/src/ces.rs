//! Face of the ces crate.
