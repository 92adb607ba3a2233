//! Dialogs (RFC 3261 §12).

use serde::{Deserialize, Serialize};
use sip_msg::{Message, Method, Writer};

/// Why no dialog comes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialogError {
    /// A provisional response without To-tag creates none (RFC 3261 §12.1).
    #[error("provisional response without To-tag")]
    NoTag,
    /// A request, a 100 or a final refusal where an answer was wanted, or a response where a request was.
    #[error("message creates no dialog")]
    NotCreating,
    /// An INVITE without Contact (RFC 3261 §8.1.1.8): nowhere to send later requests to.
    #[error("no usable Contact")]
    NoContact,
}

/// A request with a CSeq lower than the last: answer 500 (RFC 3261 §12.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("CSeq {got} after {last}")]
pub struct OutOfOrder {
    /// The last CSeq number that was in order.
    pub last: u32,
    /// The one that came.
    pub got: u32,
}

/// One side's view of a dialog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialog {
    call_id: Vec<u8>,
}

/// The lines that a request within a dialog starts with.
#[derive(Clone, Debug)]
pub struct Head {
    target: Vec<u8>,
}

impl Dialog {
    /// The caller's dialog, from its own INVITE and a response with To-tag (§12.1.2).
    pub fn uac(invite: &Message, response: &Message) -> Result<Self, DialogError> {
        let _ = (invite, response);
        todo!()
    }
    /// The callee's dialog, from the INVITE and the tag that we answer with (§12.1.1).
    pub fn uas(invite: &Message, local_tag: &[u8]) -> Result<Self, DialogError> {
        let _ = (invite, local_tag);
        todo!()
    }
    /// Call-ID.
    pub fn call_id(&self) -> &[u8] {
        &self.call_id
    }
    /// Our tag.
    pub fn local_tag(&self) -> &[u8] {
        todo!()
    }
    /// The peer's tag; empty if it gave none (RFC 2543).
    pub fn remote_tag(&self) -> &[u8] {
        todo!()
    }
    /// Where requests are meant for: the peer's Contact URI.
    pub fn remote_target(&self) -> &[u8] {
        todo!()
    }
    /// Our URI.
    pub fn local_uri(&self) -> &[u8] {
        todo!()
    }
    /// The peer's URI.
    pub fn remote_uri(&self) -> &[u8] {
        todo!()
    }
    /// CSeq number of the last INVITE that we sent in it.
    pub fn invite_cseq(&self) -> u32 {
        todo!()
    }
    /// Whether a 2xx came or went (§12.3).
    pub fn is_confirmed(&self) -> bool {
        todo!()
    }
    /// Whether a request or response belongs here: Call-ID and both tags (§12.2.2).
    pub fn matches(&self, message: &Message) -> bool {
        let _ = message;
        todo!()
    }
    /// A 2xx came (caller) or went (callee).
    pub fn confirm(&mut self, response: &Message) {
        let _ = response;
        todo!()
    }
    /// The head of a new request: takes the next CSeq (ACK and CANCEL: that of the INVITE).
    pub fn request(&mut self, method: &Method) -> Head {
        let _ = method;
        todo!()
    }
    /// The head of the ACK to a 2xx for the INVITE with this CSeq number.
    pub fn ack(&self, cseq: u32) -> Head {
        let _ = cseq;
        todo!()
    }
    /// Checks the order of a request that came (§12.2.2).
    pub fn receive_request(&mut self, request: &Message) -> Result<(), OutOfOrder> {
        let _ = request;
        todo!()
    }
    /// Takes the Contact of a target refresh request or of a 2xx to one (§12.2.1.2, §12.2.2).
    pub fn refresh_target(&mut self, message: &Message) {
        let _ = message;
        todo!()
    }
}

impl Head {
    /// A request with start line, this Via, Max-Forwards, Route, From, To, Call-ID and CSeq.
    pub fn writer(&self, via: &[u8]) -> Writer {
        let _ = via;
        todo!()
    }
    /// The URI to resolve and send to: the first Route, else the target.
    pub fn next_hop(&self) -> &[u8] {
        &self.target
    }
    /// The CSeq number.
    pub fn cseq(&self) -> u32 {
        todo!()
    }
}
