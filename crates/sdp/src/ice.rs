//! ICE as SDP has it (RFC 8839): credentials, candidates, and whether the peer's default address is still what it says.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::media::{Attribute, Media};
use crate::parse::Sdp;
use crate::span::{number, words};

/// What a peer says of ICE on one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ice<'a> {
    /// `a=ice-ufrag`, 4 to 256 characters.
    pub ufrag: &'a str,
    /// `a=ice-pwd`, 22 to 256 characters.
    pub password: &'a str,
    /// `a=ice-lite`: it sends no checks.
    pub lite: bool,
    /// None of its candidates is where the m= and c= lines point (RFC 8839 §4.2.5): somebody in between has rewritten those and
    /// not these, and wants the packets.
    pub mismatch: bool,
}

/// What the peer says of ICE on this stream; `None`: nothing usable, or that it has found a mismatch itself.
#[must_use]
pub fn ice<'a>(sdp: &'a Sdp, m: &'a Media) -> Option<Ice<'a>> {
    let text = |name: &str, least: usize| {
        let of = |attribute: Attribute<'a>| attribute.is(name).then_some(attribute.value).flatten();
        let value = m
            .attributes()
            .find_map(of)
            .or_else(|| sdp.attributes().find_map(of))?;
        let text = std::str::from_utf8(value).ok()?;
        let fits = (least..=256).contains(&text.len()) && text.bytes().all(is_ice_char);
        fits.then_some(text)
    };
    let (ufrag, password) = (text("ice-ufrag", 4)?, text("ice-pwd", 22)?);
    if m.attributes().any(|a| a.is("ice-mismatch")) {
        return None;
    }
    let lite = sdp.attributes().any(|a| a.is("ice-lite"));
    Some(Ice {
        ufrag,
        password,
        lite,
        mismatch: is_mismatch(sdp, m),
    })
}

/// `9` is where nobody listens: a peer that has no candidates yet (RFC 8840 §4.1.1).
fn is_mismatch(sdp: &Sdp, m: &Media) -> bool {
    let Some(endpoints) = sdp.endpoints(m, true).filter(|e| e.rtp.port() != 9) else {
        return false;
    };
    let mut candidates = candidates(m).filter(|c| c.component == 1).peekable();
    candidates.peek().is_some() && !candidates.any(|c| c.at() == Some(endpoints.rtp))
}

fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

/// An `a=candidate` (RFC 8839 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Alike for candidates of one kind and base.
    pub foundation: &'a str,
    /// 1: RTP (and RTCP, with mux), 2: RTCP.
    pub component: u16,
    /// `UDP`, in whatever case.
    pub transport: &'a str,
    /// The higher the better.
    pub priority: u32,
    /// An address, or a name (as browsers hide theirs).
    pub address: &'a str,
    /// Port.
    pub port: u16,
    /// `host`, `srflx`, `prflx`, `relay`.
    pub kind: &'a str,
}

impl Candidate<'_> {
    /// Where it is, if it has an address and is reached by UDP.
    #[must_use]
    pub fn at(&self) -> Option<SocketAddr> {
        let address: IpAddr = self.address.parse().ok()?;
        let is_udp = self.transport.eq_ignore_ascii_case("udp");
        is_udp.then(|| SocketAddr::new(address, self.port))
    }

    /// Reads the value of an `a=candidate`; what follows the kind is passed over.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Candidate<'_>> {
        let mut fields = words(value);
        let mut field = || fields.next().and_then(|f| std::str::from_utf8(f).ok());
        let foundation = field().filter(|f| f.len() <= 32 && f.bytes().all(is_ice_char))?;
        let component = number(field()?.as_bytes()).filter(|c| (1..=256).contains(c))?;
        let transport = field()?;
        let priority = number(field()?.as_bytes())?;
        let address = field()?;
        let port = number(field()?.as_bytes())?;
        field().filter(|typ| *typ == "typ")?;
        Some(Candidate {
            foundation,
            component,
            transport,
            priority,
            address,
            port,
            kind: field()?,
        })
    }
}

impl fmt::Display for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            foundation,
            component,
            transport,
            priority,
            address,
            port,
            kind,
        } = self;
        write!(
            f,
            "{foundation} {component} {transport} {priority} {address} {port} typ {kind}"
        )
    }
}

/// The candidates of a stream, in order; what cannot be read is left out.
pub fn candidates(m: &Media) -> impl Iterator<Item = Candidate<'_>> {
    m.attributes()
        .filter(|a| a.is("candidate"))
        .filter_map(|a| Candidate::parse(a.value?))
}

/// The lines of an agent that is reachable at `at` and nowhere else, one candidate with RTCP beside RTP: credentials,
/// `a=candidate`, `a=end-of-candidates`. `a=ice-lite` belongs to the session: [`ICE_LITE`].
#[must_use]
pub fn ice_lines(ufrag: &str, password: &str, at: SocketAddr) -> Vec<String> {
    let address = at.ip().to_string();
    let host = Candidate {
        foundation: "1",
        component: 1,
        transport: "UDP",
        // The only one: type preference of a host, local preference 65535, component 1 (RFC 8445 §5.1.2.1).
        priority: (126 << 24) | (65_535 << 8) | 255,
        address: &address,
        port: at.port(),
        kind: "host",
    };
    vec![
        format!("a=ice-ufrag:{ufrag}"),
        format!("a=ice-pwd:{password}"),
        format!("a=candidate:{host}"),
        "a=end-of-candidates".to_owned(),
    ]
}

/// What a lite agent says in its session part (RFC 8839 §5.3).
pub const ICE_LITE: &str = "a=ice-lite";
