//! What Tandem is compared with: Debian's Kamailio and rtpengine, started by hand on loopback addresses.

use crate::ng::Ng;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use testbed::{Places, proc};

const PATIENCE: Duration = Duration::from_secs(10);

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it is.
    pub places: Places,
    dir: PathBuf,
}

impl Server {
    /// Its process and that one's children.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        proc::family(self.child.id())
    }

    /// Folder for files of runs against it.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn spawn(mut command: Command, places: Places, dir: PathBuf) -> Result<Self> {
        let log = fs::File::create(dir.join("log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .with_context(|| format!("{name} does not start; is it installed?"))?;
        Ok(Self { child, places, dir })
    }

    fn wait_until(&mut self, what: &str, mut up: impl FnMut(&Self) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !up(self) {
            let log = || fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            if let Some(status) = self.child.try_wait()? {
                bail!("{what} ended with {status}: {}", log());
            }
            if Instant::now() > deadline {
                bail!("{what} does not come up: {}", log());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Kamailio's and rtpengine's own SIGTERM handlers take their children along.
        proc::terminate(self.child.id());
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn folder(name: &str, places: &Places) -> Result<PathBuf> {
    let dir = std::env::temp_dir().join(format!("tandem-bench-{name}-{}", places.sut.ip()));
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// Kamailio as a stateful proxy with record-route that sends every call to B1.
///
/// # Errors
/// It isn't installed or doesn't start.
pub fn kamailio() -> Result<Server> {
    let places = Places::v4();
    let dir = folder("kamailio", &places)?;
    let config = include_str!("../system/kamailio.cfg");
    let config = config
        .replace("LISTEN", &places.sut.to_string())
        .replace("CARRIER", &places.b1.to_string());
    let file = dir.join("kamailio.cfg");
    // The header comment has the placeholders, too; what it says then is still a comment.
    fs::write(&file, config)?;
    let mut command = Command::new("kamailio");
    command
        .arg("-f")
        .arg(&file)
        .args(["-DD", "-E", "-m", "256", "-M", "16"])
        .arg("-w")
        .arg(&dir)
        .arg("-Y")
        .arg(&dir);
    command.arg("-P").arg(dir.join("pid"));
    let mut server = Server::spawn(command, places, dir)?;
    server.wait_until("kamailio", |server| {
        server
            .pids()
            .iter()
            .any(|pid| proc::udp_sockets(*pid).contains(&server.places.sut))
    })?;
    // Its workers are forked after the socket is bound.
    thread::sleep(Duration::from_millis(500));
    Ok(server)
}

/// rtpengine without its kernel module.
///
/// # Errors
/// It isn't installed or doesn't start.
pub fn rtpengine() -> Result<(Server, Ng)> {
    let places = Places::v4();
    let dir = folder("rtpengine", &places)?;
    let mut command = Command::new("rtpengine");
    let ip = places.sut.ip();
    let control = std::net::SocketAddr::new(ip, 2223);
    command.args([
        "--config-file=none",
        "--foreground",
        "--log-stderr",
        "--log-level=3",
        "--table=-1",
    ]);
    command
        .arg(format!("--interface={ip}"))
        .arg(format!("--listen-ng={control}"));
    command.args([
        "--port-min=10000",
        "--port-max=29999",
        "--delete-delay=0",
        "--timeout=600",
    ]);
    let mut server = Server::spawn(command, places, dir)?;
    server.wait_until("rtpengine", |server| {
        proc::udp_sockets(server.child.id()).contains(&control)
    })?;
    let mut ng = Ng::connect(control)?;
    ng.ping()?;
    Ok((server, ng))
}
