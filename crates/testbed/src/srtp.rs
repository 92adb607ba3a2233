//! SRTP peers whose encryption is libsrtp's, and what they say and read in SDP (RFC 4568). Nothing here is the switch's own
//! code, so that it isn't its own judge.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The suites that libsrtp knows: name, bytes of key and salt, bytes that RTP grows by.
pub const SUITES: [(&str, usize, usize); 8] = [
    ("AES_CM_128_HMAC_SHA1_80", 30, 10),
    ("AES_CM_128_HMAC_SHA1_32", 30, 4),
    ("AES_192_CM_HMAC_SHA1_80", 38, 10),
    ("AES_192_CM_HMAC_SHA1_32", 38, 4),
    ("AES_256_CM_HMAC_SHA1_80", 46, 10),
    ("AES_256_CM_HMAC_SHA1_32", 46, 4),
    ("AEAD_AES_128_GCM", 28, 16),
    ("AEAD_AES_256_GCM", 44, 16),
];

/// A key as an `a=crypto` line has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The line's number.
    pub tag: u32,
    /// The suite's name.
    pub suite: String,
    /// Key and salt.
    pub material: Vec<u8>,
    /// What follows the key: lifetime, MKI.
    pub rest: String,
}

impl Line {
    /// A key of the suite's length; another for each `seed`.
    ///
    /// # Panics
    /// When the suite isn't one of [`SUITES`].
    #[must_use]
    pub fn new(tag: u32, suite: &str, seed: u8) -> Self {
        let known = SUITES.iter().find(|(name, ..)| *name == suite);
        let (_, length, _) = known.expect("a suite that libsrtp knows");
        let byte = |at: usize| (at as u8).wrapping_mul(31) ^ seed.wrapping_mul(89);
        Self {
            tag,
            suite: suite.to_owned(),
            material: (0..*length).map(byte).collect(),
            rest: String::new(),
        }
    }

    /// The whole attribute with its line end.
    #[must_use]
    pub fn text(&self) -> String {
        let key = base64(&self.material);
        format!(
            "a=crypto:{} {} inline:{key}{}\r\n",
            self.tag, self.suite, self.rest
        )
    }
}

/// The `a=crypto` lines of a body.
///
/// # Panics
/// When one is not `tag suite inline:key`.
#[must_use]
pub fn lines(body: &[u8]) -> Vec<Line> {
    let text = String::from_utf8_lossy(body);
    let read = |line: &str| {
        let mut words = line.split(' ');
        let (tag, suite, key) = (words.next()?.parse().ok()?, words.next()?, words.next()?);
        let key = key.strip_prefix("inline:")?;
        let (key, rest) = key.split_at(key.find('|').unwrap_or(key.len()));
        Some(Line {
            tag,
            suite: suite.to_owned(),
            material: unbase64(key)?,
            rest: rest.to_owned(),
        })
    };
    text.lines()
        .filter_map(|line| line.strip_prefix("a=crypto:"))
        .map(|line| read(line).unwrap_or_else(|| panic!("not a key: {line}")))
        .collect()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648 §4, with padding.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= chunk.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    out
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = ALPHABET.iter().position(|letter| *letter == byte)?;
        bits = bits << 6 | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(out)
}

/// libsrtp, in a process of its own (`libsrtp/pipe.c`). Contexts are named by a number below 64.
#[derive(Debug)]
pub struct Libsrtp {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Default for Libsrtp {
    fn default() -> Self {
        Self::start()
    }
}

impl Libsrtp {
    /// Starts it, built by the C compiler when it isn't yet.
    ///
    /// # Panics
    /// When it can't be built: `libsrtp2-dev` (Debian) and a C compiler have to be there.
    #[must_use]
    pub fn start() -> Self {
        let mut child = Command::new(built())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("libsrtp's process starts");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, input, output }
    }

    fn ask(&mut self, command: &str) -> Result<String, String> {
        writeln!(self.input, "{command}").expect("libsrtp's process reads");
        let mut answer = String::new();
        self.output
            .read_line(&mut answer)
            .expect("libsrtp's process answers");
        let answer = answer.trim_end().to_owned();
        if answer.is_empty() || answer.starts_with("err") {
            Err(answer)
        } else {
            Ok(answer)
        }
    }

    fn open(&mut self, context: u8, direction: &str, keys: &[(&Line, &[u8])]) {
        let suite = &keys[0].0.suite;
        let keys: String = keys
            .iter()
            .map(|(line, mki)| format!(" {} {}", hex(&line.material), hex(mki)))
            .collect();
        let opened = self.ask(&format!("open {context} {direction} {suite}{keys}"));
        opened.unwrap_or_else(|error| panic!("libsrtp has no {suite}: {error}"));
    }

    /// A context, new from now on, that protects with this key.
    pub fn sender(&mut self, context: u8, key: &Line) {
        self.open(context, "out", &[(key, &[])]);
    }

    /// A context, new from now on, that unprotects with this key.
    pub fn receiver(&mut self, context: u8, key: &Line) {
        self.open(context, "in", &[(key, &[])]);
    }

    /// As [`sender`](Self::sender), with an MKI in each packet.
    pub fn sender_with_mki(&mut self, context: u8, key: &Line, mki: &[u8]) {
        self.open(context, "out", &[(key, mki)]);
    }

    /// The RTP packet protected or unprotected.
    ///
    /// # Errors
    /// What libsrtp says against it.
    pub fn rtp(&mut self, context: u8, packet: &[u8]) -> Result<Vec<u8>, String> {
        self.ask(&format!("rtp {context} {}", hex(packet)))
            .map(|answer| unhex(&answer))
    }

    /// The RTCP packet protected or unprotected.
    ///
    /// # Errors
    /// What libsrtp says against it.
    pub fn rtcp(&mut self, context: u8, packet: &[u8]) -> Result<Vec<u8>, String> {
        self.ask(&format!("rtcp {context} {}", hex(packet)))
            .map(|answer| unhex(&answer))
    }

    /// Sets the rollover counter of an SSRC that the context knows.
    ///
    /// # Panics
    /// When it doesn't know it.
    pub fn set_roc(&mut self, context: u8, ssrc: u32, roc: u32) {
        let done = self.ask(&format!("roc {context} {ssrc} {roc}"));
        done.unwrap_or_else(|error| panic!("libsrtp has no source {ssrc}: {error}"));
    }
}

impl Drop for Libsrtp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len() / 2).map(|at| digit(2 * at)).collect()
}

/// The program, built of its source once for each version of it.
fn built() -> PathBuf {
    const SOURCE: &str = include_str!("../libsrtp/pipe.c");
    let sum = SOURCE.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let dir = std::env::temp_dir();
    let program = dir.join(format!("tandem-libsrtp-{sum:016x}"));
    if program.exists() {
        return program;
    }
    let name = format!("tandem-libsrtp-{}", std::process::id());
    let (source, made) = (dir.join(format!("{name}.c")), dir.join(&name));
    fs::write(&source, SOURCE).expect("a writable temporary folder");
    let output = Command::new("cc")
        .args(["-O1", "-Wall", "-o"])
        .args([&made, &source])
        .arg("-lsrtp2")
        .output();
    let output = output.expect("a C compiler");
    let _ = fs::remove_file(&source);
    assert!(
        output.status.success(),
        "libsrtp's peer can't be built; the tests need Debian's libsrtp2-dev (see .ci/tools):\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // Another test may have been as fast: either file is as good.
    fs::rename(&made, &program).expect("a writable temporary folder");
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
            assert_eq!(unbase64(text).as_deref(), Some(bytes.as_bytes()));
        }
        assert_eq!(unbase64("Zm9*"), None);
    }

    #[test]
    fn a_line_is_read_back() {
        let mut line = Line::new(7, "AEAD_AES_256_GCM", 3);
        line.rest = "|2^31|1:4".to_owned();
        let body = format!("v=0\r\nm=audio 4 RTP/SAVP 0\r\n{}a=sendrecv\r\n", line.text());
        assert_eq!(lines(body.as_bytes()), [line]);
    }

    #[test]
    fn libsrtp_hears_itself_and_nobody_else() {
        let mut libsrtp = Libsrtp::start();
        for (suite, _, overhead) in SUITES {
            libsrtp.sender(0, &Line::new(1, suite, 1));
            libsrtp.receiver(1, &Line::new(1, suite, 1));
            libsrtp.receiver(2, &Line::new(1, suite, 2));
            let packet = crate::rtp::Stream::mark(0xa1).packet(0);
            let sealed = libsrtp.rtp(0, &packet).unwrap();
            assert_eq!(sealed.len(), packet.len() + overhead, "{suite}");
            assert!(libsrtp.rtp(2, &sealed).is_err(), "{suite}");
            assert_eq!(libsrtp.rtp(1, &sealed), Ok(packet), "{suite}");
            assert!(libsrtp.rtp(1, &sealed).is_err(), "{suite}: again");
        }
    }
}
