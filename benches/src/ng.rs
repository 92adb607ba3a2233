//! As much of rtpengine's "ng" control protocol as setting calls up takes: bencoded dictionaries over UDP.

use anyhow::{Context as _, Result, bail};
use std::fmt::Write as _;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// A control connection.
#[derive(Debug)]
pub struct Ng {
    socket: UdpSocket,
    cookie: u64,
}

impl Ng {
    /// Talks to the control port at `to`.
    ///
    /// # Errors
    /// No socket.
    pub fn connect(to: SocketAddr) -> Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::new(to.ip(), 0))?;
        socket.connect(to)?;
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        Ok(Self { socket, cookie: 0 })
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// It doesn't.
    pub fn ping(&mut self) -> Result<()> {
        self.ask(&[("command", "ping")]).map(drop)
    }

    /// Gives A's description, gets the one that B is to be offered.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub fn offer(&mut self, call: &str, sdp: &str) -> Result<String> {
        sdp_of(&self.ask(&[
            ("call-id", call),
            ("command", "offer"),
            ("from-tag", "a"),
            ("sdp", sdp),
        ])?)
    }

    /// Gives B's description, gets the one that A is answered with.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub fn answer(&mut self, call: &str, sdp: &str) -> Result<String> {
        let keys = [
            ("call-id", call),
            ("command", "answer"),
            ("from-tag", "a"),
            ("sdp", sdp),
            ("to-tag", "b"),
        ];
        sdp_of(&self.ask(&keys)?)
    }

    /// Ends a call.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub fn delete(&mut self, call: &str) -> Result<()> {
        self.ask(&[("call-id", call), ("command", "delete"), ("from-tag", "a")])
            .map(drop)
    }

    fn ask(&mut self, keys: &[(&str, &str)]) -> Result<String> {
        self.cookie += 1;
        let cookie = format!("t{}", self.cookie);
        let mut text = format!("{cookie} d");
        for (key, value) in keys {
            let _ = write!(text, "{}:{key}{}:{value}", key.len(), value.len());
        }
        text.push('e');
        self.socket.send(text.as_bytes())?;
        let mut buffer = vec![0; 65_535];
        let length = self
            .socket
            .recv(&mut buffer)
            .context("rtpengine does not answer")?;
        buffer.truncate(length);
        let answer = String::from_utf8_lossy(&buffer).into_owned();
        if !answer.starts_with(&cookie) || answer.contains("6:result5:error") {
            bail!("rtpengine refuses: {answer}");
        }
        Ok(answer)
    }
}

fn sdp_of(answer: &str) -> Result<String> {
    let (_, rest) = answer
        .split_once("3:sdp")
        .context("no SDP in rtpengine's answer")?;
    let (length, rest) = rest.split_once(':').context("not bencoded")?;
    Ok(rest.get(..length.parse()?).context("cut short")?.to_owned())
}
