//! Beds and peers that speak SIP over connections: TCP, TLS, WebSocket.

use std::path::Path;

use testbed::certs::Authority;
use testbed::stream::Kind;
use testbed::{Bed, Call, Setup, SipPeer, sdp};

use super::{NUMBER, connect};

/// The port of the switch's TLS listener.
pub const TLS: u16 = 5061;
/// The port of its WebSocket listener.
pub const WS: u16 = 8088;

/// A daemon that listens by TCP too.
pub fn tcp(setup: impl FnOnce(Setup) -> Setup) -> Bed {
    super::bed(|base| setup(base.extra("[[listen]]\ntransport = \"tcp\"\nbind = \"{sut}\"")))
}

/// Alice calls, Bob answers; audio is not looked at here.
pub fn up<'p>(bed: &Bed, alice: &'p SipPeer, bob: &'p SipPeer) -> (Call<'p>, Call<'p>) {
    let call = alice.invite(NUMBER, Some(&sdp::offer(bed.places.rtp_a)));
    let leg = bob.incoming();
    leg.reply(180);
    call.expect(180);
    connect(&call, &leg, &sdp::offer(bed.places.rtp_b1));
    (call, leg)
}

/// Hold and resume by the caller.
pub fn hold(bed: &Bed, call: &Call<'_>, leg: &Call<'_>) {
    call.reinvite(Some(
        &sdp::offer(bed.places.rtp_a).replace("a=sendrecv", "a=sendonly"),
    ));
    leg.expect_request("INVITE");
    connect(call, leg, &sdp::offer(bed.places.rtp_b1));
}

/// What a bed with TLS has.
pub struct Tls {
    pub authority: Authority,
    pub bed: Bed,
}

/// A daemon with a TLS listener whose certificate is for `sut.test`; `lines` are those of the carrier, `{dir}` its folder.
pub fn tls(listener: &str, carrier: &[&str]) -> Tls {
    let authority = Authority::default();
    let prepare = |dir: &Path, base: Setup| {
        let _ = authority.write(dir, "ca.pem");
        let _ = authority.leaf(&["sut.test"]).write(dir, "sut");
        let _ = authority.leaf(&["us.test"]).write(dir, "us");
        let own_targets = carrier.iter().any(|line| line.starts_with("targets"));
        let mut lines = vec!["role = \"carrier\"", "sources = [\"{b1.ip}\"]", "priority = 0"];
        lines.extend(carrier);
        if !own_targets {
            lines.push("targets = [{ uri = \"sip:{b1};transport=tls\" }]");
        }
        base.without("b1")
            .without("b2")
            .trunk("b1", &lines)
            .extra(&format!(
                "[[listen]]\ntransport = \"tls\"\nbind = \"{{sut.ip}}:{TLS}\"\n\
             tls = {{ certificate = \"sut.pem\", key = \"sut.key\"{listener} }}"
            ))
    };
    let bed = Bed::start_with(env!("CARGO_BIN_EXE_tandem"), prepare);
    Tls { authority, bed }
}

impl Tls {
    /// The carrier, with a certificate for `name`.
    pub fn carrier(&self, name: &str, mutual: bool) -> SipPeer {
        let leaf = self.authority.leaf(&[name]);
        let kind = Kind::Tls {
            server: Some(self.authority.server(&leaf, mutual)),
            client: Some((self.authority.client(None), "sut.test".to_owned())),
        };
        self.bed.connected("B1", self.bed.places.b1, TLS, kind)
    }

    /// The customer, who connects.
    pub fn customer(&self, own: Option<&str>) -> SipPeer {
        let own = own.map(|name| self.authority.leaf(&[name]));
        let client = self.authority.client(own.as_ref());
        let kind = Kind::Tls {
            server: None,
            client: Some((client, "sut.test".to_owned())),
        };
        self.bed.connected("A", self.bed.places.a, TLS, kind)
    }
}

pub const C_TEST: &str = "tls = { name = \"c.test\", ca = \"ca.pem\" }";

pub fn options(peer: &SipPeer, number: usize) -> String {
    let (local, sut) = (peer.local(), peer.sut());
    format!(
        "OPTIONS sip:{sut} SIP/2.0\r\nVia: SIP/2.0/TCP {local};branch={}\r\nFrom: <sip:a@{local}>;tag=t{number}\r\n\
         To: <sip:{sut}>\r\nCall-ID: {}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        peer.mint("z9hG4bK"),
        peer.mint("options-"),
    )
}

/// From now on trunk b1 registers, and is called where it does.
pub fn registers(bed: &Bed, register: &str) {
    let toml = std::fs::read_to_string(bed.config()).unwrap();
    let register = register.replace("{b1}", &bed.places.b1.to_string());
    let (others, b1) = toml.split_once("name = \"b1\"\n").unwrap();
    let (b1, rest) = b1.split_once("\n\n").unwrap_or((b1, ""));
    let kept: Vec<&str> = b1.lines().filter(|line| !line.starts_with("targets")).collect();
    let b1 = kept.join("\n");
    bed.write_config(&format!("{others}name = \"b1\"\n{register}\n{b1}\n\n{rest}"));
    let answer = bed.ask("POST", "/v1/reload");
    assert_eq!(answer.status, 200, "{}", answer.body);
}
