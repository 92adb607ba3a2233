//! Who answers: every INVITE at once, with 180 and 200, again until the ACK; every BYE.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use testbed::{Places, sdp};

/// When a 200 is sent again.
const AGAIN: Duration = Duration::from_millis(500);

/// The value of a header line.
pub(super) fn line<'m>(message: &'m str, name: &str) -> &'m str {
    let mut lines = message.lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_default()
}

/// Starts it on the first carrier's address.
///
/// # Errors
/// The address is taken.
pub fn start(places: &Places, stop: Arc<AtomicBool>) -> Result<JoinHandle<()>> {
    let socket = UdpSocket::bind(places.b1)?;
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    let (sut, local, answer) = (places.sut, places.b1, sdp::offer(places.rtp_b1));
    let work = move || {
        let mut buffer = vec![0; 65_535];
        let mut waiting: HashMap<String, (Instant, String)> = HashMap::new();
        let mut looked = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            if looked.elapsed() > Duration::from_millis(100) {
                looked = Instant::now();
                for (due, text) in waiting.values_mut().filter(|(due, _)| *due <= looked) {
                    *due = looked + AGAIN;
                    let _ = socket.send_to(text.as_bytes(), sut);
                }
            }
            let Ok((length, _)) = socket.recv_from(&mut buffer) else {
                continue;
            };
            let message = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            let id = line(&message, "Call-ID");
            let common = |tag: &str| {
                let of = |name| line(&message, name);
                format!(
                    "Via: {}\r\nFrom: {}\r\nTo: {}{tag}\r\nCall-ID: {id}\r\nCSeq: {}\r\n",
                    of("Via"),
                    of("From"),
                    of("To"),
                    of("CSeq")
                )
            };
            if message.starts_with("INVITE ") {
                let common = common(&format!(";tag=b{id}"));
                let ring = format!(
                    "SIP/2.0 180 Ringing\r\n{common}Contact: <sip:b@{local}>\r\nContent-Length: 0\r\n\r\n"
                );
                let _ = socket.send_to(ring.as_bytes(), sut);
                let ok = format!(
                    "SIP/2.0 200 OK\r\n{common}Contact: <sip:b@{local}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{answer}",
                    answer.len()
                );
                let _ = socket.send_to(ok.as_bytes(), sut);
                waiting.insert(id.to_owned(), (Instant::now() + AGAIN, ok));
            } else if message.starts_with("ACK ") {
                waiting.remove(id);
            } else if message.starts_with("BYE ") || message.starts_with("CANCEL ") {
                waiting.remove(id);
                let ok = format!("SIP/2.0 200 OK\r\n{}Content-Length: 0\r\n\r\n", common(""));
                let _ = socket.send_to(ok.as_bytes(), sut);
            }
        }
    };
    Ok(std::thread::spawn(work))
}
