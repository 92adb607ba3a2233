//! STIR/SHAKEN through the daemon: signed by one, verified by another; everything that may be wrong with a signature and its
//! certificate; certificate servers that hang; keys that change under calls.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod signing;
mod verifying;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sip_msg::{HeaderId, Message};
use stir::{Attest, CertificateUrl, Chain, Claims, Party, Ppt, Signer, origination_id};
use support::phone::Phone;
use support::{NUMBER, check, connect, hang_up, header, invite_of, ms, quick, text, values};
use testbed::certs::{Authority, Issued, Tn, Wish};
use testbed::https::{HttpsServer, Page};
use testbed::{Bed, Call, Record, Setup, SipPeer, sdp};

/// The raw peers' own number, and the one that they call.
const CALLER: &str = "442071838750";
const CALLED: &str = "442079460000";
/// A number to which calls to the customer are sent on.
const ELSEWHERE: &str = "+442079460999";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn tn(number: &str) -> Party {
    Party::Tn(number.to_owned())
}

/// The authorities, and a server with certificates.
struct World {
    root: Authority,
    web: Authority,
    server: HttpsServer,
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let root = Authority::root("STI-PA root");
        let web = Authority::root("web root");
        let ip = Ipv4Addr::LOCALHOST;
        let server = HttpsServer::start(IpAddr::V4(ip), web.server(&web.leaf(&[&ip.to_string()]), false));
        let dir = tempfile::tempdir().unwrap();
        let world = Self {
            root,
            web,
            server,
            dir,
        };
        world.write("anchors.pem", &world.root.pem());
        world.write("web.pem", &world.web.pem());
        world
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// A signer's certificate, published.
    fn publish(&self, path: &str, issued: &Issued) -> String {
        self.server.put(path, Page::of(&issued.chain));
        self.server.url(path)
    }

    /// A signer of the test's own, published.
    fn signer(&self, path: &str, wish: &Wish<'_>) -> Signer {
        let issued = self.root.below("STI-CA").issue(wish);
        signer_of(&issued, &self.publish(path, &issued))
    }

    /// `[stir]` of a verifier; the test's server is on a loopback address.
    fn verifies(&self) -> String {
        format!(
            "[stir]\ntrust_anchors = {:?}\nhttps_roots = {:?}\ncertificate_ports = {}\nprivate_addresses = true\n",
            self.path("anchors.pem"),
            self.path("web.pem"),
            self.server.port()
        )
    }

    /// `[stir]` of a signer, with its key in the world's folder.
    fn signs(&self, issued: &Issued, url: &str) -> String {
        format!(
            "[stir]\nprivate_key = {:?}\ncertificate = {:?}\ncertificate_url = {url:?}\n",
            self.write("key.pem", &issued.key),
            self.write("chain.pem", &issued.chain),
        )
    }

    /// A switch whose carrier B1 is verified (`how`) and whose customer is told.
    fn verifier(&self, how: &str, more: &str) -> Bed {
        quick(|setup| {
            setup
                .key("b1", &format!("stir = {{ verify = {how:?} }}"))
                .key(
                    "pbx",
                    "stir = { verstat = [\"from\", \"pai\", \"headers\"], verstat_letter = true }",
                )
                .extra("[[number]]\nmatch = \"+44207946*\"\nto = \"pbx\"")
                .extra(&(self.verifies() + more))
        })
    }
}

fn signer_of(issued: &Issued, url: &str) -> Signer {
    let chain = Chain::parse(issued.chain.as_bytes()).unwrap();
    Signer::new(issued.key.as_bytes(), &chain, CertificateUrl::parse(url).unwrap()).unwrap()
}

fn shaken() -> Claims {
    Claims {
        attest: Some(Attest::A),
        origid: Some(origination_id([7, 9])),
        ..Claims::base(tn(CALLER), vec![tn(CALLED)], now())
    }
}

/// A call from a carrier with these Identity headers.
fn call_with<'p>(bed: &Bed, peer: &'p SipPeer, identities: &[String]) -> Call<'p> {
    let headers: Vec<(&str, &str)> = identities
        .iter()
        .map(|value| ("Identity", value.as_str()))
        .collect();
    peer.invite_with(NUMBER, &headers, Some(&sdp::offer(bed.places.rtp_b1)))
}

/// The called side answers and hangs up.
fn answer_and_end(call: &Call<'_>, leg: &Call<'_>, at: SocketAddr) {
    connect(call, leg, &sdp::offer(at));
    hang_up(leg, call);
}

/// What stands for `verstat` in From and in P-Asserted-Identity.
fn verstat(invite: &Message) -> [String; 2] {
    [HeaderId::From, HeaderId::PAssertedIdentity].map(|id| {
        let value = header(invite, id);
        let (_, behind) = value.split_once(";verstat=").unwrap_or_else(|| panic!("{value}"));
        behind.split('@').next().unwrap().to_owned()
    })
}

fn assert_verstat(invite: &Message, expected: &str) {
    assert_eq!(verstat(invite), [expected, expected], "{}", text(invite.raw()));
}

fn metric(bed: &Bed, name: &str, label: &str) -> f64 {
    bed.metrics().sum_where(name, label).unwrap_or(0.0)
}
