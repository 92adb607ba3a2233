//! The common test bed: a caller, the switch, two carriers; each message played by hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use switch::record::CallRecord;
use switch::{Input, Snapshot};

use crate::{Party, Sip, World, sdp};

/// The switch.
pub const SWITCH: &str = "127.0.0.1:5060";
/// The caller, a customer's PBX.
pub const A: &str = "127.0.0.10:5070";
/// The first carrier.
pub const B1: &str = "127.0.0.20:5080";
/// The second carrier.
pub const B2: &str = "127.0.0.21:5081";
/// A stranger.
pub const X: &str = "127.0.0.66:5066";

/// The bed's configuration: A may call; everything goes to B1, then to B2.
pub const CONFIG: &str = r#"
[[listen]]
transport = "udp"
bind = "127.0.0.1:5060"

[media]
bind = "127.0.0.1"
ports = "10000-11999"

[[trunk]]
name = "pbx"
role = "customer"
sources = ["127.0.0.10/32"]

[[trunk]]
name = "b1"
role = "carrier"
priority = 1
targets = [{ uri = "sip:127.0.0.20:5080" }]
sources = ["127.0.0.20/32"]

[[trunk]]
name = "b2"
role = "carrier"
priority = 2
targets = [{ uri = "sip:127.0.0.21:5081" }]
sources = ["127.0.0.21/32"]
"#;

/// How long after the last message nothing may be left: 64·T1 with T1 = 500 ms, and some.
const SETTLE: Duration = Duration::from_secs(40);

/// The bed.
pub struct Bed {
    /// The world that it stands in.
    pub world: World,
    forgiven: Vec<String>,
}

/// An address from its text.
///
/// # Panics
/// It is none.
#[must_use]
pub fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

impl Default for Bed {
    fn default() -> Self {
        Self::new()
    }
}

impl Bed {
    /// The bed with its own configuration.
    #[must_use]
    pub fn new() -> Self {
        Self::with(CONFIG)
    }

    /// The bed with more lines in the `[sip]`, `[media]` and other tables: `("[media]", "rtp_timeout = \"5s\"")`
    /// puts a line behind a table's head; `("name = \"b1\"", …)` one into a trunk.
    #[must_use]
    pub fn changed(changes: &[(&str, &str)]) -> Self {
        Self::with(&config(changes))
    }

    /// The bed with a configuration of one's own.
    #[must_use]
    pub fn with(toml: &str) -> Self {
        let mut world = World::new(crate::seed(1), crate::snapshot(toml));
        let shows = |peer: &str, other: &str| (addr(peer).ip(), addr(other).ip().to_string());
        world.audit.hidden = vec![
            shows(A, B1),
            shows(A, B2),
            shows(B1, A),
            shows(B2, A),
            shows(B1, B2),
            shows(B2, B1),
        ];
        Self {
            world,
            forgiven: Vec::new(),
        }
    }

    /// A caller at A who dials this number.
    pub fn caller(&mut self, number: &str) -> Party {
        let rng = self.world.rng.fork();
        Party::caller(addr(A), self.world.switch_addr(), "+4930111", number, rng)
    }

    /// Whoever got this INVITE at `at`.
    pub fn callee(&mut self, at: &str, invite: &Sip) -> Party {
        let rng = self.world.rng.fork();
        Party::callee(addr(at), invite, rng)
    }

    /// A message leaves a peer for the switch.
    pub fn send(&mut self, from: &str, sip: &Sip) {
        self.world.send_bytes(addr(from), Bytes::from(sip.write()));
    }

    /// The next message at a peer, whatever it is, within a minute; 100s are passed over.
    pub fn next(&mut self, at: &str) -> (Duration, Sip) {
        let peer = addr(at);
        let until = self.world.elapsed() + Duration::from_secs(60);
        loop {
            while let Some((when, sip)) = self.world.take(peer) {
                if sip.status() != 100 {
                    return (when, sip);
                }
            }
            assert!(self.world.step(until), "nothing came to {at}\n{}", self.story());
        }
    }

    /// The next message at any of some peers, whatever it is, within a minute, and where it is; 100s are passed over.
    pub fn next_of<'p>(&mut self, peers: &[&'p str]) -> (&'p str, Sip) {
        let until = self.world.elapsed() + Duration::from_secs(60);
        loop {
            for at in peers {
                while let Some((_, sip)) = self.world.take(addr(at)) {
                    if sip.status() != 100 {
                        return (at, sip);
                    }
                }
            }
            assert!(
                self.world.step(until),
                "nothing came to {peers:?}\n{}",
                self.story()
            );
        }
    }

    /// The next message at a peer, which has to be this one: `INVITE`, `180 INVITE`.
    pub fn expect(&mut self, at: &str, title: &str) -> Sip {
        let (_, sip) = self.next(at);
        assert_eq!(sip.title(), title, "at {at}:\n{}\n{}", sip.write(), self.story());
        sip
    }

    /// The next message at a peer, which has to be this one and has to come within some milliseconds.
    pub fn expect_within(&mut self, at: &str, title: &str, ms: u64) -> Sip {
        let limit = self.world.elapsed() + Duration::from_millis(ms);
        let sip = self.expect(at, title);
        assert!(
            self.world.elapsed() <= limit,
            "{title} came to {at} too late\n{}",
            self.story()
        );
        sip
    }

    /// Lets time pass; what comes stays in the peers' inboxes.
    pub fn wait(&mut self, ms: u64) {
        self.world.run(Duration::from_millis(ms));
    }

    /// Lets time pass, in which nothing may come to a peer.
    pub fn quiet(&mut self, at: &str, ms: u64) {
        self.wait(ms);
        let came = self.world.take(addr(at)).map(|(_, sip)| sip.write());
        assert_eq!(came, None, "at {at}:\n{}", self.story());
    }

    /// Everything that has come to a peer and was not looked at, with its time; the inbox is empty then.
    pub fn drain(&mut self, at: &str) -> Vec<(Duration, Sip)> {
        std::iter::from_fn(|| self.world.take(addr(at))).collect()
    }

    /// All messages so far.
    #[must_use]
    pub fn story(&self) -> String {
        self.world.transcript(|_| true)
    }

    /// The switch is told to use another configuration.
    pub fn reload(&mut self, toml: &str) {
        let snapshot: Arc<Snapshot> = crate::snapshot(toml);
        self.world.tell(Input::Reload(snapshot));
    }

    /// The audio end of the caller.
    #[must_use]
    pub fn caller_end() -> sdp::End {
        sdp::End::new(addr("127.0.0.10:20000"))
    }

    /// The audio end of a carrier.
    #[must_use]
    pub fn carrier_end(at: &str) -> sdp::End {
        sdp::End::new(SocketAddr::new(
            addr(at).ip(),
            if at == B1 { 30000 } else { 31000 },
        ))
    }

    /// A's INVITE, and as it reaches B1.
    pub fn dial(&mut self) -> (Party, Party, Sip) {
        let mut a = self.caller("+442071838750");
        let invite = a.invite(Some(&Self::caller_end().offer("sendrecv")));
        self.send(A, &invite);
        let at_b = self.expect(B1, "INVITE");
        let b = self.callee(B1, &at_b);
        (a, b, at_b)
    }

    /// The called side's answer to an INVITE: 200 with SDP.
    #[must_use]
    pub fn answer_of(at: &str, party: &Party, invite: &Sip) -> Sip {
        let end = Self::carrier_end(at);
        let body = match invite.sdp() {
            Some(offer) => end.answer(offer, sdp::complement(sdp::live(offer).direction())),
            None => end.offer("sendrecv"),
        };
        party.reply(invite, 200, Some(&body))
    }

    /// The next message at a peer has to be this request; it is answered with this status.
    pub fn serve(&mut self, at: &str, party: &Party, title: &str, status: u16) -> Sip {
        let request = self.expect(at, title);
        self.send(at, &party.reply(&request, status, None));
        request
    }

    /// A call from A to B1, answered and ACKed on both legs.
    pub fn connect(&mut self) -> (Party, Party) {
        let (mut a, b, at_b) = self.dial();
        self.send(B1, &b.reply(&at_b, 180, None));
        self.expect(A, "180 INVITE");
        self.send(B1, &Self::answer_of(B1, &b, &at_b));
        self.expect(B1, "ACK");
        let ok = self.expect(A, "200 INVITE");
        let ack = a.ack(&ok);
        self.send(A, &ack);
        self.wait(50);
        (a, b)
    }

    /// A hangs up, and both legs end as they should.
    pub fn hang_up(&mut self, a: &mut Party, b: &Party) {
        let bye = a.request("BYE");
        self.send(A, &bye);
        self.serve(B1, b, "BYE", 200);
        self.expect(A, "200 BYE");
    }

    /// A request with this branch and method need not have been answered.
    pub fn forgive(&mut self, request: &Sip) {
        self.forgiven.push(request.key());
    }

    /// Lets everything come to rest; nothing may be left. The calls' records, in the order of their ends.
    pub fn settle(&mut self) -> Vec<CallRecord> {
        self.world.run(SETTLE);
        let mut faults = self.world.faults();
        let open = self.world.audit.unanswered();
        let open = open
            .into_iter()
            .filter(|key| !self.forgiven.iter().any(|forgiven| key.ends_with(forgiven)));
        faults.extend(open.map(|key| format!("never answered: {key}")));
        assert!(faults.is_empty(), "{}\n{}", faults.join("\n"), self.story());
        std::mem::take(&mut self.world.store.finals)
    }

    /// Lets everything come to rest; the only call's only record.
    pub fn settle_one(&mut self) -> CallRecord {
        let mut records = self.settle();
        assert_eq!(records.len(), 1, "records\n{}", self.story());
        records.remove(0)
    }
}

/// [`CONFIG`] with lines put behind other lines.
#[must_use]
pub fn config(changes: &[(&str, &str)]) -> String {
    let mut toml = CONFIG.to_owned();
    for (behind, line) in changes {
        if behind.is_empty() || !toml.contains(behind) {
            toml = format!("{toml}\n{behind}\n{line}\n");
        } else {
            toml = toml.replacen(behind, &format!("{behind}\n{line}"), 1);
        }
    }
    toml
}
