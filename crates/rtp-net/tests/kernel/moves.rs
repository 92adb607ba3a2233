//! Moves between the kernel and the session.
