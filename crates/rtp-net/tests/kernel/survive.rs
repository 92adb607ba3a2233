//! A process that is killed leaves its flows at work; the next one of its name finds them and ends them.

use crate::kernel_support::{config, is_available, open};
use crate::support::{PORTS, Peer, Plane, own_address, packet};
use rtp_net::{KernelConfig, Leftovers, PlaneConfig};
use rtp_proto::PortPair;
use rtp_proto::control::{Command, Leg, MediaId, Side};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr};
use std::process::{Child, Command as Program, Stdio};
use std::sync::Arc;

const SESSIONS: u16 = 50;
/// In the environment of the process that is going to be killed.
const ROLE: &str = "TANDEM_TEST_KILLED";

/// Our RTP address on one side of one session.
fn ours(ip: IpAddr, side: Side, session: u16) -> SocketAddr {
    let base = match side {
        Side::A => PORTS[0].rtp(),
        Side::B => PORTS[1].rtp(),
    };
    SocketAddr::new(ip, base + 2 * session)
}

/// Not a test but the process that another test kills: 50 sessions, until their flows are in the kernel and beyond.
#[test]
fn the_process_that_is_killed() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let mut words = role.split(' ');
    let mut next = || words.next().unwrap();
    let config = KernelConfig {
        name: next().to_owned(),
        ..config()
    };
    let ip: IpAddr = next().parse().unwrap();
    let kernel = open(&config);
    let mut plane = Plane::with(PlaneConfig {
        kernel: Some(Arc::clone(&kernel)),
        ..PlaneConfig::default()
    });
    plane.ip = ip;
    for session in 0..SESSIONS {
        let legs = Side::BOTH.map(|side| {
            let peer: SocketAddr = next().parse().unwrap();
            let leg = plane.leg(side, &Peer::new());
            Leg {
                ports: PortPair(ours(ip, side, session).port()),
                remote: leg
                    .remote
                    .map(|remote| rtp_proto::control::Remote { rtp: peer, ..remote }),
                ..leg
            }
        });
        plane.command(Command::Open {
            id: MediaId(7 + u64::from(session)),
            legs,
            silence: None,
            hold_silence: None,
            one_way: None,
        });
    }
    let mut told = usize::MAX;
    loop {
        let _ = plane.stats();
        if kernel.flows() != told {
            told = kernel.flows();
            // Not through the test harness, which keeps what a test prints.
            writeln!(std::io::stderr(), "flows {told}").unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

fn spawn(name: &str, ip: IpAddr, peers: &[(Peer, Peer)]) -> Child {
    let mut role = format!("{name} {ip}");
    for (a, b) in peers {
        role.push_str(&format!(" {} {}", a.address(), b.address()));
    }
    Program::new(std::env::current_exe().unwrap())
        .args(["--exact", "survive::the_process_that_is_killed", "--nocapture"])
        .env(ROLE, role)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// One packet each way in every session, all of which arrive.
fn talk(ip: IpAddr, peers: &[(Peer, Peer)], number: u16) {
    for (session, (a, b)) in (0..).zip(peers) {
        for (from, to, side) in [(a, b, Side::A), (b, a, Side::B)] {
            let sent = packet(u32::from(session), number);
            from.send(ours(ip, side, session), &sent);
            assert_eq!(to.receive(), (sent, ours(ip, side.other(), session)));
        }
    }
}

/// Reads on until the process says this; what it says instead is why it does not.
fn wait_for(lines: &mut impl Iterator<Item = String>, wanted: &str) {
    let mut said = String::new();
    for line in lines {
        if line == wanted {
            return;
        }
        said.push_str(&line);
        said.push('\n');
    }
    panic!("no {wanted:?}:\n{said}");
}

/// Whether sending to `to` is answered by ICMP port unreachable: nobody is there.
fn is_refused(peer: &Peer, to: SocketAddr, packet: &[u8]) -> bool {
    peer.rtp.connect(to).unwrap();
    // Refusal is known when `send` returns over loopback.
    let sent = peer.rtp.send(packet);
    peer.rtp.set_nonblocking(true).unwrap();
    let heard = peer.rtp.recv(&mut [0; 16]);
    [sent, heard]
        .into_iter()
        .any(|result| result.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused))
}

#[test]
fn a_killed_process_leaves_fifty_sessions_that_lose_nothing() {
    killed("killed", true);
}

#[test]
fn a_successor_without_a_kernel_path_ends_what_was_left_too() {
    killed("killed-plain", false);
}

fn killed(name: &str, with_kernel: bool) {
    if !is_available() {
        return;
    }
    let (name, ip) = (format!("test-{}-{name}", std::process::id()), own_address());
    let peers: Vec<_> = (0..SESSIONS).map(|_| (Peer::new(), Peer::new())).collect();
    let mut child = spawn(&name, ip, &peers);
    let mut lines = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap);
    wait_for(&mut lines, "flows 0");
    (0..30).for_each(|n| talk(ip, &peers, n));
    let all = format!("flows {}", 2 * SESSIONS);
    wait_for(&mut lines, &all);
    (30..35).for_each(|n| talk(ip, &peers, n));
    child.kill().unwrap();
    (35..40).for_each(|n| talk(ip, &peers, n));
    child.wait().unwrap();
    // There is nobody any more; the kernel goes on.
    (40..60).for_each(|n| talk(ip, &peers, n));

    let config = KernelConfig { name, ..config() };
    let left = Leftovers::find(&config);
    let successor = with_kernel.then(|| open(&config));
    assert_eq!(left.processes(), 1);
    if let Some(successor) = &successor {
        assert_eq!(successor.flows(), 0);
    }
    (60..65).for_each(|n| talk(ip, &peers, n));
    left.remove();
    let (a, _) = &peers[0];
    assert!(is_refused(a, ours(ip, Side::A, 0), &packet(0, 65)));
    let pins = config.pins.join(&config.name);
    assert_eq!(pins.exists(), with_kernel);
    drop(successor);
    assert!(!pins.exists(), "nothing stays behind");
}
