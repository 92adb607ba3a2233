//! As much of rtpengine's "ng" control protocol as setting calls up takes: bencoded dictionaries over UDP.

use anyhow::{Context as _, Result, bail};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// What is to become of an offer.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The profile that B is offered, e.g. `RTP/AVP`; else A's.
    pub profile: Option<&'static str>,
    /// Flags, e.g. `codec-transcode-opus`.
    pub flags: Vec<String>,
}

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
        self.ask(&[("command", text("ping"))]).map(drop)
    }

    /// Gives A's description, gets the one that B is to be offered.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub fn offer(&mut self, call: &str, sdp: &str, wanted: &Wanted) -> Result<String> {
        let mut keys = vec![("call-id", text(call)), ("command", text("offer"))];
        if !wanted.flags.is_empty() {
            keys.push(("flags", list(&wanted.flags)));
        }
        keys.extend([("from-tag", text("a")), ("sdp", text(sdp))]);
        if let Some(profile) = wanted.profile {
            keys.push(("transport-protocol", text(profile)));
        }
        sdp_of(&self.ask(&keys)?)
    }

    /// Gives B's description, gets the one that A is answered with.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub fn answer(&mut self, call: &str, sdp: &str) -> Result<String> {
        let keys = [
            ("call-id", text(call)),
            ("command", text("answer")),
            ("from-tag", text("a")),
            ("sdp", text(sdp)),
            ("to-tag", text("b")),
        ];
        sdp_of(&self.ask(&keys)?)
    }

    /// Ends a call.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub fn delete(&mut self, call: &str) -> Result<()> {
        let keys = [
            ("call-id", text(call)),
            ("command", text("delete")),
            ("from-tag", text("a")),
        ];
        self.ask(&keys).map(drop)
    }

    /// `keys` are in order, with bencoded values.
    fn ask(&mut self, keys: &[(&str, String)]) -> Result<String> {
        self.cookie += 1;
        let cookie = format!("t{}", self.cookie);
        let mut message = format!("{cookie} d");
        for (key, value) in keys {
            message += &(text(key) + value);
        }
        message.push('e');
        self.socket.send(message.as_bytes())?;
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

/// A bencoded string.
fn text(text: &str) -> String {
    format!("{}:{text}", text.len())
}

/// A bencoded list of strings.
fn list(items: &[String]) -> String {
    let items: String = items.iter().map(|item| text(item)).collect();
    format!("l{items}e")
}

fn sdp_of(answer: &str) -> Result<String> {
    let (_, rest) = answer
        .split_once("3:sdp")
        .context("no SDP in rtpengine's answer")?;
    let (length, rest) = rest.split_once(':').context("not bencoded")?;
    Ok(rest.get(..length.parse()?).context("cut short")?.to_owned())
}
