//! An HTTPS server with a few pages, some of which never come.

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What is at a path.
#[derive(Debug, Clone)]
pub enum Page {
    /// Status, header lines (each with its line end) and body.
    Is(u16, String, Vec<u8>),
    /// The request is read, and nothing is said.
    Hangs,
}

impl Page {
    /// A page that is there.
    #[must_use]
    pub fn of(body: &str) -> Self {
        Self::Is(200, String::new(), body.as_bytes().to_vec())
    }
}

/// What a server has, and what was asked of it.
#[derive(Debug, Default)]
pub(crate) struct Site {
    pub(crate) pages: Mutex<BTreeMap<String, Page>>,
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) connections: Mutex<usize>,
    pub(crate) ends: AtomicBool,
}

/// The server; it ends with this.
#[derive(Debug)]
pub struct HttpsServer {
    at: SocketAddr,
    site: Arc<Site>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpsServer {
    /// A server at a free port of `ip`; `config` is its side of handshakes.
    #[must_use]
    pub fn start(ip: IpAddr, config: Arc<ServerConfig>) -> Self {
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
                let (config, site) = (Arc::clone(&config), Arc::clone(&of));
                thread::spawn(move || serve(stream, config, &site));
            }
        });
        Self { at, site }
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.at.port()
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.at)
    }

    /// From now on this is at a path.
    pub fn put(&self, path: &str, page: Page) {
        lock(&self.site.pages).insert(path.to_owned(), page);
    }

    /// How often a path was asked for.
    #[must_use]
    pub fn asked(&self, path: &str) -> usize {
        lock(&self.site.asked)
            .iter()
            .filter(|asked| *asked == path)
            .count()
    }

    /// How many connections there were.
    #[must_use]
    pub fn connections(&self) -> usize {
        *lock(&self.site.connections)
    }
}

impl Drop for HttpsServer {
    fn drop(&mut self) {
        self.site.ends.store(true, Ordering::Relaxed);
        // So that its thread looks.
        let _ = TcpStream::connect(self.at);
    }
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, site: &Site) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
    let Ok(connection) = ServerConnection::new(config) else {
        return;
    };
    let mut tls = StreamOwned::new(connection, stream);
    let (mut head, mut byte) = (Vec::new(), [0; 1]);
    while !head.ends_with(b"\r\n\r\n") {
        match tls.read(&mut byte) {
            Ok(1) if head.len() < 8192 => head.push(byte[0]),
            Ok(_) | Err(_) => return,
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
            let _ = tls.read(&mut byte);
            return;
        }
        None => (404, String::new(), Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status} x\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    let _ = tls.write_all(head.as_bytes()).and_then(|()| tls.write_all(&body));
    tls.conn.send_close_notify();
    let _ = tls.flush();
}
