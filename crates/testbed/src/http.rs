//! As much of an HTTP client as asking the daemon takes, and as much of a server as the daemon asks.

use crate::https::{Page, Site, lock};
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// A status and a body.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Body as text.
    pub body: String,
}

/// Sends `method path` and reads the whole answer.
///
/// # Errors
/// No connection, no answer within 5 s, or something that isn't HTTP.
pub fn request(to: SocketAddr, method: &str, path: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    // HTTP/1.0: the answer ends with the connection and is never chunked.
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {to}\r\nContent-Length: 0\r\n\r\n"
    )?;
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw)?;
    let text = String::from_utf8_lossy(&raw);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or_else(|| io::Error::other("no HTTP answer"))?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("no HTTP status"))?;
    Ok(Answer {
        status,
        body: body.to_owned(),
    })
}

/// A server whose connections serve for several requests; it ends with this.
#[derive(Debug)]
pub struct HttpServer {
    at: SocketAddr,
    site: Arc<Site>,
}

impl HttpServer {
    /// A server at a free port of `ip`.
    #[must_use]
    pub fn start(ip: IpAddr) -> Self {
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let at = listener.local_addr().unwrap();
        let site = Arc::new(Site::default());
        let of = Arc::clone(&site);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if of.ends.load(Ordering::Relaxed) {
                    return;
                }
                *lock(&of.connections) += 1;
                let site = Arc::clone(&of);
                thread::spawn(move || while serve(&stream, &site) {});
            }
        });
        Self { at, site }
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    /// From now on this is at a path.
    pub fn put(&self, path: &str, page: Page) {
        lock(&self.site.pages).insert(path.to_owned(), page);
    }

    /// How often a path was asked for.
    #[must_use]
    pub fn asked(&self, path: &str) -> usize {
        let asked = lock(&self.site.asked);
        asked.iter().filter(|asked| *asked == path).count()
    }

    /// How many connections there were.
    #[must_use]
    pub fn connections(&self) -> usize {
        *lock(&self.site.connections)
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.site.ends.store(true, Ordering::Relaxed);
        // So that its thread looks.
        let _ = TcpStream::connect(self.at);
    }
}

/// Serves one request; whether another may follow.
fn serve(mut stream: &TcpStream, site: &Site) -> bool {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let (mut head, mut byte) = (Vec::new(), [0; 1]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) if head.len() < 8192 => head.push(byte[0]),
            Ok(_) | Err(_) => return false,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    lock(&site.asked).push(path.clone());
    let page = lock(&site.pages).get(&path).cloned();
    let (status, headers, body) = match page {
        Some(Page::Is(status, headers, body)) => (status, headers, body),
        Some(Page::Hangs) => {
            // Until the other side has had enough.
            let _ = stream.read(&mut byte);
            return false;
        }
        None => (404, String::new(), Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(&body))
        .is_ok()
}
