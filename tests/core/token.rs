//! Tests of the core: token.
