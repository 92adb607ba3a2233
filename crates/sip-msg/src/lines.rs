//! The line walker that datagrams and streams share.
