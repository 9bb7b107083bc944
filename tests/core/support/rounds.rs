//! The length of tests of what is random.

/// The number of repeats of what is random: the long form is that of `make soak`.
pub fn rounds(short: usize, long: usize) -> usize {
    if std::env::var_os("SENTRI_SOAK").is_some() { long } else { short }
}
