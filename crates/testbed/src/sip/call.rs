//! One call as a peer sees it: enough of a dialog to write the next message.

use super::{Incoming, SipPeer};
use sip_msg::{HeaderId, Message};
use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::SocketAddr;

#[derive(Debug, Clone, Default)]
struct State {
    call_id: String,
    /// Our URI with our tag, as it stands in From of our requests.
    us: String,
    /// Their URI, with their tag once it is known.
    them: String,
    /// Their Contact.
    target: String,
    routes: Vec<String>,
    cseq: u32,
    /// Start line's URI, Via branch and CSeq of our last INVITE, for CANCEL and ACK.
    invite: Option<(String, String, u32)>,
    /// Their last request that wants an answer, by method.
    requests: Vec<Message>,
    our_tag: String,
    last_sent: String,
}

/// One call of one peer.
#[derive(Debug)]
pub struct Call<'p> {
    peer: &'p SipPeer,
    peer_address: SocketAddr,
    state: RefCell<State>,
    /// The INVITE that began the call, for a called party.
    pub invite: Option<Message>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl<'p> Call<'p> {
    pub(super) fn caller(
        peer: &'p SipPeer,
        number: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Self {
        let (local, sut) = (peer.local(), peer.sut());
        let target = format!("sip:{number}@{sut}");
        let our_tag = peer.mint("a");
        let state = State {
            call_id: peer.mint("call-"),
            us: format!("\"Alice\" <sip:+442071838750@{local}>;tag={our_tag}"),
            them: format!("<{target}>"),
            target,
            our_tag,
            ..State::default()
        };
        let call = Self {
            peer,
            peer_address: sut,
            state: RefCell::new(state),
            invite: None,
        };
        call.request_with("INVITE", headers, body);
        call
    }

    pub(super) fn called(peer: &'p SipPeer, incoming: Incoming) -> Self {
        let message = incoming.message;
        let our_tag = peer.mint("b");
        let contact = message
            .contact()
            .map(|contact| text(contact.uri))
            .unwrap_or_default();
        let record_route = message.values(HeaderId::RecordRoute).map(text).collect();
        let state = State {
            call_id: text(message.call_id()),
            us: format!(
                "{};tag={our_tag}",
                text(message.header(HeaderId::To).unwrap_or_default())
            ),
            them: text(message.header(HeaderId::From).unwrap_or_default()),
            target: contact,
            routes: record_route,
            our_tag,
            requests: vec![message.clone()],
            ..State::default()
        };
        Self {
            peer,
            peer_address: incoming.from,
            state: RefCell::new(state),
            invite: Some(message),
        }
    }

    /// This leg's Call-ID.
    #[must_use]
    pub fn call_id(&self) -> String {
        self.state.borrow().call_id.clone()
    }

    /// The tag that this peer gave itself.
    #[must_use]
    pub fn tag(&self) -> String {
        self.state.borrow().our_tag.clone()
    }

    /// The last datagram of this call that this peer has sent.
    #[must_use]
    pub fn last_sent(&self) -> String {
        self.state.borrow().last_sent.clone()
    }

    // --- expectations ---------------------------------------------------------------------------

    /// Waits for the response `status` in this call; a 100 that comes before it is passed over, anything else fails.
    ///
    /// # Panics
    /// When something else comes, or nothing.
    pub fn expect(&self, status: u16) -> Message {
        loop {
            let got = self.next(&format!("{status}")).message;
            match got.status() {
                Some(code) if code == status => return self.learned(got),
                Some(100) => {}
                Some(_) | None => self
                    .peer
                    .fail(&format!("expected {status}, got {}", first_line(&got))),
            }
        }
    }

    /// Waits for a request of this call; anything but a 100 before it fails.
    ///
    /// # Panics
    /// When something else comes, or nothing.
    pub fn expect_request(&self, method: &str) -> Message {
        loop {
            let got = self.next(method).message;
            match (got.method(), got.status()) {
                (Some(m), _) if m.as_bytes() == method.as_bytes() => {
                    if method != "ACK" {
                        self.state.borrow_mut().requests.push(got.clone());
                    }
                    return got;
                }
                (None, Some(100)) => {}
                (_, _) => self
                    .peer
                    .fail(&format!("expected {method}, got {}", first_line(&got))),
            }
        }
    }

    /// The next message of this call, whatever it is.
    ///
    /// # Panics
    /// When none comes in time.
    pub fn next(&self, what: &str) -> Incoming {
        let call_id = self.call_id();
        self.peer
            .wait(what, |incoming| incoming.message.call_id() == call_id.as_bytes())
    }

    /// Waits for `method` and answers it with 200.
    ///
    /// # Panics
    /// When something else comes, or nothing.
    pub fn ok(&self, method: &str) -> Message {
        let request = self.expect_request(method);
        self.reply_to(&request, 200, &[], None);
        request
    }

    /// Takes the remote tag, target and route set out of a response to our INVITE.
    fn learned(&self, response: Message) -> Message {
        let mut state = self.state.borrow_mut();
        if response.to_tag().is_some() && self.invite.is_none() {
            state.them = text(response.header(HeaderId::To).unwrap_or_default());
            if let Some(contact) = response.contact() {
                state.target = text(contact.uri);
            }
            let mut routes: Vec<String> = response.values(HeaderId::RecordRoute).map(text).collect();
            routes.reverse();
            if !routes.is_empty() {
                state.routes = routes;
            }
        }
        drop(state);
        response
    }

    // --- what the calling side says --------------------------------------------------------------

    /// Acknowledges the 2xx to the last INVITE.
    pub fn ack(&self) {
        self.ack_with(None);
    }

    /// The same with a body: the answer to an offer in the 200.
    pub fn ack_with(&self, body: Option<&str>) {
        let cseq = self.state.borrow().invite.as_ref().map_or(1, |invite| invite.2);
        let (target, branch) = (self.state.borrow().target.clone(), self.peer.mint("z9hG4bK"));
        self.write_request("ACK", &target, &branch, cseq, &[], body);
    }

    /// Acknowledges a final answer of 300 to 699 (RFC 3261 §17.1.1.3: the INVITE's branch and Request-URI).
    pub fn ack_failure(&self) {
        let invite = self.state.borrow().invite.clone();
        if let Some((uri, branch, cseq)) = invite {
            self.write_request("ACK", &uri, &branch, cseq, &[], None);
        }
    }

    /// Cancels the last INVITE.
    pub fn cancel(&self) {
        let invite = self.state.borrow().invite.clone();
        if let Some((uri, branch, cseq)) = invite {
            self.write_request("CANCEL", &uri, &branch, cseq, &[], None);
        }
    }

    // --- what either side says -------------------------------------------------------------------

    /// Hangs up. The answer is the test's to expect.
    pub fn bye(&self) {
        self.request_with("BYE", &[], None);
    }

    /// Sends a re-INVITE with this body.
    pub fn reinvite(&self, body: Option<&str>) {
        self.request_with("INVITE", &[], body);
    }

    /// Sends a request in the dialog (or the one that begins it) with the next CSeq.
    pub fn request_with(&self, method: &str, headers: &[(&str, &str)], body: Option<&str>) {
        let branch = self.peer.mint("z9hG4bK");
        let (target, cseq) = {
            let mut state = self.state.borrow_mut();
            state.cseq += 1;
            if method == "INVITE" {
                state.invite = Some((state.target.clone(), branch.clone(), state.cseq));
            }
            (state.target.clone(), state.cseq)
        };
        self.write_request(method, &target, &branch, cseq, headers, body);
    }

    /// Sends the last datagram of this call again, byte for byte.
    pub fn repeat(&self) {
        let last = self.state.borrow().last_sent.clone();
        self.peer.send_raw(self.peer_address, last.as_bytes());
    }

    // --- what the called side says ---------------------------------------------------------------

    /// Answers the last request of this call with `status`, without a body.
    pub fn reply(&self, status: u16) {
        self.reply_with(status, &[], None);
    }

    /// Answers the last request with `status` and a body.
    pub fn reply_sdp(&self, status: u16, body: &str) {
        self.reply_with(status, &[], Some(body));
    }

    /// Answers the last INVITE with 200 and a body.
    pub fn answer(&self, body: &str) {
        let invite = self.last_request("INVITE");
        self.reply_to(&invite, 200, &[], Some(body));
    }

    /// Answers the last request that came.
    ///
    /// # Panics
    /// When none has come.
    pub fn reply_with(&self, status: u16, headers: &[(&str, &str)], body: Option<&str>) {
        let request = self.state.borrow().requests.last().cloned();
        let request = request.unwrap_or_else(|| self.peer.fail("there is no request to answer"));
        self.reply_to(&request, status, headers, body);
    }

    /// The last request of this method that came in this call.
    ///
    /// # Panics
    /// When none has come.
    #[must_use]
    pub fn last_request(&self, method: &str) -> Message {
        let state = self.state.borrow();
        let of = |m: &&Message| {
            m.method()
                .is_some_and(|name| name.as_bytes() == method.as_bytes())
        };
        state
            .requests
            .iter()
            .rev()
            .find(of)
            .cloned()
            .unwrap_or_else(|| self.peer.fail(&format!("no {method} came")))
    }

    /// Answers `request`: its Via, From, To, Call-ID and CSeq as they came, our tag where there is none.
    pub fn reply_to(&self, request: &Message, status: u16, headers: &[(&str, &str)], body: Option<&str>) {
        let mut out = format!("SIP/2.0 {status} {}\r\n", sip_msg::status_reason(status));
        let method = request.method().map(|m| text(m.as_bytes())).unwrap_or_default();
        for header in request.headers() {
            match header.id {
                HeaderId::Via
                | HeaderId::RecordRoute
                | HeaderId::From
                | HeaderId::CallId
                | HeaderId::CSeq => {
                    line(&mut out, header.id.name(), &text(header.value));
                }
                HeaderId::To => {
                    let tag = match request.to_tag() {
                        None if status > 100 => format!(";tag={}", self.tag()),
                        None | Some(_) => String::new(),
                    };
                    line(&mut out, "To", &format!("{}{tag}", text(header.value)));
                }
                _ => {}
            }
        }
        // A redirection's contacts are somebody else's.
        if method == "INVITE" && !(300..400).contains(&status) {
            let (local, parameter) = (self.peer.local(), self.peer.parameter());
            line(&mut out, "Contact", &format!("<sip:bob@{local}{parameter}>"));
        }
        self.finish(out, headers, body);
    }

    // --- writing ---------------------------------------------------------------------------------

    fn write_request(
        &self,
        method: &str,
        uri: &str,
        branch: &str,
        cseq: u32,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) {
        let state = self.state.borrow().clone();
        let local = self.peer.local();
        let mut out = format!("{method} {uri} SIP/2.0\r\n");
        line(
            &mut out,
            "Via",
            &format!("SIP/2.0/{} {local};branch={branch};rport", self.peer.via()),
        );
        for route in &state.routes {
            line(&mut out, "Route", route);
        }
        line(&mut out, "Max-Forwards", "70");
        line(&mut out, "From", &state.us);
        line(&mut out, "To", &state.them);
        line(&mut out, "Call-ID", &state.call_id);
        line(&mut out, "CSeq", &format!("{cseq} {method}"));
        if method == "INVITE" {
            let parameter = self.peer.parameter();
            line(&mut out, "Contact", &format!("<sip:peer@{local}{parameter}>"));
        }
        self.finish(out, headers, body);
    }

    fn finish(&self, mut out: String, headers: &[(&str, &str)], body: Option<&str>) {
        for (name, value) in headers {
            line(&mut out, name, value);
        }
        let typed = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("Content-Type"));
        if body.is_some() && !typed {
            let typed = headers.iter().any(|(name, _)| *name == "Content-Type");
            if !typed {
                line(&mut out, "Content-Type", "application/sdp");
            }
        }
        let body = body.unwrap_or_default();
        let _ = write!(out, "Content-Length: {}\r\n\r\n{body}", body.len());
        self.peer.send_raw(self.peer_address, out.as_bytes());
        self.state.borrow_mut().last_sent = out;
    }
}

fn line(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, "{name}: {value}\r\n");
}

fn first_line(message: &Message) -> String {
    text(message.raw()).lines().next().unwrap_or_default().to_owned()
}
