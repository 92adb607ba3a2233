//! Peers that register with us, and registrars that we register with.

use std::time::{Duration, Instant};

use sip_msg::{HeaderId, Message};
use testbed::digest::{self, Who};
use testbed::sip::Incoming;
use testbed::{Bed, SipPeer};

use super::{header, is, method_of, ms, request, text};

/// A user's phone at a peer's address.
pub struct Phone<'p> {
    pub peer: &'p SipPeer,
    pub who: Who<'p>,
    call_id: String,
    cseq: std::cell::Cell<u32>,
}

impl<'p> Phone<'p> {
    pub fn new(peer: &'p SipPeer, who: Who<'p>) -> Self {
        let call_id = peer.mint("reg-");
        Self {
            peer,
            who,
            call_id,
            cseq: std::cell::Cell::new(0),
        }
    }

    /// The URI that it registers when nothing else is said.
    pub fn contact(&self) -> String {
        format!(
            "<sip:{}@{}{}>",
            self.who.0,
            self.peer.local(),
            self.peer.parameter()
        )
    }

    /// Sends a REGISTER for its user with these lines and gives the answer.
    pub fn send(&self, lines: &[&str]) -> Message {
        self.send_at(self.cseq.get() + 1, self.who.0, lines)
    }

    /// The same with a CSeq and a user in To of one's own.
    pub fn send_at(&self, cseq: u32, user: &str, lines: &[&str]) -> Message {
        let (peer, sut) = (self.peer, self.peer.sut());
        self.cseq.set(cseq);
        let (branch, tag) = (peer.mint("z9hG4bK"), peer.mint("f"));
        let mut all = vec![
            format!(
                "Via: SIP/2.0/{} {};branch={branch};rport",
                peer.via(),
                peer.local()
            ),
            format!("From: <sip:{user}@{sut}>;tag={tag}"),
            format!("To: <sip:{user}@{sut}>"),
            format!("Call-ID: {}", self.call_id),
            format!("CSeq: {cseq} REGISTER"),
            "Max-Forwards: 70".to_owned(),
        ];
        all.extend(lines.iter().map(|line| (*line).to_owned()));
        peer.send_raw(
            sut,
            request("REGISTER", &format!("sip:{sut}"), &all, None).as_bytes(),
        );
        let ours = |incoming: &Incoming| {
            incoming.message.cseq().0 == cseq && method_of(&incoming.message).is_empty()
        };
        peer.wait("an answer to REGISTER", ours).message
    }

    /// Credentials for this method and URI, by a fresh challenge.
    pub fn credentials(&self, method: &str, uri: &str) -> String {
        let challenge = self.send(&[]);
        assert_eq!(challenge.status(), Some(401), "{challenge:?}");
        let challenge = header(&challenge, HeaderId::WwwAuthenticate);
        digest::answer(&challenge, self.who, method, uri, 1)
    }

    /// Is challenged, and sends a REGISTER with these lines and credentials.
    pub fn register(&self, lines: &[&str]) -> Message {
        let uri = format!("sip:{}", self.peer.sut());
        let credentials = format!("Authorization: {}", self.credentials("REGISTER", &uri));
        let all: Vec<&str> = lines.iter().copied().chain([credentials.as_str()]).collect();
        self.send(&all)
    }

    /// Registers its contact as it is.
    pub fn comes(&self) {
        let contact = format!("Contact: {}", self.contact());
        let answer = self.register(&[&contact, "Expires: 600"]);
        assert_eq!(answer.status(), Some(200), "{answer:?}");
    }
}

/// What `/v1/registrations` lists, as (user, contact, source).
pub fn bindings(bed: &Bed) -> Vec<(String, String, String)> {
    let body = bed.get("/v1/registrations").body;
    let list: Vec<serde_json::Value> = serde_json::from_str(&body).expect("a list");
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    list.iter()
        .map(|row| (text(row, "user"), text(row, "contact"), text(row, "source")))
        .collect()
}

/// The state of a trunk's registration.
pub fn state(bed: &Bed, trunk: &str) -> String {
    let body = bed.get("/v1/trunks").body;
    let list: Vec<serde_json::Value> = serde_json::from_str(&body).expect("a list");
    let found = list.iter().find(|row| row["name"] == trunk).expect("the trunk");
    found["registration"]["state"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Waits for a state of a trunk's registration.
pub fn wait_state(bed: &Bed, trunk: &str, wanted: &str) {
    let end = Instant::now() + Duration::from_secs(5);
    while state(bed, trunk) != wanted {
        assert!(
            Instant::now() < end,
            "{trunk} is {:?}, not {wanted:?}\n{}",
            state(bed, trunk),
            bed.log()
        );
        std::thread::sleep(ms(10));
    }
}

/// A registrar, played by hand.
pub struct Registrar<'p>(pub &'p SipPeer);

impl Registrar<'_> {
    /// The next REGISTER.
    pub fn next(&self) -> Incoming {
        self.0.wait("REGISTER", is("REGISTER"))
    }

    /// The next REGISTER within this time.
    pub fn within(&self, time: Duration) -> Option<Incoming> {
        self.0.wait_for("REGISTER", time, is("REGISTER"))
    }

    /// Challenges.
    pub fn challenge(&self, register: &Incoming, nonce: &str, more: &str) {
        let value = format!("Digest realm=\"carrier\", nonce=\"{nonce}\", qop=\"auth\", algorithm=MD5{more}");
        self.answer(register, 401, &[("WWW-Authenticate", &value)]);
    }

    /// 200 that grants so many seconds.
    pub fn grant(&self, register: &Incoming, seconds: u32) {
        self.grant_with(register, seconds, &[]);
    }

    /// The same with more headers.
    pub fn grant_with(&self, register: &Incoming, seconds: u32, headers: &[(&str, &str)]) {
        let contact = format!(
            "{};expires={seconds}",
            header(&register.message, HeaderId::Contact)
        );
        let mut all = vec![("Contact", contact.as_str())];
        all.extend_from_slice(headers);
        self.answer(register, 200, &all);
    }

    /// Any answer.
    pub fn answer(&self, register: &Incoming, status: u16, headers: &[(&str, &str)]) {
        super::reply_raw(self.0, &register.message, status, "reg", headers, None);
    }
}

/// Nonce and count of a REGISTER's credentials, which have to be right.
pub fn shown(register: &Incoming, who: Who<'_>) -> (String, String) {
    let value = header(&register.message, HeaderId::Authorization);
    assert!(digest::is_right(&value, "REGISTER", who), "{value}");
    (digest::field(&value, "nonce"), digest::field(&value, "nc"))
}

/// Call-ID and CSeq of a message.
pub fn place(incoming: &Incoming) -> (String, u32) {
    (text(incoming.message.call_id()), incoming.message.cseq().0)
}

/// The seconds that a REGISTER asks for.
pub fn asked(register: &Incoming) -> u32 {
    register.message.number(HeaderId::Expires).expect("Expires")
}
