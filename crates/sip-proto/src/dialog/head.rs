//! How a request within a dialog begins (RFC 3261 §12.2.1.1).

use sip_msg::{HeaderId, Method, SipUri, Writer};

use super::Dialog;
use super::octets::Octets;

/// The lines that a request within a dialog starts with, and where it goes.
#[derive(Clone, Debug)]
pub struct Head {
    method: Method,
    cseq: u32,
    uri: Octets,
    /// What a strict router leaves no room for in the Request-URI: the last Route.
    last: Option<Octets>,
    routes: Vec<Octets>,
    next_hop: Octets,
    call_id: Octets,
    from: Octets,
    to: Octets,
}

impl Head {
    pub(super) fn new(dialog: &Dialog, method: Method, cseq: u32) -> Self {
        let first = dialog.routes.first();
        // A first route without lr is a router of RFC 2543: it wants to see itself in the Request-URI and the target last.
        let strict = first.filter(|uri| SipUri::parse(uri).is_ok_and(|uri| !uri.params.has("lr")));
        let (uri, last, skip) = match strict {
            Some(router) => (request_uri(router), Some(dialog.target.clone()), 1),
            None => (dialog.target.clone(), None, 0),
        };
        Self {
            method,
            cseq,
            uri,
            last,
            routes: dialog.routes.iter().skip(skip).cloned().collect(),
            next_hop: first.unwrap_or(&dialog.target).clone(),
            call_id: dialog.call_id.clone(),
            from: dialog.local.clone(),
            to: dialog.remote.clone(),
        }
    }

    /// A request with start line, this Via value, Max-Forwards 70, Route, From, To, Call-ID and CSeq.
    pub fn writer(&self, via: &[u8]) -> Writer {
        let mut writer = Writer::request(&self.method, &self.uri);
        writer
            .header(HeaderId::Via, via)
            .header(HeaderId::MaxForwards, b"70");
        for route in self.routes.iter().chain(&self.last) {
            writer.parts(HeaderId::Route, |value| {
                value.text("<").text(&**route).text(">");
            });
        }
        writer
            .header(HeaderId::From, &self.from)
            .header(HeaderId::To, &self.to);
        writer.header(HeaderId::CallId, &self.call_id);
        writer.parts(HeaderId::CSeq, |value| {
            value
                .number(self.cseq.into())
                .text(" ")
                .text(self.method.as_bytes());
        });
        writer
    }

    /// The URI to resolve and send to: the first Route, else the target.
    pub fn next_hop(&self) -> &[u8] {
        &self.next_hop
    }

    /// The Request-URI.
    pub fn uri(&self) -> &[u8] {
        &self.uri
    }

    /// The CSeq number.
    pub fn cseq(&self) -> u32 {
        self.cseq
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }
}

/// A route as Request-URI: without what §19.1.1 forbids there, the method parameter and the header part.
fn request_uri(route: &Octets) -> Octets {
    let without_headers = route.split(|&c| c == b'?').next().unwrap_or_default();
    let mut uri = Vec::with_capacity(without_headers.len());
    for (i, part) in without_headers.split(|&c| c == b';').enumerate() {
        let name = part.split(|&c| c == b'=').next().unwrap_or_default();
        if i > 0 && name.eq_ignore_ascii_case(b"method") {
            continue;
        }
        if i > 0 {
            uri.push(b';');
        }
        uri.extend_from_slice(part);
    }
    uri.as_slice().into()
}
