//! The program on packets that no socket can send: it is run by hand.
