//! The program on packets that no socket sends: it is run by hand (BPF_PROG_TEST_RUN), as if they came in by `lo`.

use super::*;
use aya::programs::{TestRun as _, TestRunOptions};
use rtp_proto::control::{Latch, Leg, Needs, PortPair, PtMap, Remote, Side, StreamKind};
use rtp_proto::offload::{COUNTED, RATES, Rewrite, Types};
use rtp_proto::{Channel, Packet, Patience, Session};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Instant;

mod counting;
mod frames;
mod rewriting;

use frames::{Frame, rtp};

/// TCX_NEXT and TC_ACT_SHOT, as they are returned.
const NEXT: u32 = u32::MAX;
const SHOT: u32 = 2;

/// A path of its own, or `None` where there is none to be had.
fn path() -> Option<KernelPath> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let config = KernelConfig {
        name: format!(
            "unit-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        ),
        interfaces: vec!["lo".to_owned()],
        flows: 16,
        ..KernelConfig::default()
    };
    if let Err(missing) = config.check()
        && std::env::var_os("TANDEM_KERNEL_TESTS").is_none()
    {
        eprintln!("\n*** NOT TESTED: the kernel path is not to be had here: {missing}\n");
        return None;
    }
    Some(KernelPath::open(&config).unwrap())
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// From 127.1.1.1:4000 to us at 127.2.2.2:5000, and from 127.3.3.3:6000 on to 127.4.4.4:7000.
fn flow() -> Flow {
    let mut out = [Types::DROP; 128];
    (out[0], out[8], out[96], out[101]) = (0, 8, 111, Types::UP);
    Flow {
        kind: StreamKind::Rtp,
        local: at("127.2.2.2:5000"),
        from: at("127.1.1.1:4000"),
        via: at("127.3.3.3:6000"),
        to: at("127.4.4.4:7000"),
        mux: false,
        dscp: 46,
        types: Arc::new(Types {
            out,
            clocks: [0; 128],
            rates: [8_000; RATES],
        }),
        rewrite: None,
    }
}

/// The same over IPv6. All of these addresses are this host's.
fn flow_v6() -> Flow {
    Flow {
        local: at("[::1]:5000"),
        from: at("[::1]:4000"),
        via: at("[::1]:6000"),
        to: at("[::1]:7000"),
        ..flow()
    }
}

/// A flow at work and what the program makes of packets.
struct Rig {
    path: KernelPath,
    installed: Installed,
}

impl Rig {
    fn new(flow: Flow) -> Option<Self> {
        let path = path()?;
        let installed = path.install(&flow, &Ledger::default()).unwrap();
        Some(Self { path, installed })
    }

    /// What the program says of a frame, and what becomes of it.
    fn run(&self, frame: &[u8]) -> (u32, Vec<u8>) {
        run(&self.path, frame)
    }

    fn ledger(&self) -> Ledger {
        self.path.read(&self.installed).unwrap()
    }

    /// The frame goes up as it is, and nothing is counted.
    fn is_left(&self, frame: &[u8], why: &str) {
        let before = self.ledger();
        assert_eq!(self.run(frame), (NEXT, frame.to_vec()), "{why}");
        assert_eq!(self.ledger(), before, "{why}");
    }

    /// The frame is relayed; what leaves, its checksums looked at.
    fn relays(&self, frame: &[u8], why: &str) -> Frame {
        let before = self.ledger().forwarded;
        let (said, left) = self.run(frame);
        assert_eq!((said, self.ledger().forwarded), (NEXT, before + 1), "{why}");
        let left = Frame::parse(&left);
        left.check();
        left
    }
}

fn run(path: &KernelPath, frame: &[u8]) -> (u32, Vec<u8>) {
    let mut out = vec![0; frame.len() + 64];
    let mut links = locked(&path.links);
    let result = links
        .program()
        .test_run(TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut out),
            ..TestRunOptions::new()
        })
        .unwrap();
    out.truncate(result.data_size_out.try_into().unwrap());
    (result.return_value, out)
}
