//! That each packet is counted once, as the session would count it.

use super::*;
use std::sync::Arc;
use std::time::Duration;

/// A generator that needs no crate (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    /// What may or may not be RTP.
    fn payload(&mut self) -> Vec<u8> {
        let mut payload = rtp(0, 1, 0);
        payload.truncate(12 + self.roll(60) as usize);
        if self.roll(2) == 0 {
            payload[0] = self.roll(256) as u8;
        }
        payload[1] = match self.roll(4) {
            0 => self.roll(256) as u8,
            1 => 96,
            _ => 0,
        };
        let sequence = match self.roll(40) {
            0 => self.roll(0x1_0000) as u16,
            _ => 500 + self.roll(200) as u16,
        };
        payload[2..4].copy_from_slice(&sequence.to_be_bytes());
        payload[11] = u8::from(self.roll(50) == 0) + 1;
        if self.roll(3) == 0 {
            // An extension's length, or the padding's.
            if let Some(length) = payload.get_mut(15) {
                *length = self.roll(20) as u8;
            }
            let last = payload.len() - 1;
            payload[last] = self.roll(40) as u8;
        }
        let length = self.roll(payload.len() as u64 + 1) as usize;
        if self.roll(10) == 0 {
            payload.truncate(length);
        }
        payload
    }
}

fn leg(flow: &Flow, side: Side) -> Leg {
    let (ours, remote) = match side {
        Side::A => (flow.local, flow.from),
        Side::B => (flow.via, flow.to),
    };
    let mut map = PtMap::only();
    map.set(0, 0, 0).set(8, 8, 0).set(96, 111, 0);
    Leg {
        bind: ours.ip(),
        ports: PortPair(ours.port()),
        kind: StreamKind::Rtp,
        mux: false,
        remote: Some(Remote {
            rtp: remote,
            rtcp: remote,
        }),
        may_send: true,
        expects: true,
        latch: Latch {
            symmetric: false,
            signalling: remote.ip(),
            acl: Arc::from([]),
            rebind_any_address: false,
        },
        map,
        dscp: 46,
        party: 0,
        rtcp: rtp_proto::control::Rtcp::Off,
        codec: None,
        needs: Needs::default(),
    }
}

/// What the program takes, the session would have taken, and they count the same of it; whatever the packets are.
#[test]
fn the_program_takes_only_what_the_session_would_and_counts_it_alike() {
    let Some(path) = path() else { return };
    let plain = flow();
    let now = Instant::now();
    let legs = Side::BOTH.map(|side| leg(&plain, side));
    let mut session = Session::new(now, &legs, Patience::default(), 1);
    let hear = |session: &mut Session, payload: &[u8]| {
        let mut bytes = payload.to_vec();
        let length = bytes.len();
        session.receive(
            now,
            Side::A,
            Channel::Rtp,
            plain.from,
            &mut Packet::new(&mut bytes, length),
        );
        bytes
    };
    for n in 0..25 {
        hear(&mut session, &rtp(0, 1, 475 + n));
    }
    let mut lender = session_of(&plain, now);
    let flow = lender.flow(Side::A).unwrap();
    let installed = path.install(&flow, &lender.lend(Side::A)).unwrap();
    let (mut dice, mut taken, mut left) = (Dice(7), 0, 0);
    for _ in 0..20_000 {
        let payload = dice.payload();
        let before = path.read(&installed).unwrap().packets;
        let sent = Frame::new(plain.from, plain.local, payload.clone()).bytes();
        let (_, out) = run(&path, &sent);
        let ledger = path.read(&installed).unwrap();
        if ledger.packets == before {
            // As it came, but for our own mark, which nobody else makes.
            let mut stays = payload;
            if stays.len() >= 12 && stays[0] >> 6 == 3 {
                stays[0] &= 0x7f;
            }
            assert_eq!(out, Frame::new(plain.from, plain.local, stays).bytes());
            left += 1;
            continue;
        }
        taken += 1;
        let leaving = hear(&mut session, &payload);
        let refused = session.stats().legs[0].dropped.payload_type;
        assert_eq!(session.stats().legs[0].packets, ledger.packets, "{payload:x?}");
        assert_eq!(refused, ledger.refused, "{payload:x?}");
        if out != sent {
            assert_eq!(Frame::parse(&out).payload, leaving);
        }
    }
    assert!(taken > 5_000 && left > 500, "{taken} taken, {left} left");
    lender.reclaim(Side::A, &path.remove(&installed).unwrap());
    let [counted, there] = lender.stats().legs;
    let [expected, sent] = session.stats().legs;
    assert_eq!(
        (there.sent_packets, there.sent_bytes),
        (sent.sent_packets, sent.sent_bytes)
    );
    assert_eq!(
        (
            counted.packets,
            counted.lost,
            counted.reordered,
            counted.duplicates,
            counted.ssrcs,
            counted.ssrc
        ),
        (
            expected.packets,
            expected.lost,
            expected.reordered,
            expected.duplicates,
            expected.ssrcs,
            expected.ssrc
        )
    );
    assert!(counted.lost > 0 && counted.reordered > 0 && counted.duplicates > 0 && counted.ssrcs > 2);
}

/// Firm.
fn session_of(flow: &Flow, now: Instant) -> Session {
    let legs = Side::BOTH.map(|side| leg(flow, side));
    let mut session = Session::new(now, &legs, Patience::default(), 1);
    for n in 0..25 {
        let mut bytes = rtp(0, 1, 475 + n);
        let length = bytes.len();
        session.receive(
            now,
            Side::A,
            Channel::Rtp,
            flow.from,
            &mut Packet::new(&mut bytes, length),
        );
    }
    session
}

/// A packet that meets the removal of its flow is counted or goes up: never both, never neither, and never for another flow.
#[test]
fn flows_that_come_and_go_under_packets_lose_no_count() {
    let Some(path) = path() else { return };
    let (ours, other) = (
        flow(),
        Flow {
            local: at("127.2.2.2:5002"),
            ..flow()
        },
    );
    let sent = Frame::new(ours.from, ours.local, rtp(0, 1, 1)).bytes();
    let done = AtomicBool::new(false);
    let mut program = locked(&path.links);
    let program = program.program();
    let (relayed, counted) = std::thread::scope(|scope| {
        let packets = scope.spawn(|| {
            let (mut relayed, mut out) = (0_u64, vec![0; sent.len()]);
            while !done.load(Ordering::Relaxed) {
                program
                    .test_run(TestRunOptions {
                        data_in: Some(&sent),
                        data_out: Some(&mut out),
                        ..TestRunOptions::new()
                    })
                    .unwrap();
                relayed += u64::from(out != sent);
            }
            relayed
        });
        let (mut ledger, mut strays) = (Ledger::default(), 0);
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(2) {
            let installed = path.install(&ours, &ledger).unwrap();
            std::thread::yield_now();
            ledger = path.remove(&installed).unwrap();
            // In the slot that was given back.
            let installed = path.install(&other, &Ledger::default()).unwrap();
            strays += path.remove(&installed).unwrap().packets;
        }
        done.store(true, Ordering::Relaxed);
        assert_eq!(strays, 0);
        (packets.join().unwrap(), ledger.packets)
    });
    assert!(relayed > 100, "{relayed}");
    assert_eq!(relayed, counted);
}

#[test]
fn the_table_is_full_when_it_is_full_and_its_places_come_back() {
    let Some(path) = path() else { return };
    let with_port = |port: u16| Flow {
        local: SocketAddr::new([127, 2, 2, 2].into(), port),
        ..flow()
    };
    let mut installed: Vec<_> = (0..16)
        .map(|n| path.install(&with_port(5000 + n), &Ledger::default()).unwrap())
        .collect();
    assert!(matches!(
        path.install(&with_port(6000), &Ledger::default()),
        Err(KernelError::Full)
    ));
    assert_eq!(path.flows(), 16);
    path.remove(&installed.pop().unwrap()).unwrap();
    installed.push(path.install(&with_port(6000), &Ledger::default()).unwrap());
    let table = format!("{:?}", locked(&path.table));
    assert!(table.ends_with(" 1 types)"), "one for all: {table}");
    for flow in &installed {
        path.remove(flow).unwrap();
    }
    assert_eq!(path.flows(), 0);
}
