//! Constants that the host languages share with the core. `make generate` writes them for both languages.

use crate::http::MAX_BODY;
use crate::idempotency::MAX_STORED_BODY;
use crate::import::MAX_LINE;

/// A constant: its name, its numbers and their meaning.
pub type Constant = (&'static str, &'static [usize], &'static str);

/// All constants.
pub const CONSTANTS: &[Constant] = &[
    ("MAX_BODY", &[MAX_BODY], "The most bytes that are read of a body for an endpoint; the core refuses more"),
    (
        "MAX_STORED_BODY",
        &[MAX_STORED_BODY],
        "The most bytes of a body that idempotency looks at; longer answers are not stored",
    ),
    ("MAX_IMPORT_LINE", &[MAX_LINE], "The longest line of an import, in bytes"),
    ("MAX_IMPORT_LINES", &[500], "The most lines of one call of an import"),
    ("MAX_IMPORT_CHARACTERS", &[1024 * 1024], "About the most characters of one call of an import"),
    ("MAX_IMPORT_REFUSALS", &[1000], "The most refusals that the report of an import holds"),
    ("REMEMBERED_TOKENS", &[10_000], "The most tokens that a process remembers as verified, twice"),
    ("REMEMBERED_DECISIONS", &[1_000], "The most decisions of a role check that a process remembers, twice"),
    (
        "EPOCH_AGE_MS",
        &[100],
        "Milliseconds after which the core is asked for the epoch again, and so looks for keys that are withdrawn",
    ),
    ("MESSAGE_PAUSES_MS", &[1_000, 5_000], "The waits before the second and the third attempt to send a message"),
    ("MESSAGE_PATIENCE_MS", &[30_000], "The longest time that `send` may take"),
];
