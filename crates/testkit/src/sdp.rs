//! Session descriptions as text, for peers in tests.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// One side's end of a call's media.
#[derive(Clone, Debug)]
pub struct End {
    /// Where it wants to get RTP.
    pub rtp: SocketAddr,
    /// Session id in o=.
    pub id: u64,
    /// Version in o=.
    pub version: u64,
    /// Payload types and names, in order of preference.
    pub codecs: Vec<(u8, &'static str)>,
    /// m-lines of streams that were refused: they stay, with port 0 (RFC 3264 §8).
    pub refused: Vec<String>,
}

impl End {
    /// PCMU, PCMA and telephone-event at this address.
    #[must_use]
    pub fn new(rtp: SocketAddr) -> Self {
        let codecs = vec![(0, "PCMU/8000"), (8, "PCMA/8000"), (101, "telephone-event/8000")];
        Self {
            rtp,
            id: 4711,
            version: 1,
            codecs,
            refused: Vec::new(),
        }
    }

    /// An offer with one audio stream.
    #[must_use]
    pub fn offer(&self, direction: &str) -> String {
        let mut text = self.head();
        self.stream(&mut text, &self.codecs, direction);
        for line in &self.refused {
            let _ = write!(text, "{line}\r\n");
        }
        text
    }

    /// An answer: the audio stream of the offer with the codecs that both know, in the offerer's numbers; anything else
    /// refused (RFC 3264 §6).
    #[must_use]
    pub fn answer(&self, offer: &str, direction: &str) -> String {
        let mut text = self.head();
        let mut taken = false;
        for media in media(offer) {
            let common: Vec<(u8, &'static str)> = media
                .formats()
                .filter_map(|pt| {
                    let name = media.codec(pt)?;
                    self.codecs
                        .iter()
                        .find(|(_, ours)| ours.eq_ignore_ascii_case(&name))
                        .map(|(_, n)| (pt, *n))
                })
                .collect();
            let voice = common
                .iter()
                .any(|(_, name)| !name.starts_with("telephone-event"));
            if media.kind == "audio" && media.port != 0 && voice && !taken {
                taken = true;
                self.stream(&mut text, &common, direction);
            } else {
                let _ = write!(
                    text,
                    "m={} 0 {} {}\r\n",
                    media.kind,
                    media.proto,
                    media.formats.join(" ")
                );
            }
        }
        text
    }

    fn head(&self) -> String {
        let ip = self.rtp.ip();
        format!(
            "v=0\r\no=peer {} {} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n",
            self.id, self.version
        )
    }

    fn stream(&self, text: &mut String, codecs: &[(u8, &str)], direction: &str) {
        let formats: Vec<String> = codecs.iter().map(|(pt, _)| pt.to_string()).collect();
        let _ = write!(
            text,
            "m=audio {} RTP/AVP {}\r\n",
            self.rtp.port(),
            formats.join(" ")
        );
        for (pt, name) in codecs {
            let _ = write!(text, "a=rtpmap:{pt} {name}\r\n");
        }
        let _ = write!(text, "a={direction}\r\n");
    }
}

/// One m-line with its attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// `audio`, `video`, `image` …
    pub kind: String,
    /// Port; 0 refuses the stream.
    pub port: u16,
    /// Transport, `RTP/AVP` …
    pub proto: String,
    /// Formats, in order.
    pub formats: Vec<String>,
    /// The stream's own lines.
    pub lines: Vec<String>,
}

impl Stream {
    /// Payload types, in order.
    pub fn formats(&self) -> impl Iterator<Item = u8> {
        self.formats.iter().filter_map(|format| format.parse().ok())
    }

    /// Name and clock of a payload type.
    #[must_use]
    pub fn codec(&self, pt: u8) -> Option<String> {
        let mapped = format!("a=rtpmap:{pt} ");
        let given = self.lines.iter().find_map(|line| line.strip_prefix(&mapped));
        given.map(str::to_owned).or(match pt {
            0 => Some("PCMU/8000".into()),
            8 => Some("PCMA/8000".into()),
            _ => None,
        })
    }

    /// `sendrecv`, `sendonly`, `recvonly` or `inactive`.
    #[must_use]
    pub fn direction(&self) -> &str {
        let words = ["sendrecv", "sendonly", "recvonly", "inactive"];
        self.lines
            .iter()
            .find_map(|line| {
                words
                    .into_iter()
                    .find(|word| line.strip_prefix("a=") == Some(word))
            })
            .unwrap_or("sendrecv")
    }
}

/// The streams of a description.
#[must_use]
pub fn media(text: &str) -> Vec<Stream> {
    let mut streams: Vec<Stream> = Vec::new();
    for line in text.lines() {
        if let Some(value) = line.strip_prefix("m=") {
            let mut words = value.split(' ');
            let mut word = || words.next().unwrap_or_default().to_owned();
            let (kind, port, proto) = (word(), word().parse().unwrap_or(0), word());
            streams.push(Stream {
                kind,
                port,
                proto,
                formats: words.map(str::to_owned).collect(),
                lines: vec![],
            });
        } else if let Some(stream) = streams.last_mut() {
            stream.lines.push(line.to_owned());
        }
    }
    streams
}

/// The first stream that is not refused.
///
/// # Panics
/// There is none.
#[must_use]
pub fn live(text: &str) -> Stream {
    media(text)
        .into_iter()
        .find(|stream| stream.port != 0)
        .unwrap_or_else(|| panic!("no live stream in\n{text}"))
}

/// The address in the description's c= line.
#[must_use]
pub fn address(text: &str) -> &str {
    text.lines()
        .find_map(|line| line.strip_prefix("c=IN IP4 "))
        .unwrap_or_default()
}

/// Session id and version of the o= line.
#[must_use]
pub fn origin(text: &str) -> Option<(u64, u64)> {
    let mut words = text
        .lines()
        .find_map(|line| line.strip_prefix("o="))?
        .split(' ')
        .skip(1);
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

/// What an answerer says who agrees to a direction (RFC 3264 §6.1).
#[must_use]
pub fn complement(direction: &str) -> &'static str {
    match direction {
        "sendonly" => "recvonly",
        "recvonly" => "sendonly",
        "inactive" => "inactive",
        _ => "sendrecv",
    }
}
