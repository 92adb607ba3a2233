//! A name server as a test wants it: answers from a table, late or never, and remembers what it was asked.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Record types by their numbers (RFC 1035, RFC 3596, RFC 2782, RFC 3403).
pub mod kind {
    /// An IPv4 address.
    pub const A: u16 = 1;
    /// An IPv6 address.
    pub const AAAA: u16 = 28;
    /// A service's place.
    pub const SRV: u16 = 33;
    /// A rule.
    pub const NAPTR: u16 = 35;
}

/// How long what is not there may be remembered, seconds, by the SOA of every such answer.
pub const NEGATIVE_TTL: u32 = 2;

/// Records of one name and type: their times to live, and their data.
type Records = Vec<(u32, Vec<u8>)>;

#[derive(Debug, Default)]
struct Table {
    records: HashMap<(String, u16), Records>,
    delays: HashMap<String, Duration>,
    asked: Vec<(String, u16)>,
    silent: bool,
    broken: bool,
}

/// The server; it ends when it is dropped.
#[derive(Debug)]
pub struct Dns {
    at: SocketAddr,
    table: Arc<Mutex<Table>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Dns {
    /// A server at `at` that knows no name.
    ///
    /// # Panics
    /// When the address can't be bound.
    #[must_use]
    pub fn start(at: SocketAddr) -> Self {
        let socket = UdpSocket::bind(at).unwrap_or_else(|error| panic!("DNS at {at}: {error}"));
        let at = socket.local_addr().expect("a bound socket has an address");
        let tick = Some(Duration::from_millis(20));
        socket.set_read_timeout(tick).expect("a time-out can be set");
        let (table, over) = (
            Arc::new(Mutex::new(Table::default())),
            Arc::new(AtomicBool::new(false)),
        );
        let thread = thread::spawn({
            let (table, over) = (Arc::clone(&table), Arc::clone(&over));
            move || serve(&Arc::new(socket), &table, &over)
        });
        Self {
            at,
            table,
            over,
            thread: Some(thread),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn at(&self) -> SocketAddr {
        self.at
    }

    fn with<T>(&self, act: impl FnOnce(&mut Table) -> T) -> T {
        act(&mut self.table.lock().expect("no test has panicked"))
    }

    fn add(&self, name: &str, kind: u16, ttl: u32, data: Vec<u8>) {
        self.with(|table| {
            let records = table.records.entry((name.to_owned(), kind)).or_default();
            records.push((ttl, data));
        });
    }

    /// One more address of `name`, for `ttl` seconds.
    pub fn address(&self, name: &str, ip: IpAddr, ttl: u32) {
        match ip {
            IpAddr::V4(ip) => self.add(name, kind::A, ttl, ip.octets().to_vec()),
            IpAddr::V6(ip) => self.add(name, kind::AAAA, ttl, ip.octets().to_vec()),
        }
    }

    /// One more place of the service `name`.
    pub fn srv(&self, name: &str, [priority, weight, port]: [u16; 3], target: &str, ttl: u32) {
        let mut data = Vec::new();
        for number in [priority, weight, port] {
            data.extend(number.to_be_bytes());
        }
        data.extend(labels(target));
        self.add(name, kind::SRV, ttl, data);
    }

    /// One more place of the service `name`, which is an address: it gets a name of its own.
    pub fn srv_at(&self, name: &str, [priority, weight]: [u16; 2], at: SocketAddr, ttl: u32) {
        let target = format!(
            "p{}.{}.hosts.test",
            at.port(),
            at.ip().to_string().replace([':', '.'], "-")
        );
        self.with(|table| table.records.remove(&(target.clone(), kind::A)));
        self.address(&target, at.ip(), ttl);
        self.srv(name, [priority, weight, at.port()], &target, ttl);
    }

    /// One more rule of `name`.
    pub fn naptr(&self, name: &str, order: u16, service: &str, replacement: &str, ttl: u32) {
        let mut data = Vec::new();
        data.extend(order.to_be_bytes());
        data.extend(10u16.to_be_bytes());
        for text in ["s", service, ""] {
            data.push(u8::try_from(text.len()).expect("a short text"));
            data.extend(text.as_bytes());
        }
        data.extend(labels(replacement));
        self.add(name, kind::NAPTR, ttl, data);
    }

    /// Takes all records of `name` away.
    pub fn forget(&self, name: &str) {
        self.with(|table| table.records.retain(|(other, _), _| other != name));
    }

    /// Answers about `name` come so late.
    pub fn delay(&self, name: &str, delay: Duration) {
        self.with(|table| table.delays.insert(name.to_owned(), delay));
    }

    /// Answers nothing from now on, or does again.
    pub fn silence(&self, silent: bool) {
        self.with(|table| table.silent = silent);
    }

    /// Answers everything with SERVFAIL from now on, or does no more.
    pub fn break_down(&self, broken: bool) {
        self.with(|table| table.broken = broken);
    }

    /// Every question so far, in order: name and type.
    #[must_use]
    pub fn asked(&self) -> Vec<(String, u16)> {
        self.with(|table| table.asked.clone())
    }

    /// How often this was asked.
    #[must_use]
    pub fn count(&self, name: &str, kind: u16) -> usize {
        let same = |question: &&(String, u16)| question.0 == name && question.1 == kind;
        self.with(|table| table.asked.iter().filter(same).count())
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(socket: &Arc<UdpSocket>, table: &Arc<Mutex<Table>>, over: &Arc<AtomicBool>) {
    let mut buffer = [0u8; 4096];
    while !over.load(Ordering::Relaxed) {
        let (length, from) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory => return,
            Err(_) => continue,
        };
        let Some((name, kind, end)) = question(&buffer[..length]) else {
            continue;
        };
        let Ok(mut table) = table.lock() else { return };
        table.asked.push((name.clone(), kind));
        if table.silent {
            continue;
        }
        let reply = reply(&buffer[..end], &name, kind, &table);
        match table.delays.get(&name).copied() {
            Some(delay) => {
                let socket = Arc::clone(socket);
                thread::spawn(move || {
                    thread::sleep(delay);
                    let _ = socket.send_to(&reply, from);
                });
            }
            None => drop(socket.send_to(&reply, from)),
        }
    }
}

/// Name and type of the first question, and where it ends.
fn question(packet: &[u8]) -> Option<(String, u16, usize)> {
    let (mut at, mut names) = (12, Vec::new());
    loop {
        let length = usize::from(*packet.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        names.push(String::from_utf8_lossy(packet.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]);
    Some((names.join("."), kind, at + 4))
}

fn reply(asked: &[u8], name: &str, kind: u16, table: &Table) -> Vec<u8> {
    let none = Vec::new();
    let records = table.records.get(&(name.to_owned(), kind)).unwrap_or(&none);
    let exists = table.records.keys().any(|(other, _)| other == name);
    let code: u8 = match (table.broken, exists) {
        (true, _) => 2,
        (false, true) => 0,
        (false, false) => 3,
    };
    let records: &[(u32, Vec<u8>)] = if table.broken { &[] } else { records };
    let soa = records.is_empty() && !table.broken;
    let mut out = Vec::from(&asked[..2]);
    // An authoritative answer, with recursion to be had.
    out.extend([0x85, 0x80 | code, 0, 1]);
    out.extend(u16::try_from(records.len()).unwrap_or(0).to_be_bytes());
    out.extend([0, u8::from(soa), 0, 0]);
    out.extend(&asked[12..]);
    for (ttl, data) in records {
        record(&mut out, &[0xc0, 12], kind, *ttl, data);
    }
    if soa {
        let mut data = [labels("ns.test"), labels("root.test")].concat();
        for number in [1, 3600, 600, 86_400, NEGATIVE_TTL] {
            data.extend(number.to_be_bytes());
        }
        record(&mut out, &labels("test"), 6, NEGATIVE_TTL, &data);
    }
    out
}

fn record(out: &mut Vec<u8>, owner: &[u8], kind: u16, ttl: u32, data: &[u8]) {
    out.extend(owner);
    out.extend(kind.to_be_bytes());
    out.extend([0, 1]);
    out.extend(ttl.to_be_bytes());
    out.extend(u16::try_from(data.len()).unwrap_or(0).to_be_bytes());
    out.extend(data);
}

fn labels(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        out.push(u8::try_from(label.len()).expect("a short label"));
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}
