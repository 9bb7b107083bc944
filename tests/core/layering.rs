//! Tests of the core: layering.
