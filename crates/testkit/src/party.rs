//! One side of one dialog, as a peer keeps it.

use std::net::SocketAddr;

use crate::sip::uri_in;
use crate::{Rng, Sip};

/// A peer's side of a call: ids, route set, target, sequence numbers.
#[derive(Clone, Debug)]
pub struct Party {
    /// Where it signals from.
    pub addr: SocketAddr,
    /// Call-ID.
    pub call_id: String,
    /// Its own From or To value, tag included.
    pub local: String,
    /// The switch's, with its tag once known.
    pub remote: String,
    /// Request-URI of its next request.
    pub target: String,
    /// Route headers of its next request.
    pub routes: Vec<String>,
    /// Its last CSeq number.
    pub cseq: u32,
    /// The last INVITE that it sent.
    pub invite: Option<Sip>,
    rng: Rng,
}

impl Party {
    /// Somebody about to call `number` through the switch at `switch`.
    #[must_use]
    pub fn caller(addr: SocketAddr, switch: SocketAddr, from: &str, number: &str, rng: Rng) -> Self {
        let mut rng = rng;
        let target = format!("sip:{number}@{switch}");
        Self {
            addr,
            call_id: format!("{}@{}", rng.token(), addr.ip()),
            local: format!("<sip:{from}@{addr}>;tag={}", rng.token()),
            remote: format!("<{target}>"),
            target,
            routes: Vec::new(),
            cseq: 0,
            invite: None,
            rng,
        }
    }

    /// Somebody who got this INVITE.
    #[must_use]
    pub fn callee(addr: SocketAddr, invite: &Sip, rng: Rng) -> Self {
        let mut rng = rng;
        Self {
            addr,
            call_id: invite.call_id().to_owned(),
            local: format!("{};tag={}", invite.need("To"), rng.token()),
            remote: invite.need("From").to_owned(),
            target: invite.contact().unwrap_or_default().to_owned(),
            routes: invite.all("Record-Route").map(str::to_owned).collect(),
            cseq: 0,
            invite: None,
            rng,
        }
    }

    /// Another that knows the same and goes its own way: its branches are its own.
    #[must_use]
    pub fn twin(&mut self) -> Self {
        Self {
            rng: self.rng.fork(),
            ..self.clone()
        }
    }

    /// Its own tag.
    #[must_use]
    pub fn tag(&self) -> &str {
        crate::sip::param(&self.local, "tag").unwrap_or_default()
    }

    /// The value of a Via header with a branch of its own.
    pub fn via(&mut self) -> String {
        format!(
            "SIP/2.0/UDP {};branch=z9hG4bK{};rport",
            self.addr,
            self.rng.token()
        )
    }

    /// An INVITE; within the dialog once there is one.
    pub fn invite(&mut self, sdp: Option<&str>) -> Sip {
        let mut invite = self
            .request("INVITE")
            .with("Contact", format!("<sip:{}>", self.addr));
        if let Some(sdp) = sdp {
            invite = invite.with_sdp(sdp);
        }
        self.invite = Some(invite.clone());
        invite
    }

    /// Any other request.
    pub fn request(&mut self, method: &str) -> Sip {
        self.cseq += 1;
        let via = self.via();
        self.build(method, via, self.cseq)
    }

    fn build(&self, method: &str, via: String, cseq: u32) -> Sip {
        let mut sip = Sip::new(format!("{method} {} SIP/2.0", self.target))
            .with("Via", via)
            .with("Max-Forwards", "70");
        for route in &self.routes {
            sip = sip.with("Route", route.clone());
        }
        sip.with("From", self.local.clone())
            .with("To", self.remote.clone())
            .with("Call-ID", self.call_id.clone())
            .with("CSeq", format!("{cseq} {method}"))
    }

    /// The ACK to a final response to its last INVITE: of a refusal on the same branch (RFC 3261 §17.1.1.3), of a 2xx a
    /// request of its own (§13.2.2.4).
    pub fn ack(&mut self, response: &Sip) -> Sip {
        let (cseq, _) = response.cseq();
        if (200..300).contains(&response.status()) {
            self.learn(response);
            let via = self.via();
            return self.build("ACK", via, cseq);
        }
        let invite = self.invite.as_ref().expect("an INVITE to ACK the answer of");
        Sip::new(invite.start.replacen("INVITE", "ACK", 1))
            .with("Via", invite.need("Via"))
            .with("Max-Forwards", "70")
            .with("From", invite.need("From"))
            .with("To", response.need("To"))
            .with("Call-ID", invite.call_id())
            .with("CSeq", format!("{cseq} ACK"))
    }

    /// The CANCEL of its last INVITE (RFC 3261 §9.1).
    ///
    /// # Panics
    /// It has sent none.
    #[must_use]
    pub fn cancel(&self) -> Sip {
        let invite = self.invite.as_ref().expect("an INVITE to cancel");
        Sip::new(invite.start.replacen("INVITE", "CANCEL", 1))
            .with("Via", invite.need("Via"))
            .with("Max-Forwards", "70")
            .with("From", invite.need("From"))
            .with("To", invite.need("To"))
            .with("Call-ID", invite.call_id())
            .with("CSeq", format!("{} CANCEL", invite.cseq().0))
    }

    /// Takes tag, target and route set from a 2xx to its INVITE.
    pub fn learn(&mut self, response: &Sip) {
        if response.to_tag().is_some() {
            response.need("To").clone_into(&mut self.remote);
        }
        if let Some(contact) = response.contact() {
            contact.clone_into(&mut self.target);
        }
    }

    /// Takes the target from a request within the dialog.
    pub fn refresh(&mut self, request: &Sip) {
        if let Some(contact) = request.get("Contact") {
            uri_in(contact).clone_into(&mut self.target);
        }
    }

    /// A response to a request: its tag, and a Contact where a dialog is made or kept.
    #[must_use]
    pub fn reply(&self, request: &Sip, status: u16, sdp: Option<&str>) -> Sip {
        let mut sip = Sip::new(format!("SIP/2.0 {status} Told"));
        for via in request.all("Via") {
            sip = sip.with("Via", via);
        }
        for route in request.all("Record-Route") {
            sip = sip.with("Record-Route", route);
        }
        sip = sip.with("From", request.need("From"));
        let to = request.need("To");
        let tagged = request.to_tag().is_some() || status == 100;
        sip = sip.with(
            "To",
            if tagged {
                to.to_owned()
            } else {
                format!("{to};tag={}", self.tag())
            },
        );
        sip = sip
            .with("Call-ID", request.call_id())
            .with("CSeq", request.need("CSeq"));
        if request.method() == "INVITE" && (101..300).contains(&status) {
            sip = sip.with("Contact", format!("<sip:{}>", self.addr));
        }
        match sdp {
            Some(sdp) => sip.with_sdp(sdp),
            None => sip,
        }
    }
}
