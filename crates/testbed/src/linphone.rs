//! linphone, a SIP telephone that isn't ours, at its command line: it registers, answers every call, says [`audio::speech`] and keeps
//! what it hears.

use crate::audio;
use crate::baresip::Account;
use crate::proc;
use std::fs;
use std::io::Write as _;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long it may take to come up, and to go.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running linphone.
#[derive(Debug)]
pub struct Linphone {
    child: Child,
    /// What it is told to do.
    orders: ChildStdin,
    dir: PathBuf,
}

impl Linphone {
    /// Starts it with this account (`tls` is not for it) and its files in `dir`. It takes free ports on all addresses and says that it is
    /// at 127.0.0.1.
    ///
    /// # Panics
    /// When it isn't there (Debian's `linphone-cli`).
    #[must_use]
    pub fn start(dir: &Path, account: &Account<'_>) -> Self {
        let dir = dir.join("linphone");
        // Where it keeps what it has done.
        fs::create_dir_all(dir.join(".local/share/linphone")).expect("a writable folder");
        let (sip, media) = (free_port(), free_port());
        let (udp, tcp) = match account.transport {
            "tcp" => (0, sip),
            _ => (sip, 0),
        };
        let Account {
            user,
            password,
            registrar,
            transport,
            ..
        } = account;
        let config = format!(
            "[sip]\nsip_port={udp}\nsip_tcp_port={tcp}\nsip_tls_port=0\ndefault_proxy=0\nuse_ipv6=0\n\
             register_only_when_network_is_up=0\n\
             [auth_info_0]\nusername={user}\npasswd={password}\n\
             [proxy_0]\nreg_proxy=<sip:{registrar};transport={transport}>\nreg_identity=sip:{user}@{registrar}\n\
             reg_expires=300\nreg_sendregister=1\npublish=0\n\
             [rtp]\naudio_rtp_port={media}\n\
             [sound]\nechocancellation=0\nagc=0\n"
        );
        fs::write(dir.join("rc"), config).expect("a writable folder");
        let says: Vec<i16> = audio::speech().iter().map(|byte| audio::linear(*byte)).collect();
        fs::write(dir.join("says.wav"), audio::wav(&says)).expect("a writable folder");
        let log = fs::File::create(dir.join("log")).expect("a writable folder");
        let mut child = Command::new("linphonec")
            .args(["-a", "-d", "0", "-c"])
            .arg(dir.join("rc"))
            .env("HOME", &dir)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("linphonec: {error}; the tests need Debian's linphone-cli"));
        let orders = child.stdin.take().expect("its input");
        let mut linphone = Self { child, orders, dir };
        linphone.order("soundcard use files");
        let says = format!("play {}", linphone.dir.join("says.wav").display());
        linphone.order(&says);
        let hears = format!("record {}", linphone.dir.join("hears.wav").display());
        linphone.order(&hears);
        linphone
    }

    fn order(&mut self, line: &str) {
        // One that has ended takes no orders; the test fails by what it does not do.
        let _ = writeln!(self.orders, "{line}");
        let _ = self.orders.flush();
    }

    /// What it wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Ends it, whereupon it hangs up and takes its registration back.
    pub fn quit(&mut self) {
        self.order("quit");
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && !matches!(self.child.try_wait(), Ok(Some(_))) {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it has heard, once its call is over: samples of 8000 Hz.
    ///
    /// # Panics
    /// When it has kept nothing.
    #[must_use]
    pub fn heard(&self) -> Vec<i16> {
        let file = fs::read(self.dir.join("hears.wav"));
        audio::samples(
            &file.unwrap_or_else(|error| panic!("linphone has heard nothing ({error}):\n{}", self.log())),
        )
    }
}

impl Drop for Linphone {
    fn drop(&mut self) {
        proc::terminate(self.child.id());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody has at this moment.
fn free_port() -> u16 {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).expect("a free port");
    // Media take this and the next, and the first is even.
    socket.local_addr().expect("its address").port() & !1
}
