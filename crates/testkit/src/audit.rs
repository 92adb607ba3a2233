//! What has to hold of every message that a switch sends, whatever the call.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use crate::{Sip, sdp};

/// After which nobody waits for an answer to an INVITE any more (RFC 3261 §17.1.1.2).
const TIMER_B: Duration = Duration::from_secs(32);

/// Faults that are kept of each kind.
const MOST_OF_A_KIND: u32 = 3;

/// A request of the switch's.
#[derive(Debug)]
struct Sent {
    bytes: Bytes,
    /// When it was sent first.
    first: Duration,
    /// Something came back before its transaction had given up, and before the process had died.
    heard: bool,
    /// The process that sent it died before it had its final answer.
    forgotten: bool,
    provisional: bool,
    last_status: u16,
}

/// A request of a peer's.
#[derive(Debug)]
struct Received {
    status: u16,
    to_tag: Option<String>,
    /// A session was agreed on before the final answer, reliably.
    early: bool,
}

/// The body that the switch sent last on one leg.
#[derive(Debug)]
struct Body {
    text: String,
    id: u64,
    version: u64,
    streams: usize,
}

/// Watches what the switch sends and gets.
#[derive(Debug, Default)]
pub struct Audit {
    /// What may not be and was.
    pub faults: Vec<String>,
    /// Text that must never go to an address: what is on the other side.
    pub hidden: Vec<(IpAddr, String)>,
    kinds: HashMap<String, u32>,
    sent: HashMap<String, Sent>,
    received: HashMap<String, Received>,
    /// Requests that processes had got which are dead.
    gone: HashSet<String>,
    /// Call-IDs of INVITEs that came to one process and, delayed or sent again, to the next one.
    twice: HashSet<String>,
    cseq: HashMap<(String, String), u32>,
    bodies: HashMap<String, Body>,
    /// BYEs of the switch's by Call-ID and To-tag, with their keys.
    byes: HashMap<(String, String), String>,
}

impl Audit {
    fn fault(&mut self, at: Duration, to: SocketAddr, sip: &Sip, text: &str) {
        let kind = text.split(';').next().unwrap_or_default().to_owned();
        let known = self.kinds.entry(kind).or_insert(0_u32);
        *known += 1;
        if *known <= MOST_OF_A_KIND {
            self.faults.push(format!(
                "{:.3} to {to}: {text}\n{}",
                at.as_secs_f64(),
                sip.write()
            ));
        }
    }

    /// A datagram has reached the switch.
    pub(crate) fn received(&mut self, at: Duration, from: SocketAddr, bytes: &[u8]) {
        let Ok(sip) = Sip::read(bytes) else { return };
        if sip.is_request() {
            if sip.method() != "ACK" {
                let key = format!("{from} {}", sip.key());
                if self.gone.contains(&key) && sip.method() == "INVITE" {
                    self.twice.insert(sip.call_id().to_owned());
                }
                self.received.entry(key).or_insert(Received {
                    status: 0,
                    to_tag: None,
                    early: false,
                });
            }
            return;
        }
        if let Some(sent) = self.sent.get_mut(&sip.key()) {
            sent.provisional = true;
            sent.heard |= at < sent.first + TIMER_B && !sent.forgotten;
            sent.last_status = sent.last_status.max(sip.status());
        }
    }

    /// The switch sends a datagram.
    pub(crate) fn sent(&mut self, at: Duration, to: SocketAddr, bytes: &Bytes) {
        let sip = match Sip::read(bytes) {
            Ok(sip) => sip,
            Err(error) => return self.faults.push(format!("{at:?} to {to}: {error}")),
        };
        if let Err(error) = sip_msg::parse(bytes.clone(), &sip_msg::Limits::default()) {
            self.fault(
                at,
                to,
                &sip,
                &format!("our own parser refuses it: {:?}", error.defect),
            );
        }
        let leaks: Vec<String> = self
            .hidden
            .iter()
            .filter(|(ip, text)| *ip == to.ip() && memfind(bytes, text.as_bytes()))
            .map(|(_, text)| format!("it shows {text}"))
            .collect();
        for leak in leaks {
            self.fault(at, to, &sip, &leak);
        }
        if sip.is_request() {
            self.sent_request(at, to, &sip, bytes)
        } else {
            self.sent_response(at, to, &sip)
        }
    }

    fn sent_request(&mut self, at: Duration, to: SocketAddr, sip: &Sip, bytes: &Bytes) {
        let key = sip.key();
        if let Some(known) = self.sent.get(&key) {
            let (changed, late) = (
                known.bytes != bytes,
                known.last_status >= 200 && sip.method() != "ACK",
            );
            if changed {
                self.fault(at, to, sip, "sent again, but changed");
            }
            if late {
                self.fault(at, to, sip, "sent again after its final answer");
            }
            return;
        }
        self.sent.insert(
            key.clone(),
            Sent {
                bytes: bytes.clone(),
                first: at,
                heard: false,
                forgotten: false,
                provisional: false,
                last_status: 0,
            },
        );
        if sip.all("Via").count() != 1 || sip.get("Max-Forwards").is_none() {
            self.fault(at, to, sip, "Via or Max-Forwards");
        }
        match sip.method() {
            "ACK" => {}
            "CANCEL" => {
                let invite = self.sent.get(&format!("{} INVITE", sip.branch()));
                let wrong = match invite {
                    None => Some("CANCEL of nothing"),
                    Some(invite) if !invite.provisional => Some("CANCEL before any answer"),
                    Some(invite) if invite.last_status >= 200 => Some("CANCEL after the final answer"),
                    Some(_) => None,
                };
                if let Some(wrong) = wrong {
                    self.fault(at, to, sip, wrong);
                }
            }
            _ => self.new_request(at, to, sip, key),
        }
        self.body(at, to, sip);
    }

    fn new_request(&mut self, at: Duration, to: SocketAddr, sip: &Sip, key: String) {
        let dialog = |tag: &str| (sip.call_id().to_owned(), tag.to_owned());
        let before = self.cseq.get(&dialog("")).copied();
        let last = self
            .cseq
            .insert(dialog(sip.to_tag().unwrap_or_default()), sip.cseq().0);
        let last = last.max(before);
        if last.is_some_and(|last| last >= sip.cseq().0) {
            self.fault(at, to, sip, &format!("CSeq after {last:?}"));
        }
        let dialog = (
            sip.call_id().to_owned(),
            sip.to_tag().unwrap_or_default().to_owned(),
        );
        if sip.method() == "BYE" {
            if let Some(first) = self.byes.insert(dialog, key)
                && !matches!(
                    self.sent.get(&first).map(|sent| sent.last_status),
                    Some(401 | 407)
                )
            {
                self.fault(at, to, sip, "a second BYE");
            }
        } else if self.byes.contains_key(&dialog) {
            self.fault(at, to, sip, "a request after BYE");
        }
    }

    fn sent_response(&mut self, at: Duration, to: SocketAddr, sip: &Sip) {
        let key = format!("{to} {}", sip.key());
        let Some(known) = self.received.get_mut(&key) else {
            return self.fault(at, to, sip, "an answer to no request");
        };
        let (status, before) = (sip.status(), known.status);
        known.status = before.max(status);
        known.early |= status < 200 && sip.get("RSeq").is_some() && sip.sdp().is_some();
        let early = known.early;
        let tag = sip.to_tag().map(str::to_owned);
        let untagged = status > 100 && tag.is_none();
        let other_tag = status > 100 && known.to_tag.is_some() && known.to_tag != tag;
        if status > 100 {
            known.to_tag = tag;
        }
        if before >= 200 && status != before {
            self.fault(at, to, sip, &format!("another answer after {before}"));
        }
        if untagged {
            self.fault(at, to, sip, "no To-tag");
        }
        if other_tag {
            self.fault(at, to, sip, "another To-tag");
        }
        if sip.method() == "INVITE" && (200..300).contains(&status) {
            if sip.contact().is_none() {
                self.fault(at, to, sip, "2xx without Contact");
            }
            if !sip.body.contains("m=") && !early {
                self.fault(at, to, sip, "2xx without SDP");
            }
        }
        self.body(at, to, sip);
    }

    /// RFC 3264 §8: one session id, a version that grows by one with each change, streams that never go away.
    fn body(&mut self, at: Duration, to: SocketAddr, sip: &Sip) {
        let Some(text) = sip.sdp() else { return };
        let Some((id, version)) = sdp::origin(text) else {
            return self.fault(at, to, sip, "no o= line");
        };
        let streams = sdp::media(text).len();
        let body = Body {
            text: text.to_owned(),
            id,
            version,
            streams,
        };
        let Some(last) = self.bodies.insert(sip.call_id().to_owned(), body) else {
            return;
        };
        let wrong = if last.text == text {
            None
        } else if last.id != id {
            Some("another session id")
        } else if last.version + 1 != version {
            Some("a changed body has to have the next version")
        } else if last.streams > streams && sip.is_request() {
            Some("streams have gone away")
        } else {
            None
        };
        if let Some(wrong) = wrong {
            self.fault(at, to, sip, &format!("{wrong}; last was\n{}", last.text));
        }
    }

    /// Whether the last INVITE of the switch's with this Call-ID was never answered within its transaction, or while its process
    /// lived: nobody could know that it had arrived, nor cancel it (RFC 3261 §9.1).
    #[must_use]
    pub fn is_unheard(&self, call_id: &str) -> bool {
        let invites = self.sent.values().filter_map(|sent| {
            let sip = Sip::read(&sent.bytes).ok()?;
            let wanted = sip.method() == "INVITE" && sip.call_id() == call_id;
            wanted.then_some((sent.first, sent.heard && !sent.forgotten))
        });
        invites.max().is_some_and(|(_, heard)| !heard)
    }

    /// Whether two processes had the INVITE of this call: each has made a call of it.
    #[must_use]
    pub fn came_twice(&self, call_id: &str) -> bool {
        self.twice.contains(call_id)
    }

    /// The process that got them is gone: whoever sends them again is answered by another.
    pub(crate) fn crash(&mut self) {
        self.gone.extend(self.received.drain().map(|(key, _)| key));
        for sent in self.sent.values_mut() {
            sent.forgotten |= sent.last_status < 200;
        }
    }

    /// Requests that the switch got and never gave a final answer to, by source, branch and method.
    #[must_use]
    pub fn unanswered(&self) -> Vec<&str> {
        let open = self.received.iter().filter(|(_, received)| received.status < 200);
        let mut keys: Vec<&str> = open.map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        keys
    }
}

fn memfind(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
