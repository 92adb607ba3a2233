//! The switch itself, as a process of its own: what it runs on, its start, its end.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use config::Config;
use rustix::process::{Pid, Signal, kill_process};

use crate::daemon::records_path;

/// The address that the embedded defaults are written for.
const DEFAULT_LOOPBACK: &str = "127.0.0.1";
/// How long the switch may take to be up.
const START: Duration = Duration::from_secs(20);
/// How long it may take to end once no call is left.
const END: Duration = Duration::from_secs(30);
/// How often either is looked at.
const POLL: Duration = Duration::from_millis(50);

/// The switch's configuration, and where it is if it is a file.
pub(super) struct Ground {
    pub(super) config: Config,
    /// `None`: the embedded defaults as they are.
    pub(super) file: Option<PathBuf>,
}

impl Ground {
    /// The embedded defaults; with another loopback address, or where their directory can't be written, a copy of them in a new
    /// directory of the system's temporary one.
    pub(super) fn prepare(loopback: Ipv4Addr) -> Result<Self> {
        ensure!(
            loopback.is_loopback(),
            "{loopback} is no loopback address: the demo keeps to this machine"
        );
        let text = config::defaults().replace(DEFAULT_LOOPBACK, &loopback.to_string());
        let config = read(&text)?;
        if text == config::defaults() && writable(&config.node.data_dir) {
            return Ok(Self { config, file: None });
        }
        let directory = tempfile::Builder::new().prefix("tandem-demo-").tempdir();
        // It stays: the records are worth a look when the demo is over.
        let directory = directory.context("no directory for the demo's files")?.keep();
        let data = format!("data_dir = {:?}", directory.join("data").display().to_string());
        let text = text.replace(
            &format!("data_dir = {:?}", config.node.data_dir.display().to_string()),
            &data,
        );
        let file = directory.join("tandem.toml");
        fs::write(&file, &text).with_context(|| file.display().to_string())?;
        Ok(Self {
            config: read(&text)?,
            file: Some(file),
        })
    }

    /// Where the switch listens for SIP.
    pub(super) fn sip(&self) -> Result<SocketAddr> {
        self.config
            .listen
            .first()
            .map(|listen| listen.bind)
            .context("the defaults have no listener")
    }

    /// Where a trunk's own agent is.
    pub(super) fn place_of(&self, trunk: &str) -> Result<SocketAddr> {
        let trunk = self
            .config
            .trunk(trunk)
            .with_context(|| format!("the defaults have no trunk {trunk}"))?;
        let target = trunk
            .targets
            .first()
            .context("a trunk of the defaults has no target")?;
        match target.host {
            config::Host::Ip(ip) => Ok(SocketAddr::new(ip, target.port.unwrap_or(5060))),
            config::Host::Name(_) => bail!("a trunk of the defaults has no address"),
        }
    }

    /// The record store.
    pub(super) fn records(&self) -> PathBuf {
        records_path(&self.config)
    }

    /// What a command of ours has to be told to find this switch.
    pub(super) fn option(&self) -> String {
        self.file
            .as_deref()
            .map(|file| format!(" --config {}", file.display()))
            .unwrap_or_default()
    }

    /// # Errors
    /// Somebody else listens where the switch is to listen.
    pub(super) fn check_ports(&self) -> Result<()> {
        let (sip, api) = (self.sip()?, self.config.api.bind);
        UdpSocket::bind(sip).with_context(|| super::in_use("Tandem", "UDP", sip))?;
        TcpListener::bind(api).with_context(|| super::in_use("Tandem's API", "TCP", api))?;
        Ok(())
    }
}

fn read(text: &str) -> Result<Config> {
    config::parse(text, "defaults").map_err(|report| {
        let lines: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
        anyhow!(lines.join("\n"))
    })
}

/// Whether files can be made in this directory, which is made if need be.
fn writable(directory: &Path) -> bool {
    let probe = directory.join(format!(".demo-{}", std::process::id()));
    let made = fs::create_dir_all(directory).and_then(|()| fs::write(&probe, []));
    made.and_then(|()| fs::remove_file(&probe)).is_ok()
}

/// The running switch. Dropped before its end, it is killed.
pub(super) struct Process(Child);

impl Process {
    /// Starts the switch and waits until it is up.
    pub(super) fn start(ground: &Ground) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe().context("where this program is")?);
        command.arg("run");
        if let Some(file) = &ground.file {
            command.arg("--config").arg(file);
        }
        if std::env::var_os("TANDEM_LOG").is_none() {
            // What it would say of each start and end is what the demo tells.
            command.env("TANDEM_LOG", "warn");
        }
        let mut process = Self(command.spawn().context("the switch cannot be started")?);
        let ready = format!("http://{}/readyz", ground.config.api.bind);
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(END))
            .proxy(None)
            .build()
            .into();
        let until = Instant::now() + START;
        while agent.get(&ready).call().is_err() {
            if let Some(status) = process.ended()? {
                bail!("the switch did not start ({status}); what it said is above");
            }
            if Instant::now() > until {
                bail!("the switch is not up after {} s", START.as_secs());
            }
            thread::sleep(POLL);
        }
        Ok(process)
    }

    /// Its exit status, should it have ended.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.0.try_wait()?)
    }

    /// Tells it to end and waits for that.
    pub(super) fn end(mut self) -> Result<ExitStatus> {
        // Ctrl-C on a terminal has told it already, and it may be gone.
        if self.ended()?.is_none() {
            kill_process(Pid::from_child(&self.0), Signal::TERM)?;
        }
        let until = Instant::now() + END;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if Instant::now() > until {
                bail!("the switch did not end within {} s", END.as_secs());
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error says that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
