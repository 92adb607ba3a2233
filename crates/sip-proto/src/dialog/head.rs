//! How a request within a dialog begins (RFC 3261 §12.2.1.1).

use sip_msg::{HeaderId, Method, SipUri, Writer};

use super::Dialog;
use super::octets::Octets;
use super::texts::{Text, Texts};

/// The lines that a request within a dialog starts with, and where it goes.
#[derive(Clone, Debug)]
pub struct Head {
    method: Method,
    cseq: u32,
    texts: Texts,
    routes: Box<[Octets]>,
    /// The Request-URI that a strict router wants: its own. The target takes the last Route's place, and its own falls away.
    strict: Option<Octets>,
}

impl Head {
    pub(super) fn new(dialog: &Dialog, method: Method, cseq: u32) -> Self {
        let first = dialog.routes.first();
        // A first route without lr is a router of RFC 2543: it wants to see itself in the Request-URI and the target last.
        let strict = first.filter(|uri| SipUri::parse(uri).is_ok_and(|uri| !uri.params.has("lr")));
        Self {
            method,
            cseq,
            texts: dialog.texts.clone(),
            routes: dialog.routes.clone(),
            strict: strict.map(request_uri),
        }
    }

    /// A request with start line, this Via value, Max-Forwards 70, Route, From, To, Call-ID and CSeq.
    pub fn writer(&self, via: &[u8]) -> Writer {
        let mut writer = Writer::request(&self.method, self.uri());
        writer
            .header(HeaderId::Via, via)
            .header(HeaderId::MaxForwards, b"70");
        let skip = usize::from(self.strict.is_some());
        let last = self.strict.as_ref().map(|_| self.texts.get(Text::Target));
        for route in self.routes.iter().map(|route| &**route).skip(skip).chain(last) {
            writer.parts(HeaderId::Route, |value| {
                value.text("<").text(route).text(">");
            });
        }
        writer
            .header(HeaderId::From, self.texts.get(Text::Local))
            .header(HeaderId::To, self.texts.get(Text::Remote));
        writer.header(HeaderId::CallId, self.texts.get(Text::CallId));
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
        self.routes
            .first()
            .map_or(self.texts.get(Text::Target), |first| first)
    }

    /// The Request-URI.
    pub fn uri(&self) -> &[u8] {
        self.strict
            .as_deref()
            .unwrap_or_else(|| self.texts.get(Text::Target))
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
