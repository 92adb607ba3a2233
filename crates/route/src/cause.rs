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
/// Causes that the table does not list give 500, as do those it lists for it (111, 127).
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
        _ => 500,
    })
}

/// Whether a cause speaks of the network on the way and not of the called party or their number, so that
/// another carrier may
/// well get through: no route (2, 3), misrouted (14, 25), out of order (27), the classes "resource
/// unavailable" and "service
/// not available" as far as a gateway lacks it, an invalid transit network (91), protocol errors and
/// interworking.
pub fn is_network(cause: u8) -> bool {
    matches!(
        cause,
        2 | 3 | 14 | 25 | 27 | 34 | 38..=44 | 46 | 47 | 49 | 58 | 63 | 69 | 79 | 91 | 95..=102 | 111 | 127
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3398 §8.2.6.1, row by row.
    #[test]
    fn statuses_map_to_causes_as_the_rfc_says() {
        let rows = [
            (400, 41),
            (401, 21),
            (402, 21),
            (403, 21),
            (404, 1),
            (405, 63),
            (406, 79),
            (407, 21),
            (408, 102),
            (410, 22),
            (413, 127),
            (414, 127),
            (415, 79),
            (416, 127),
            (420, 127),
            (421, 127),
            (423, 127),
            (480, 18),
            (481, 41),
            (482, 25),
            (483, 25),
            (484, 28),
            (485, 1),
            (486, 17),
            (500, 41),
            (501, 79),
            (502, 38),
            (503, 41),
            (504, 102),
            (505, 127),
            (513, 127),
            (600, 17),
            (603, 21),
            (604, 1),
        ];
        for (status, cause) in rows {
            assert_eq!(from_status(status), Some(cause), "{status}");
        }
        for unlisted in [302, 418, 488, 580, 606, 607] {
            assert_eq!(from_status(unlisted), Some(31), "{unlisted}");
        }
        for none in [180, 200, 487] {
            assert_eq!(from_status(none), None, "{none}");
        }
    }

    /// RFC 3398 §7.2.4.1, row by row.
    #[test]
    fn causes_map_to_statuses_as_the_rfc_says() {
        let rows = [
            (1, 404),
            (2, 404),
            (3, 404),
            (17, 486),
            (18, 408),
            (19, 480),
            (20, 480),
            (21, 403),
            (22, 410),
            (23, 410),
            (26, 404),
            (27, 502),
            (28, 484),
            (29, 501),
            (31, 480),
            (34, 503),
            (38, 503),
            (41, 503),
            (42, 503),
            (47, 503),
            (55, 403),
            (57, 403),
            (58, 503),
            (65, 488),
            (70, 488),
            (79, 501),
            (87, 403),
            (88, 503),
            (102, 504),
            (111, 500),
            (127, 500),
        ];
        for (cause, status) in rows {
            assert_eq!(to_status(cause), Some(status), "{cause}");
        }
        assert_eq!(to_status(16), None);
        for unlisted in [0, 4, 44, 99, 128, 255] {
            assert_eq!(to_status(unlisted), Some(500), "{unlisted}");
        }
    }

    #[test]
    fn what_the_called_party_says_is_no_network_cause() {
        for user in [1, 16, 17, 18, 19, 20, 21, 22, 26, 28, 31, 55, 57, 65, 87, 88] {
            assert!(!is_network(user), "{user}");
        }
        for network in [2, 3, 25, 27, 34, 38, 41, 42, 44, 47, 102, 127] {
            assert!(is_network(network), "{network}");
        }
    }
}
