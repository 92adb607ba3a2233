//! The page's other end: a server for one page at a time, and Chromium itself.

use serde_json::Value;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PAGE: &str = include_str!("page.html");

/// What the page said in one message.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// `RTCPeerConnection.connectionState`
    pub(crate) state: Option<String>,
    /// The loudest frequency.
    pub(crate) hz: Option<f64>,
    /// How loud.
    pub(crate) db: Option<f64>,
    /// The suite that its media is protected with.
    pub(crate) srtp: Option<String>,
    /// The ICE restart is done.
    pub(crate) restarted: Option<bool>,
    /// Something went wrong in the page.
    pub(crate) error: Option<String>,
}

/// Serves the page, and carries what it says.
pub(crate) struct Bridge {
    listener: TcpListener,
    said: VecDeque<Said>,
    /// The page waits here for the answer to its offer.
    waiting: Option<TcpStream>,
    wish: &'static str,
}

impl Bridge {
    pub(crate) fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self {
            listener,
            said: VecDeque::new(),
            waiting: None,
            wish: "",
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.listener.local_addr().unwrap())
    }

    /// What the page is asked to do when it next looks.
    pub(crate) fn wish(&mut self, wish: &'static str) {
        self.wish = wish;
    }

    /// Waits for the page's offer.
    pub(crate) fn offer(&mut self, patience: Duration) -> String {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if let Some(offer) = self.serve(Duration::from_millis(200)) {
                return offer;
            }
        }
        panic!("the page has made no offer; it said {:?}", self.said);
    }

    /// Gives the page the answer to its offer.
    pub(crate) fn answer(&mut self, body: &str) {
        reply(
            self.waiting.take().expect("a page that waits"),
            "text/plain",
            body,
        );
    }

    /// The next thing that the page says.
    pub(crate) fn next_said(&mut self, patience: Duration) -> Option<Said> {
        let begun = Instant::now();
        while self.said.is_empty() && begun.elapsed() < patience {
            self.serve(Duration::from_millis(50));
        }
        self.said.pop_front()
    }

    /// Serves one request, if one comes; an offer is given back.
    fn serve(&mut self, patience: Duration) -> Option<String> {
        let begun = Instant::now();
        let stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(_) if begun.elapsed() < patience => std::thread::sleep(Duration::from_millis(5)),
                Err(_) => return None,
            }
        };
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let (path, body) = read(&stream)?;
        match path.as_str() {
            "/" => reply(stream, "text/html", PAGE),
            "/say" => {
                self.said.push_back(said(&body));
                reply(stream, "text/plain", "");
            }
            "/wish" => reply(stream, "text/plain", std::mem::take(&mut self.wish)),
            "/offer" => {
                self.waiting = Some(stream);
                return Some(body);
            }
            _ => reply(stream, "text/plain", ""),
        }
        None
    }
}

fn said(body: &str) -> Said {
    let value: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    Said {
        state: text("state"),
        hz: value["hz"].as_f64(),
        db: value["db"].as_f64(),
        srtp: text("srtp"),
        restarted: value["restarted"].as_bool(),
        error: text("error"),
    }
}

/// Path and body of a request (HTTP/1.1, no chunks: it is our page).
fn read(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, String::from_utf8(body).ok()?))
}

fn reply(mut stream: TcpStream, kind: &str, body: &str) {
    // A page that is gone needs no answer.
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}

/// The browser, with a profile of its own; gone with this.
pub(crate) struct Chromium {
    child: Child,
    profile: PathBuf,
}

impl Chromium {
    pub(crate) fn start(url: &str) -> Self {
        let profile = tempfile::Builder::new().prefix("tandem-chromium-").tempdir();
        let profile = profile.unwrap().keep();
        let child = Command::new("chromium")
            .args([
                "--headless=new",
                // Root has no sandbox, and a container no /dev/shm to speak of.
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-audio-output",
                "--autoplay-policy=no-user-gesture-required",
                "--allow-loopback-in-peer-connection",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromium, which the tests need (.ci/tools)");
        Self { child, profile }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Its helpers end with it, and may still write for a moment.
        for _ in 0..20 {
            if std::fs::remove_dir_all(&self.profile).is_ok() || !self.profile.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
