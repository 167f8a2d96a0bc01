//! The dry run, as it looks.
