//! SIPp, run with the scenarios of `sipp-scenarios/`, and what it counted.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The folder with the scenarios and the audio.
#[must_use]
pub fn scenario_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sipp-scenarios")
}

/// One SIPp to be run.
#[derive(Debug, Clone)]
pub struct Scenario {
    name: String,
    local: SocketAddr,
    remote: SocketAddr,
    calls: u32,
    rate: u32,
    limit: u32,
    hold: Duration,
    number: String,
    audio_port: u16,
    new_port: u16,
    deadline: Duration,
    retransmit: bool,
    trace: bool,
    pings: bool,
}

impl Scenario {
    /// Scenario `name` (without `.xml`) at `local`, towards `remote`: one call, held 300 ms, media at port 20000.
    #[must_use]
    pub fn new(name: &str, local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            name: name.to_owned(),
            local,
            remote,
            calls: 1,
            rate: 10,
            limit: 10_000,
            hold: Duration::from_millis(300),
            number: "+442079460000".to_owned(),
            audio_port: 20_000,
            new_port: 20_100,
            deadline: Duration::from_secs(30),
            retransmit: true,
            trace: true,
            pings: false,
        }
    }

    /// How many calls, how many of them begin per second.
    #[must_use]
    pub fn calls(mut self, calls: u32, per_second: u32) -> Self {
        (self.calls, self.rate) = (calls, per_second);
        self
    }

    /// Calls at the same time at most.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// How long a call is held, where the scenario holds it.
    #[must_use]
    pub fn hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }

    /// The number that is called.
    #[must_use]
    pub fn number(mut self, number: &str) -> Self {
        number.clone_into(&mut self.number);
        self
    }

    /// The RTP port that SDP names.
    #[must_use]
    pub fn audio_port(mut self, port: u16) -> Self {
        self.audio_port = port;
        self
    }

    /// The RTP port that the scenario moves to, where it moves.
    #[must_use]
    pub fn new_port(mut self, port: u16) -> Self {
        self.new_port = port;
        self
    }

    /// SIPp fails when it has not ended by then.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Without SIPp's own retransmissions, where exact counts matter.
    #[must_use]
    pub fn no_retransmissions(mut self) -> Self {
        self.retransmit = false;
        self
    }

    /// It answers OPTIONS, whatever its scenario says.
    #[must_use]
    pub fn answers_pings(mut self) -> Self {
        self.pings = true;
        self
    }

    /// Without the log of messages and media addresses, for loads.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.trace = false;
        self
    }

    /// Starts SIPp; its files go to `dir`.
    ///
    /// # Panics
    /// When SIPp isn't installed or the scenario doesn't exist.
    #[must_use]
    pub fn start(&self, dir: &Path) -> Running {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // Scenarios of a folder of their own have its name in front.
        let run = format!(
            "{}-{}",
            self.name.replace('/', "-"),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let file = |suffix: &str| dir.join(format!("{run}.{suffix}"));
        let scenario = scenario_dir().join(format!("{}.xml", self.name));
        assert!(scenario.exists(), "no scenario {}", scenario.display());
        let bare = |ip: IpAddr| ip.to_string();
        let host = match self.local.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let mut command = Command::new("sipp");
        command.arg(self.remote.to_string()).arg("-sf").arg(&scenario);
        command.args(["-i", &host, "-p", &self.local.port().to_string(), "-nostdin"]);
        // SIPp binds the port of `-mp` even when it sends nothing; unless it is to play, that port is not the one it names.
        let own = if self.name == "uac_rtp" {
            self.audio_port
        } else {
            self.audio_port + 400
        };
        command.args(["-mi", &bare(self.local.ip()), "-mp", &own.to_string()]);
        command.args(["-key", "audio_port", &self.audio_port.to_string()]);
        command.args(["-key", "new_port", &self.new_port.to_string(), "-s", &self.number]);
        command.args([
            "-m",
            &self.calls.to_string(),
            "-r",
            &self.rate.to_string(),
            "-l",
            &self.limit.to_string(),
        ]);
        command.args(["-d", &self.hold.as_millis().to_string()]);
        command.args([
            "-timeout",
            &self.deadline.as_secs().max(1).to_string(),
            "-timeout_error",
        ]);
        command.args(["-fd", "1", "-trace_stat", "-stf"]).arg(file("csv"));
        command.args(["-trace_err", "-error_file"]).arg(file("err"));
        if self.trace {
            command.args(["-trace_logs", "-log_file"]).arg(file("log"));
            command.args(["-trace_msg", "-message_file"]).arg(file("msg"));
        }
        if self.pings {
            command.arg("-aa");
        }
        if !self.retransmit {
            command.arg("-nr");
        }
        // `rtp_stream` names its file relative to the scenarios.
        command
            .current_dir(scenario_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command.stderr(fs::File::create(file("stderr")).expect("a writable folder"));
        let child = command.spawn().expect("sipp runs (Debian: sip-tester)");
        let mut running = Running {
            child,
            name: run.clone(),
            dir: dir.to_owned(),
            deadline: self.deadline,
        };
        running.wait_until_bound(self.local);
        running
    }
}

/// A SIPp that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    name: String,
    dir: PathBuf,
    deadline: Duration,
}

/// What a SIPp counted over its run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Calls that went by the scenario.
    pub successful: u64,
    /// Calls that didn't.
    pub failed: u64,
    /// Messages that it sent again.
    pub retransmissions: u64,
    /// Messages that belonged to no call.
    pub out_of_call: u64,
    /// What it complained of, the first lines.
    pub errors: String,
    /// Whether it ended by itself and content.
    pub clean_exit: bool,
}

impl Stats {
    /// Fails unless `calls` calls went by the scenario and none failed.
    ///
    /// # Panics
    /// When it isn't so.
    pub fn assert_all(&self, calls: u64) {
        assert!(
            self.clean_exit && self.successful == calls && self.failed == 0,
            "{self:#?}"
        );
    }
}

impl Running {
    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until SIPp has ended.
    ///
    /// # Panics
    /// When it hasn't long after its own deadline.
    #[must_use]
    pub fn wait(mut self) -> Stats {
        let deadline = Instant::now() + self.deadline + Duration::from_secs(10);
        loop {
            if let Some(status) = self.child.try_wait().expect("our child") {
                return self.stats(Some(status));
            }
            assert!(Instant::now() < deadline, "{} does not end", self.name);
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends SIPp, for a scenario that waits for what must not come. Its last figures may be a second old.
    #[must_use]
    pub fn stop(mut self) -> Stats {
        let ended = self.child.try_wait().expect("our child");
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.stats(ended)
    }

    /// Where the far side of the first call wants its media, once SIPp has seen an SDP (`<log message="media …"/>`).
    ///
    /// # Panics
    /// When it hasn't within ten seconds.
    #[must_use]
    pub fn media(&self) -> SocketAddr {
        self.media_at(0)
    }

    /// The same for the `n`th description that came, from 0.
    ///
    /// # Panics
    /// When it hasn't come within ten seconds.
    #[must_use]
    pub fn media_at(&self, n: usize) -> SocketAddr {
        let deadline = Instant::now() + Duration::from_secs(10);
        let log = self.dir.join(format!("{}.log", self.name));
        loop {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let complete = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
            if let Some(found) = complete.lines().filter_map(media_line).nth(n) {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "{} saw no SDP number {n}; its log: {text}",
                self.name
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Messages sent and received so far, as SIPp logged them.
    #[must_use]
    pub fn messages(&self) -> String {
        fs::read_to_string(self.dir.join(format!("{}.msg", self.name))).unwrap_or_default()
    }

    fn wait_until_bound(&mut self, local: SocketAddr) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !crate::proc::udp_sockets(self.child.id()).contains(&local) {
            if self.child.try_wait().expect("our child").is_some() {
                // A short scenario may be over already; if it never began, its figures will say so.
                return;
            }
            assert!(Instant::now() < deadline, "{} does not bind {local}", self.name);
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn stats(&self, status: Option<ExitStatus>) -> Stats {
        let read = |suffix: &str| fs::read_to_string(self.dir.join(format!("{}.{suffix}", self.name)));
        let csv = read("csv").unwrap_or_default();
        let names: Vec<&str> = csv.lines().next().unwrap_or_default().split(';').collect();
        // With response times a row may be torn over two lines; the counters all stand before the tear.
        let rows = csv
            .lines()
            .skip(1)
            .map(|line| line.split(';').collect::<Vec<_>>());
        let last = rows.filter(|row| row.len() > 60).last().unwrap_or_default();
        let count = |name: &str| {
            let at = names.iter().position(|n| *n == name);
            at.and_then(|at| last.get(at)?.parse().ok()).unwrap_or(0)
        };
        let errors = [read("err"), read("stderr")]
            .map(Result::unwrap_or_default)
            .join("\n");
        Stats {
            successful: count("SuccessfulCall(C)"),
            failed: count("FailedCall(C)"),
            retransmissions: count("Retransmissions(C)"),
            out_of_call: count("OutOfCallMsgs(C)"),
            errors: errors
                .lines()
                .filter(|line| !line.starts_with("Resolving"))
                .take(40)
                .collect::<Vec<_>>()
                .join("\n"),
            clean_exit: status.is_some_and(|status| status.success()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn media_line(line: &str) -> Option<SocketAddr> {
    let mut words = line.strip_prefix("media ")?.split(' ');
    let (ip, port) = (words.next()?.parse().ok()?, words.next()?.trim().parse().ok()?);
    Some(SocketAddr::new(ip, port))
}
