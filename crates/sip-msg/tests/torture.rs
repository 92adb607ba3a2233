//! Every message of RFC 4475 and RFC 5118, one test each: the treatment, and what must be read in it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use bytes::Bytes;
use sip_msg::torture::{Case, Treatment, all};
use sip_msg::{HeaderId, Limits, Message, Method, NameAddr, ParseError, SipUri, Uri, Via, unquote};

fn case(name: &str) -> &'static Case {
    all().find(|c| c.name == name).unwrap()
}

fn parse(name: &str) -> Result<Message, ParseError> {
    sip_msg::parse(Bytes::from_static(case(name).bytes), &Limits::default())
}

fn accepted(name: &str) -> Message {
    parse(name).unwrap()
}

/// The treatment that the table of the crate promises.
fn treated(name: &str) {
    let case = case(name);
    match (parse(name), case.parser) {
        (Ok(_), Treatment::Accept) => {}
        (Err(error), Treatment::Answer(defect)) => {
            assert_eq!(error.defect, defect, "{name}");
            let (message, status) = error.answer().expect("enough to answer");
            assert!(case.answers.contains(&status), "{name}: {status}");
            assert!(message.header(HeaderId::Via).is_some(), "{name}");
        }
        (Err(error), Treatment::Drop(defect)) => {
            assert_eq!(error.defect, defect, "{name}");
            assert!(error.answer().is_none(), "{name}");
        }
        (got, wanted) => panic!("{name}: {:?}, wanted {wanted:?}", got.map_err(|e| e.defect)),
    }
}

macro_rules! each {
    ($($test:ident = $name:literal $(, |$m:ident| $more:block)?;)*) => {
        $(
            #[test]
            fn $test() {
                treated($name);
                $(let $m = accepted($name); $more)?
            }
        )*

        #[test]
        fn every_message_has_a_test() {
            let tested = [$($name),*];
            for case in all() {
                assert!(tested.contains(&case.name), "{} has none", case.name);
            }
        }
    };
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn uri_host(bytes: &[u8]) -> (&[u8], Option<u16>) {
    let uri = SipUri::parse(bytes).unwrap();
    (uri.host, uri.port)
}

each! {
    wsinv_is_read_through_folds_and_blanks = "wsinv", |m| {
        assert_eq!(m.cseq(), (9, &Method::Invite));
        assert_eq!(m.number(HeaderId::MaxForwards), Some(68));
        assert_eq!(text(m.to_tag().unwrap()), "1918181833n");
        assert_eq!(text(m.from_tag().unwrap()), "98asjd8");
        assert_eq!(text(&m.from().display_unescaped().unwrap()), r#"J Rosenberg \""#);
        assert_eq!(text(m.to().uri), "sip:vivekg@chair-dnrc.example.com");
        assert_eq!(text(m.top_via().host), "192.0.2.2");
        assert_eq!(text(m.top_via().transport), "UDP");
        assert_eq!(text(m.top_via().branch().unwrap()), "390skdjuw");
        let vias: Vec<_> = m.values(HeaderId::Via).map(|v| Via::parse(v).unwrap()).collect();
        assert_eq!(vias.len(), 3);
        assert_eq!(text(vias[1].transport), "TCP");
        assert_eq!(text(vias[1].branch().unwrap()), "z9hG4bK9ikj8");
        assert_eq!(text(vias[2].branch().unwrap()), "z9hG4bK30239");
        assert_eq!(m.header(HeaderId::Subject), Some(&b""[..]));
        assert_eq!(m.header_named("unknownheaderwithunusualvalue"), Some(&b";;,,;;,;"[..]));
        let contact = m.contact().unwrap();
        assert_eq!(text(contact.params.get("newparam").unwrap().unwrap()), "newvalue");
        assert!(contact.params.has("secondparam"));
        assert_eq!(text(contact.params.get("Q").unwrap().unwrap()), "0.33");
        let route = NameAddr::parse(m.values(HeaderId::Route).next().unwrap()).unwrap();
        assert!(Uri::parse(route.uri).unwrap().sip().unwrap().params.has("lr"));
        assert_eq!(m.body().len(), 150);
    };
    intmeth_keeps_every_strange_character = "intmeth", |m| {
        let method = m.method().unwrap();
        assert_eq!(method.as_str(), "!interesting-Method0123456789_*+`.%indeed'~");
        assert_eq!(m.cseq(), (139_122_385, method));
        let uri = SipUri::parse(m.uri()).unwrap();
        assert_eq!(text(uri.user.unwrap()), "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*");
        assert_eq!(text(uri.password.unwrap()), "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
        assert_eq!(m.to().display_unescaped().unwrap().as_ref(), b"BEL:\x07 NUL:\x00 DEL:\x7f");
        assert_eq!(text(m.from().display.unwrap()), "token1~` token2'+_ token3*%!.-");
        assert_eq!(text(m.from_tag().unwrap()), "_token~1'+`*%!-.");
        let param = m.from().params.get("fromParam''~+*_!.-%").unwrap().unwrap();
        assert_eq!(text(&unquote(param)), "работающий");
    };
    esc01_resolves_escapes_once = "esc01", |m| {
        let uri = SipUri::parse(m.uri()).unwrap();
        assert_eq!(text(uri.user.unwrap()), "sips%3Auser%40example.com");
        assert_eq!(text(&uri.user_unescaped()), "sips:user@example.com");
        assert_eq!(text(uri.host), "example.net");
    };
    escnull_does_not_cut_at_nul = "escnull", |m| {
        let contacts: Vec<_> = m
            .values(HeaderId::Contact)
            .map(|c| SipUri::parse(NameAddr::parse(c).unwrap().uri).unwrap())
            .collect();
        assert_eq!(contacts.len(), 2);
        assert!(!contacts[0].equivalent(&contacts[1]));
        assert_eq!(contacts[0].user_unescaped().as_ref(), b"\0");
        assert_eq!(contacts[1].user_unescaped().as_ref(), b"\0\0");
    };
    esc02_takes_no_percent_for_an_escape_outside_of_uris = "esc02", |m| {
        assert_eq!(m.method().unwrap().as_str(), "RE%47IST%45R");
        assert_eq!(m.values(HeaderId::Contact).count(), 2);
        assert!(m.header_named("C%6Fntact").is_some());
        assert_eq!(text(m.from().display.unwrap()), "%Z%45");
    };
    lwsdisp_needs_no_blank_before_the_bracket = "lwsdisp", |m| {
        assert_eq!(text(m.from().display.unwrap()), "caller");
        assert_eq!(text(m.from().uri), "sip:caller@example.com");
        assert_eq!(text(m.from_tag().unwrap()), "323");
    };
    longreq_is_taken_whole = "longreq", |m| {
        assert_eq!(m.values(HeaderId::Via).count(), 34);
        assert_eq!(text(m.top_via().host), "sip33.example.com");
        assert!(m.call_id().starts_with(b"longreq.onereallyreally"));
        assert_eq!(m.body().len(), 150);
    };
    dblreq_ends_where_content_length_says = "dblreq", |m| {
        assert!(m.body().is_empty());
        assert!(m.raw().ends_with(b"Content-Length: 0\r\n\r\n"));
        assert!(m.raw().len() < case("dblreq").bytes.len());
        assert_eq!(text(m.call_id()), "dblreq.0ha0isndaksdj99sdfafnl3lk233412");
    };
    semiuri_has_its_semicolon_in_the_user = "semiuri", |m| {
        let uri = SipUri::parse(m.uri()).unwrap();
        assert_eq!(text(uri.user.unwrap()), "user;par=u%40example.net");
        assert_eq!(text(&uri.user_unescaped()), "user;par=u@example.net");
        assert_eq!(text(uri.host), "example.com");
        assert_eq!(uri.params.iter().count(), 0);
    };
    transports_of_every_name_are_read = "transports", |m| {
        let names: Vec<_> =
            m.values(HeaderId::Via).map(|v| text(Via::parse(v).unwrap().transport).to_owned()).collect();
        assert_eq!(names, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
    };
    mpart01_gives_its_two_parts = "mpart01", |m| {
        assert_eq!(m.body().len(), 553);
        let body = m.body();
        let parts = sip_msg::multipart::parts(&body, m.content_type().unwrap()).unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].content_type(), Some(&b"text/plain"[..]));
        assert_eq!(parts[0].body, b"Hello");
        assert_eq!(parts[1].header("content-transfer-encoding"), Some(&b"binary"[..]));
        assert!(parts[1].body.contains(&0));
    };
    unreason_keeps_its_octets = "unreason", |m| {
        assert_eq!(m.status(), Some(200));
        assert_eq!(text(m.reason()), "= 2**3 * 5**2 но сто девяносто девять - простое");
    };
    noreason_may_be_empty = "noreason", |m| {
        assert_eq!((m.status(), m.reason()), (Some(100), &b""[..]));
    };
    badinv01_is_refused = "badinv01";
    clerr_is_refused = "clerr";
    ncl_is_refused = "ncl";
    scalar02_is_refused = "scalar02";
    scalarlg_is_dropped = "scalarlg";
    quotbal_is_refused = "quotbal";
    ltgtruri_is_refused = "ltgtruri";
    lwsruri_is_refused = "lwsruri";
    lwsstart_is_refused = "lwsstart";
    trws_is_refused = "trws";
    escruri_is_refused = "escruri";
    baddate_matters_to_nobody = "baddate";
    regbadct_is_refused = "regbadct";
    badaspec_is_refused = "badaspec";
    baddn_is_refused_even_without_its_blank_line = "baddn";
    baddn_is_refused = "baddn-with-blank-line";
    badvers_gets_505 = "badvers";
    mismatch01_is_refused = "mismatch01";
    mismatch02_is_refused = "mismatch02";
    bigcode_is_dropped = "bigcode";
    badbranch_has_a_branch_that_names_nothing = "badbranch", |m| {
        assert_eq!(m.top_via().branch(), Some(&b"z9hG4bK"[..]));
    };
    insuf_is_refused = "insuf";
    unkscm_is_given_on_with_its_scheme = "unkscm", |m| {
        let Uri::Other { scheme, .. } = Uri::parse(m.uri()).unwrap() else { panic!("known scheme") };
        assert_eq!(text(scheme), "nobodyKnowsThisScheme");
    };
    novelsc_is_given_on_with_its_scheme = "novelsc", |m| {
        let Uri::Other { scheme, .. } = Uri::parse(m.uri()).unwrap() else { panic!("known scheme") };
        assert_eq!(text(scheme), "soap.beep");
    };
    unksm2_has_other_schemes_in_its_headers = "unksm2", |m| {
        assert_eq!(text(m.to().uri), "isbn:2983792873");
        assert_eq!(text(m.from().uri), "<http://www.example.com>".trim_matches(['<', '>']));
    };
    bext01_names_its_extensions = "bext01", |m| {
        assert!(m.has_token(HeaderId::Require, "nothingsupportsthis"));
        assert!(m.has_token(HeaderId::ProxyRequire, "NoProxiesSupportThis"));
    };
    invut_is_given_on = "invut", |m| {
        assert_eq!(m.content_type(), Some(&b"application/unknownformat"[..]));
    };
    regaut01_is_given_on = "regaut01", |m| {
        assert!(m.header(HeaderId::Authorization).unwrap().starts_with(b"NoOneKnowsThisScheme"));
    };
    multi01_is_refused = "multi01";
    mcl01_is_refused = "mcl01";
    bcast_is_given_on_with_both_vias = "bcast", |m| {
        assert_eq!(m.values(HeaderId::Via).count(), 2);
    };
    zeromf_is_given_on_with_its_zero = "zeromf", |m| {
        assert_eq!(m.number(HeaderId::MaxForwards), Some(0));
    };
    cparam01_has_a_contact_parameter = "cparam01", |m| {
        let contact = m.contact().unwrap();
        assert!(contact.params.has("unknownparam"));
        assert_eq!(SipUri::parse(contact.uri).unwrap().params.iter().count(), 0);
    };
    cparam02_has_a_uri_parameter = "cparam02", |m| {
        let contact = m.contact().unwrap();
        assert_eq!(contact.params.iter().count(), 0);
        assert!(SipUri::parse(contact.uri).unwrap().params.has("unknownparam"));
    };
    regescrt_keeps_the_escaped_route = "regescrt", |m| {
        let uri = SipUri::parse(m.contact().unwrap().uri).unwrap();
        assert_eq!(text(uri.headers.unwrap()), "Route=%3Csip:sip.example.com%3E");
    };
    sdp01_is_given_on = "sdp01", |m| {
        assert!(m.has_token(HeaderId::Accept, "text/nobodyKnowsThis"));
    };
    inv2543_is_taken_without_branch_tag_and_length = "inv2543", |m| {
        assert_eq!((m.top_via().branch(), m.from_tag()), (None, None));
        assert_eq!(m.header(HeaderId::MaxForwards), None);
        assert!(m.body().starts_with(b"v=0"));
        assert_eq!(text(m.to().params.get("user").unwrap().unwrap()), "phone");
    };
    archive_test_has_no_via_to_answer_to = "test";
    ipv6_good = "ipv6-good", |m| {
        assert_eq!(uri_host(m.uri()), (&b"[2001:db8::10]"[..], None));
        assert_eq!(m.top_via().ip(), Some("2001:db8::9:1".parse().unwrap()));
    };
    ipv6_bad_needs_brackets = "ipv6-bad";
    port_ambiguous_is_part_of_the_address = "port-ambiguous", |m| {
        let uri = SipUri::parse(m.uri()).unwrap();
        assert_eq!((uri.ip(), uri.port), (Some("2001:db8::10:5070".parse().unwrap()), None));
    };
    port_unambiguous_is_a_port = "port-unambiguous", |m| {
        let uri = SipUri::parse(m.uri()).unwrap();
        assert_eq!((uri.ip(), uri.port), (Some("2001:db8::10".parse().unwrap()), Some(5070)));
    };
    received_with_brackets_is_an_address = "via-received-param-with-delim", |m| {
        assert_eq!(m.top_via().received_ip(), Some("2001:db8::9:255".parse().unwrap()));
    };
    received_without_brackets_is_an_address = "via-received-param-no-delim", |m| {
        assert_eq!(m.top_via().received_ip(), Some("2001:db8::9:255".parse().unwrap()));
    };
    ipv6_in_sdp_of_the_archive_lacks_octets = "ipv6-in-sdp";
    mult_ip_in_header_mixes_families = "mult-ip-in-header", |m| {
        let ips: Vec<_> = m.values(HeaderId::Via).map(|v| Via::parse(v).unwrap().ip().unwrap().is_ipv6()).collect();
        assert_eq!(ips, [true, false, true]);
    };
    mult_ip_in_sdp_of_the_archive_lacks_an_octet = "mult-ip-in-sdp";
    ipv4_mapped_addresses_are_read = "ipv4-mapped-ipv6", |m| {
        assert!(SipUri::parse(m.contact().unwrap().uri).unwrap().ip().is_some());
        assert!(m.top_via().ip().is_some());
        assert_eq!(m.body().len(), 236);
    };
    three_colons_of_the_archive_lack_the_blank_line = "ipv6-bug-abnf-3-colons";
    two_colons_of_the_archive_lack_the_blank_line = "ipv6-correct-abnf-2-colons";
    ipv6_good_crlf = "ipv6-good-crlf";
    ipv6_bad_crlf = "ipv6-bad-crlf";
    port_ambiguous_crlf = "port-ambiguous-crlf";
    port_unambiguous_crlf = "port-unambiguous-crlf";
    received_with_brackets_crlf = "via-received-param-with-delim-crlf";
    received_without_brackets_crlf = "via-received-param-no-delim-crlf";
    ipv6_in_sdp_has_its_whole_body = "ipv6-in-sdp-crlf", |m| {
        assert_eq!(m.body().len(), 251);
    };
    mult_ip_in_header_crlf = "mult-ip-in-header-crlf";
    mult_ip_in_sdp_has_its_whole_body = "mult-ip-in-sdp-crlf", |m| {
        assert_eq!(m.body().len(), 189);
    };
    ipv4_mapped_crlf = "ipv4-mapped-ipv6-crlf";
    three_colons_are_tolerated = "ipv6-bug-abnf-3-colons-crlf", |m| {
        assert_eq!(SipUri::parse(m.uri()).unwrap().ip(), Some("2001:db8::192.0.2.1".parse().unwrap()));
    };
    two_colons_are_right = "ipv6-correct-abnf-2-colons-crlf", |m| {
        assert_eq!(SipUri::parse(m.uri()).unwrap().ip(), Some("2001:db8::192.0.2.1".parse().unwrap()));
    };
}
