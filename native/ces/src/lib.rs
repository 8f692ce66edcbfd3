//! ces
