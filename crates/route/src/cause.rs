//! SIP status to Q.850 cause and back (RFC 3398 §8.2.6.1 and §7.2.4.1).

/// Q.850 cause for a final SIP status that carried no Reason header (RFC 3398 §8.2.6.1).
///
/// `None` where the RFC has no mapping because a success or a cancellation is no failure (2xx, 487).
/// Statuses that the table does not list give 31, "normal, unspecified".
pub fn from_status(status: u16) -> Option<u8> {
    Some(match status {
        0..=299 | 487 => return None,
        400 | 481 | 500 | 503 => 41,
        401..=403 | 407 | 603 => 21,
        404 | 485 | 604 => 1,
        405 => 63,
        406 | 415 | 501 => 79,
        408 | 504 => 102,
        410 => 22,
        413 | 414 | 416 | 420 | 421 | 423 | 505 | 513 => 127,
        480 => 18,
        482 | 483 => 25,
        484 => 28,
        486 | 600 => 17,
        502 => 38,
        _ => 31,
    })
}

/// SIP status for a Q.850 cause (RFC 3398 §7.2.4.1).
///
/// `None` for 16, normal call clearing, which ends a call by BYE or CANCEL and is no answer.
/// Causes that the table does not list give 500.
pub fn to_status(cause: u8) -> Option<u16> {
    Some(match cause {
        16 => return None,
        1..=3 | 26 => 404,
        17 => 486,
        18 => 408,
        19 | 20 | 31 => 480,
        21 | 55 | 57 | 87 => 403,
        22 | 23 => 410,
        27 => 502,
        28 => 484,
        29 | 79 => 501,
        34 | 38 | 41 | 42 | 47 | 58 | 88 => 503,
        65 | 70 => 488,
        102 => 504,
        111 | 127 => 500,
        _ => 500,
    })
}

/// Whether a cause speaks of the network on the way and not of the called party or their number: another carrier
/// may well get through (Q.850 groups "resource unavailable" and "interworking", and the routing causes among the normal events).
pub fn is_network(cause: u8) -> bool {
    matches!(cause, 2 | 3 | 5 | 6 | 7 | 8 | 14 | 25 | 27 | 34 | 38..=44 | 46 | 47 | 49 | 50 | 53 | 54 | 58 | 63 | 69 | 79 | 88 | 91 | 95..=102 | 111 | 127)
}
