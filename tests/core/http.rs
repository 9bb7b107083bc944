//! Tests of the core: http.
