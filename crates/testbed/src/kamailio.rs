//! Kamailio as a carrier and registrar that isn't ours: UDP, TCP and TLS, with digest.

use crate::certs::Issued;
use crate::proc;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The user that it knows, and the password.
pub const WHO: (&str, &str) = ("442079460001", "secret");
/// How long it may take to come up, and to go.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running Kamailio.
#[derive(Debug)]
pub struct Kamailio {
    child: Child,
    log: PathBuf,
}

impl Kamailio {
    /// Starts it at `at` (UDP and TCP) and at the next port (TLS, with this certificate). Calls of whoever knows the password go to
    /// `callee`; calls of the callee go to who is registered.
    ///
    /// # Panics
    /// When it isn't there (Debian's `kamailio` and `kamailio-tls-modules`), or doesn't come up.
    #[must_use]
    pub fn start(dir: &Path, at: SocketAddr, callee: SocketAddr, leaf: &Issued) -> Self {
        let dir = dir.join("kamailio");
        fs::create_dir_all(&dir).expect("a writable folder");
        let (certificate, key) = leaf.write(&dir, "kamailio");
        let tls = SocketAddr::new(at.ip(), at.port() + 1);
        let text = |path: &Path| path.display().to_string();
        let config = include_str!("kamailio.cfg")
            .replace("TLSAT", &tls.to_string())
            .replace("CALLEEIP", &callee.ip().to_string())
            .replace("CALLEE", &callee.to_string())
            .replace("REALM", "carrier.test")
            .replace("USER", WHO.0)
            .replace("SECRET", WHO.1)
            .replace("CERT", &text(&certificate))
            .replace("\"KEY\"", &format!("\"{}\"", text(&key)))
            .replace(":AT\n", &format!(":{at}\n"));
        let file = dir.join("kamailio.cfg");
        fs::write(&file, config).expect("a writable folder");
        let log = dir.join("log");
        let out = fs::File::create(&log).expect("a writable folder");
        let child = Command::new("kamailio")
            .args(["-DD", "-E", "-m", "64", "-M", "8", "-f"])
            .arg(&file)
            .arg("-Y")
            .arg(&dir)
            .arg("-P")
            .arg(dir.join("pid"))
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a file"))
            .stderr(out)
            .spawn()
            .unwrap_or_else(|error| panic!("kamailio: {error}; the tests need Debian's kamailio"));
        let mut kamailio = Self { child, log };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(at).is_err() {
            let ended = kamailio.child.try_wait().expect("its state");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "kamailio does not come up: {}",
                kamailio.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
        kamailio
    }

    /// What it wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        let all = proc::family(self.child.id());
        proc::terminate(self.child.id());
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && !matches!(self.child.try_wait(), Ok(Some(_))) {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Its children have ended with it, unless it could not tell them.
        all.into_iter().skip(1).for_each(proc::terminate);
    }
}
