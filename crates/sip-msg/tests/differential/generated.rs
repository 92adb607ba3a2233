//! Messages that rsip reads right.

use super::common::Random;

/// A message in the part of SIP that rsip knows.
pub(crate) fn generated(random: &mut Random) -> Vec<u8> {
    let methods = [
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "OPTIONS",
        "REGISTER",
        "PRACK",
        "UPDATE",
        "INFO",
        "REFER",
        "NOTIFY",
        "SUBSCRIBE",
    ];
    let hosts = [
        "example.com",
        "192.0.2.1",
        "a-b.example.net",
        "198.51.100.77",
        "localhost",
    ];
    let users = ["alice", "+442071838750", "bob-1_x", "100", "a~b", "u!ser*'()"];
    let uri_params = [
        "",
        ";transport=tcp",
        ";user=phone",
        ";lr",
        ";x-y=1",
        ";maddr=192.0.2.9;ttl=15",
        ";transport=udp;lr",
    ];
    let params = ["", ";q=0.5", ";expires=60", ";x", ";y=z;w"];
    let names = ["", "\"Alice\" ", "Bob ", "\"A, B; C\" ", "\"\u{e4}\u{f6}\" "];
    let port = |random: &mut Random| match random.below(3) {
        0 => String::new(),
        _ => format!(":{}", 1024 + random.below(60_000)),
    };
    let uri = |random: &mut Random| {
        let user = if random.below(5) == 0 {
            String::new()
        } else {
            format!("{}@", random.pick(&users))
        };
        let scheme = if random.below(4) == 0 { "sips" } else { "sip" };
        format!(
            "{scheme}:{user}{}{}{}",
            random.pick(&hosts),
            port(random),
            random.pick(&uri_params)
        )
    };
    let method = random.pick(&methods);
    let mut text = match random.below(3) {
        0 => format!(
            "SIP/2.0 {} Some Reason\r\n",
            [100, 180, 200, 302, 404, 486, 503, 603][random.below(8)]
        ),
        _ => format!("{method} {} SIP/2.0\r\n", uri(random)),
    };
    let transport = random.pick(&["UDP", "TCP", "TLS", "WS", "WSS"]);
    let via = format!(
        "Via: SIP/2.0/{transport} {}{};branch=z9hG4bK{}{}\r\n",
        random.pick(&hosts),
        port(random),
        random.bits(),
        random.pick(&["", ";rport", ";rport=5060;received=192.0.2.1"])
    );
    let from = format!(
        "From: {}<{}>;tag={}\r\n",
        random.pick(&names),
        uri(random),
        random.bits()
    );
    let to = format!(
        "To: {}<{}>{}\r\n",
        random.pick(&names),
        uri(random),
        random.pick(&["", ";tag=abc"])
    );
    let contact = format!(
        "Contact: {}<{}>{}\r\n",
        random.pick(&names),
        uri(random),
        random.pick(&params)
    );
    let call_id = format!("Call-ID: {}@{}\r\n", random.bits(), random.pick(&hosts));
    let cseq = format!(
        "CSeq: {} {method}\r\n",
        u32::try_from(random.bits() >> 32).unwrap()
    );
    let mut lines = vec![
        via,
        from,
        to,
        contact,
        call_id,
        cseq,
        "X-Other: a: b; c\r\n".to_owned(),
    ];
    for i in (1..lines.len()).rev() {
        lines.swap(i, random.below(i + 1));
    }
    text.extend(lines);
    let body: String = (0..random.below(60))
        .map(|_| char::from(b' ' + u8::try_from(random.below(90)).unwrap()))
        .collect();
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    text.into_bytes()
}
