//! The Node binding of sentri: converts, calls the core, converts.
