//! The targets under libFuzzer. `SENTRI_FUZZ_TARGET` names the one to run.

#![no_main]

use std::sync::LazyLock;

use sentri_fuzz::{Target, find};

static TARGET: LazyLock<&'static Target> =
    LazyLock::new(|| find(&std::env::var("SENTRI_FUZZ_TARGET").expect("SENTRI_FUZZ_TARGET names a target")));

libfuzzer_sys::fuzz_target!(|data: &[u8]| TARGET.run(data));
