//! Tests of the core: pure.
