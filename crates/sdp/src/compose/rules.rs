//! Which lines survive.
