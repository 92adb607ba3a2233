//! Every known difference and its reason.

use super::Part;

/// Why they part, where, and in which messages.
pub(crate) type Explained = (&'static str, &'static [Part], &'static [&'static str]);

pub(crate) const TORTURE: &[Explained] = &[
    (
        "rsip knows no folds, and no blank before the colon",
        &[Part::OnlyOurs],
        &["wsinv", "longreq"],
    ),
    (
        "rsip knows fourteen methods and no others",
        &[Part::OnlyOurs],
        &["intmeth", "esc02"],
    ),
    (
        "rsip ends the user at a dot, takes it for the host and stumbles over the rest",
        &[Part::OnlyOurs],
        &["esc01", "semiuri"],
    ),
    (
        "rsip takes `j.user@example.com` for a host, has no compact Call-ID, and takes what follows Content-Length for body",
        &[Part::From, Part::To, Part::Contact, Part::CallId, Part::Body],
        &["dblreq"],
    ),
    (
        "rsip takes `j.user@example.com` for a host",
        &[Part::To],
        &["invut"],
    ),
    (
        "rsip takes `j.user@example.com` for a host, here twice",
        &[Part::From, Part::To],
        &["regaut01"],
    ),
    (
        "rsip reads any scheme as if it were sip",
        &[Part::Uri],
        &["novelsc"],
    ),
    (
        "rsip reads any scheme as if it were sip, here in headers",
        &[Part::From, Part::To, Part::Contact],
        &["unksm2"],
    ),
    (
        "rsip wants a host with a numeric port behind any scheme",
        &[Part::OnlyOurs],
        &["unkscm"],
    ),
    (
        "rsip drops the header parts of a URI",
        &[Part::Contact],
        &["regescrt"],
    ),
    (
        "rsip doesn't look into headers, nor at Content-Length, unless it is asked for their typed form",
        &[Part::OnlyTheirs],
        &[
            "badinv01",
            "clerr",
            "ncl",
            "scalarlg",
            "quotbal",
            "regbadct",
            "badaspec",
            "baddn-with-blank-line",
            "mismatch01",
            "insuf",
            "multi01",
            "mcl01",
        ],
    ),
    (
        "rsip takes `<sip:...>` for a Request-URI",
        &[Part::OnlyTheirs],
        &["ltgtruri"],
    ),
    (
        "rsip needs no blank line behind the headers",
        &[Part::OnlyTheirs],
        &["baddn"],
    ),
    (
        "rsip has no IPv6 in a Request-URI",
        &[Part::OnlyOurs],
        &[
            "ipv6-good-crlf",
            "port-ambiguous-crlf",
            "port-unambiguous-crlf",
            "via-received-param-with-delim-crlf",
            "via-received-param-no-delim-crlf",
            "ipv6-in-sdp-crlf",
            "mult-ip-in-sdp-crlf",
            "ipv6-bug-abnf-3-colons-crlf",
            "ipv6-correct-abnf-2-colons-crlf",
        ],
    ),
    (
        "rsip has no IPv6 in Via",
        &[Part::Via],
        &["mult-ip-in-header-crlf"],
    ),
    (
        "rsip has no IPv6 in Via and Contact",
        &[Part::Via, Part::Contact],
        &["ipv4-mapped-ipv6-crlf"],
    ),
    (
        "rsip wants CRLF",
        &[Part::OnlyOurs],
        &[
            "ipv6-good",
            "port-ambiguous",
            "port-unambiguous",
            "via-received-param-with-delim",
            "via-received-param-no-delim",
            "mult-ip-in-header",
            "ipv4-mapped-ipv6",
        ],
    ),
];

/// One thing put into a message that both read alike, and where they part then.
pub(crate) const QUIRKS: &[(&str, &str, &str, &[Part])] = &[
    ("compact From", "From:", "f:", &[Part::From]),
    ("compact To", "To:", "t:", &[Part::To]),
    ("compact Call-ID", "Call-ID:", "i:", &[Part::CallId]),
    ("compact Contact", "Contact:", "m:", &[Part::Contact]),
    ("compact Via", "Via:", "v:", &[Part::Via]),
    ("names in any case are read by both", "Call-ID:", "CALL-id:", &[]),
    ("fold", "User-Agent: Ex", "User-Agent:\r\n Ex", &[Part::OnlyOurs]),
    ("blank before the colon", "To:", "To :", &[Part::OnlyOurs]),
    (
        "IPv6 in Via",
        "UDP 192.0.2.10:5060",
        "UDP [2001:db8::1]:5060",
        &[Part::Via],
    ),
    (
        "IPv6 in Contact",
        "@192.0.2.10:5060;transport",
        "@[2001:db8::1]:5060;transport",
        &[Part::Contact],
    ),
    (
        "tel Request-URI",
        "INVITE sip:+442071838750@sbc.example.com:5060;user=phone",
        "INVITE tel:+442071838750",
        &[Part::OnlyOurs],
    ),
    (
        "dot in the user",
        "<sip:+442071838750@sbc",
        "<sip:first.last@sbc",
        &[Part::To],
    ),
    (
        "parameter in the user",
        "<sip:+442071838750@sbc",
        "<sip:+49;npdi@sbc",
        &[],
    ),
    (
        "two Via values in a line",
        ";rport\r\n",
        ";rport, SIP/2.0/UDP b\r\n",
        &[],
    ),
    (
        "two Contacts in a line",
        "transport=udp>\r\n",
        "transport=udp>, <sip:b@c>\r\n",
        &[Part::Contact],
    ),
    (
        "colons in a parameter",
        ";transport=udp>",
        ";gr=urn:uuid:1-2>",
        &[Part::Contact],
    ),
    (
        "quoted parameter",
        ";transport=udp>\r\n",
        ";transport=udp>;a=\"b\"\r\n",
        &[Part::Contact],
    ),
    (
        "bracket in a display name",
        "\"Alice Example\"",
        "\"A <lice\"",
        &[Part::From],
    ),
    (
        "octets that are no UTF-8 text are told apart below",
        "\"Alice Example\"",
        "\"\u{e4}\"",
        &[],
    ),
    (
        "body that is longer than Content-Length",
        "Length: 214",
        "Length: 213",
        &[Part::Body],
    ),
    (
        "body that is shorter",
        "Length: 214",
        "Length: 215",
        &[Part::OnlyTheirs],
    ),
    ("bare LF in a head of CRLF", "70\r\n", "70\n", &[Part::OnlyTheirs]),
    (
        "CSeq of another method",
        "314159 INVITE",
        "314159 BYE",
        &[Part::OnlyTheirs],
    ),
    (
        "parameter without a value",
        "<sip:+442071838750@sbc.example.com;user=phone>",
        "<sip:+442071838750@sbc.example.com;lr>",
        &[],
    ),
    (
        "lr with a value",
        "<sip:+442071838750@sbc.example.com;user=phone>",
        "<sip:+442071838750@sbc.example.com;lr=on>",
        &[],
    ),
];
