//! Times that cannot be.
