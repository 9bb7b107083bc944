//! Results and errors as JSON text: the core's own form, the same in every binding.

pub use sentri_core::wire::{outcome, parse, read_error, read_outcome, response_value};
