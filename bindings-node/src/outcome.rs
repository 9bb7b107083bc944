//! Results and errors as JSON text, in the form that the core gives them for every binding.

pub use sentri_core::wire::{outcome, parse, read_error, read_outcome, response_value};
