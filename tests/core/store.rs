//! Tests of the core: store.
