//! The least that a relay in userspace can do: one thread, epoll, two connected sockets per call, one receive and one send per
//! packet. What is more than that is the price of what a real one knows and decides.
//!
//! It runs in a process of its own, so that its memory and its processor time are its own.

use super::work::{Ends, Up};
use super::{Stand, step};
use anyhow::{Context as _, Result, bail};
use rustix::event::{Timespec, epoll};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use testbed::{Places, proc};

/// Where the relay's port of one leg is, by the call's number.
fn port(sut: SocketAddr, n: usize, side: u16) -> SocketAddr {
    SocketAddr::new(sut.ip(), 10_000 + 4 * n as u16 + 2 * side)
}

struct Bare {
    ends: Ends,
    places: Places,
    child: Child,
}

/// A fresh one, with sockets for `most` calls.
pub(super) fn with<T>(most: usize, ends: Ends, play: impl FnOnce(&mut dyn Stand) -> Result<T>) -> Result<T> {
    let places = Places::v4();
    let order = format!("{} {} {} {most}", places.sut, places.rtp_a, places.rtp_b1);
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--bare", &order])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = String::new();
    let output = child.stdout.take().context("it has an output")?;
    BufReader::new(output).read_line(&mut said)?;
    if said.trim() != "ready" {
        bail!("the bare relay does not start");
    }
    let mut stand = Bare { ends, places, child };
    let result = play(&mut stand);
    // It ends with its input.
    drop(stand.child.stdin.take());
    stand.child.wait()?;
    result
}

impl Stand for Bare {
    fn pids(&self) -> Vec<u32> {
        proc::family(self.child.id())
    }

    fn set_up(&mut self, n: usize) -> Result<Up> {
        let at = (step(self.places.rtp_a, n), step(self.places.rtp_b1, n));
        Ok(Up {
            ends: self.ends.direct(n, at)?,
            to: (port(self.places.sut, n, 0), port(self.places.sut, n, 1)),
        })
    }

    fn warm_up(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The process: `order` is what `with` wrote.
///
/// # Errors
/// A socket cannot be had.
#[allow(clippy::print_stdout, reason = "it says when it is ready")]
pub fn serve(order: &str) -> Result<()> {
    let words: Vec<&str> = order.split(' ').collect();
    let &[sut, a, b, calls] = words.as_slice() else {
        bail!("not an order: {order}");
    };
    let (sut, a, b): (SocketAddr, SocketAddr, SocketAddr) = (sut.parse()?, a.parse()?, b.parse()?);
    let mut sockets = Vec::new();
    for n in 0..calls.parse()? {
        for (side, peer) in [(0, step(a, n)), (1, step(b, n))] {
            let socket = UdpSocket::bind(port(sut, n, side))?;
            socket.connect(peer)?;
            socket.set_nonblocking(true)?;
            sockets.push(socket);
        }
    }
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    println!("ready");
    relay(&sockets)
}

/// Socket 2n sends what 2n + 1 receives, and the other way round.
fn relay(sockets: &[UdpSocket]) -> Result<()> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (n, socket) in (0..).zip(sockets) {
        epoll::add(&poll, socket, epoll::EventData::new_u64(n), epoll::EventFlags::IN)?;
    }
    let none = epoll::Event {
        flags: epoll::EventFlags::empty(),
        data: epoll::EventData::new_u64(0),
    };
    let mut events = [none; 256];
    let patience = Timespec {
        tv_sec: 1,
        tv_nsec: 0,
    };
    let mut buffer = [0_u8; 2048];
    loop {
        let ready = epoll::wait(&poll, &mut events, Some(&patience)).unwrap_or(0);
        for event in events.iter().take(ready) {
            let n = event.data.u64() as usize;
            if let (Some(from), Some(to)) = (sockets.get(n), sockets.get(n ^ 1))
                && let Ok(length) = from.recv(&mut buffer)
            {
                let _ = to.send(buffer.get(..length).unwrap_or_default());
            }
        }
    }
}
