//! The daemon: started on addresses of its own, asked, ended, searched for leftovers.

use crate::http;
use crate::metrics::Metrics;
use crate::places::Places;
use crate::proc;
use crate::record::Record;
use crate::setup::Setup;
use crate::sip::SipPeer;
use crate::sipp::{Running, Scenario};
use crate::stream::Kind;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Gauges of `/metrics` that are zero when nothing is left over.
pub const ZERO_WHEN_QUIET: [&str; 16] = [
    "tandem_calls",
    "tandem_calls_ending",
    "tandem_orphans",
    "tandem_transactions",
    "tandem_ports",
    "tandem_permits",
    "tandem_limited",
    "tandem_fraud_watched",
    "tandem_dialog_tags",
    "tandem_call_timers",
    "tandem_trunk_calls",
    "tandem_connections",
    "tandem_connections_known",
    "tandem_connection_tasks",
    "tandem_media_streams",
    "tandem_media_kernel_flows",
];

const START: Duration = Duration::from_secs(20);

/// A running daemon with its addresses, its configuration and its folder.
///
/// Dropping it kills the daemon; the folder stays when the test has failed.
#[derive(Debug)]
pub struct Bed {
    /// Who is where.
    pub places: Places,
    setup: Setup,
    binary: PathBuf,
    dir: PathBuf,
    child: Child,
}

impl Bed {
    /// Starts `binary` with a configuration made of `setup` and waits until `/healthz` says 200.
    ///
    /// # Panics
    /// When it doesn't come up; its log is in the text.
    #[must_use]
    pub fn start(binary: impl AsRef<Path>, setup: Setup) -> Self {
        Self::start_with(binary, |_, _| setup)
    }

    /// The same with files: `prepare` puts them into the bed's folder and says where they are.
    ///
    /// # Panics
    /// When it doesn't come up; its log is in the text.
    #[must_use]
    pub fn start_with(binary: impl AsRef<Path>, prepare: impl FnOnce(&Path, Setup) -> Setup) -> Self {
        let dir = tempfile::Builder::new().prefix("tandem-bed-").tempdir();
        let dir = dir.expect("a writable temporary folder").keep();
        let setup = prepare(&dir, Setup::default());
        let places = setup.places();
        fs::create_dir(dir.join("data")).expect("a writable folder");
        fs::write(dir.join("tandem.toml"), setup.toml(&places, &dir.join("data")))
            .expect("a writable folder");
        let binary = binary.as_ref().to_owned();
        let child = spawn(&binary, &dir);
        let mut bed = Self {
            places,
            setup,
            binary,
            dir,
            child,
        };
        bed.wait_until_up();
        bed
    }

    fn wait_until_up(&mut self) {
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = self.child.try_wait().expect("our child") {
                panic!("the daemon ended with {status}:\n{}", self.log());
            }
            if http::request(self.places.api, "GET", "/healthz").is_ok_and(|answer| answer.status == 200) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "the daemon does not come up:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The directory with what the daemon, or the last that ran here, put into the kernel; `None`: it relays in userspace. A
    /// daemon that is killed leaves it at work.
    #[must_use]
    pub fn pins(&self) -> Option<PathBuf> {
        let log = self.log();
        let (_, pins) = log.rsplit_once("pins=")?;
        pins.split_whitespace().next().map(PathBuf::from)
    }

    /// Whether the daemon still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        // A zombie has no memory any more.
        proc::memory_kb(self.pid()) > 0
    }

    /// Process id of the daemon.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Folder of this bed: configuration, data, logs.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.dir.join("tandem.toml")
    }

    /// What the daemon wrote to its standard output and error so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("daemon.log")).unwrap_or_default()
    }

    // --- peers ------------------------------------------------------------------------------------

    /// A raw SIP peer at A, the customer.
    #[must_use]
    pub fn peer_a(&self) -> SipPeer {
        self.peer("A", self.places.a)
    }

    /// A raw SIP peer at B1, the first carrier.
    #[must_use]
    pub fn peer_b1(&self) -> SipPeer {
        self.peer("B1", self.places.b1)
    }

    /// A raw SIP peer at B2, the second carrier.
    #[must_use]
    pub fn peer_b2(&self) -> SipPeer {
        self.peer("B2", self.places.b2)
    }

    /// A raw SIP peer anywhere that speaks over connections, to this port of the switch.
    #[must_use]
    pub fn connected(&self, name: &'static str, at: SocketAddr, port: u16, kind: Kind) -> SipPeer {
        SipPeer::connected(name, at, SocketAddr::new(self.places.sut.ip(), port), kind)
    }

    /// A raw SIP peer anywhere.
    #[must_use]
    pub fn peer(&self, name: &'static str, at: SocketAddr) -> SipPeer {
        SipPeer::bind(name, at, self.places.sut)
    }

    /// SIPp at A with a scenario of the calling side.
    #[must_use]
    pub fn uac(&self, scenario: &str) -> Scenario {
        Scenario::new(scenario, self.places.a, self.places.sut)
            .audio_port(self.places.rtp_a.port())
            .new_port(self.places.rtp_a.port() + 10)
    }

    /// SIPp at B1 with a scenario of the carrier's side.
    #[must_use]
    pub fn uas_b1(&self, scenario: &str) -> Scenario {
        Scenario::new(scenario, self.places.b1, self.places.sut)
            .audio_port(self.places.rtp_b1.port())
            .new_port(self.places.rtp_b1.port() + 10)
    }

    /// SIPp at B2 with a scenario of the carrier's side.
    #[must_use]
    pub fn uas_b2(&self, scenario: &str) -> Scenario {
        Scenario::new(scenario, self.places.b2, self.places.sut)
            .audio_port(self.places.rtp_b2.port())
            .new_port(self.places.rtp_b2.port() + 10)
    }

    /// Starts a SIPp whose files go to this bed's folder.
    #[must_use]
    pub fn run(&self, scenario: &Scenario) -> Running {
        scenario.start(&self.dir)
    }

    // --- questions --------------------------------------------------------------------------------

    /// `GET path` of the daemon's HTTP server.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn get(&self, path: &str) -> http::Answer {
        self.ask("GET", path)
    }

    /// Any request without a body.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn ask(&self, method: &str, path: &str) -> http::Answer {
        http::request(self.places.api, method, path)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()))
    }

    /// A scrape of `/metrics`.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics::parse(&self.get("/metrics").body)
    }

    /// All records, as `tandem records --json` prints them.
    ///
    /// # Panics
    /// When the command fails or prints something else.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let mut command = Command::new(&self.binary);
        command
            .arg("records")
            .arg("--config")
            .arg(self.config())
            .arg("--json");
        let output = command.output().expect("the binary runs");
        assert!(
            output.status.success(),
            "tandem records: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8_lossy(&output.stdout);
        let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        text.lines().map(|text| Record(line(text))).collect()
    }

    /// Waits until there are `count` final records and gives them.
    ///
    /// # Panics
    /// When they don't come within five seconds.
    #[must_use]
    pub fn wait_records(&self, count: usize) -> Vec<Record> {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let finals: Vec<Record> = self.records().into_iter().filter(Record::is_final).collect();
            if finals.len() == count || Instant::now() > deadline {
                assert_eq!(finals.len(), count, "final records: {finals:#?}\n{}", self.log());
                return finals;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Writes another configuration in place of the present one (as an editor does: a new file, renamed). Nothing is signalled.
    ///
    /// # Panics
    /// When the folder can't be written.
    pub fn write_config(&self, toml: &str) {
        let new = self.dir.join("tandem.toml.new");
        fs::write(&new, toml).expect("a writable folder");
        fs::rename(&new, self.config()).expect("a writable folder");
    }

    /// The text of a configuration on this bed's addresses, for [`write_config`](Self::write_config).
    #[must_use]
    pub fn toml(&self, setup: &Setup) -> String {
        setup.toml(&self.places, &self.dir.join("data"))
    }

    // --- the end ----------------------------------------------------------------------------------

    /// Kills the daemon as a crash would and starts it again on the same data.
    ///
    /// # Panics
    /// When it doesn't come up again.
    pub fn crash_and_restart(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = spawn(&self.binary, &self.dir);
        self.wait_until_up();
    }

    /// The leak check: waits until nothing is left over (transactions linger for 64·T1), then looks at the daemon's gauges, at
    /// its UDP sockets as the kernel knows them and at the records: `calls` final ones, no two for one call. Gives the records
    /// in order of their beginning.
    ///
    /// # Panics
    /// When something is left over.
    pub fn assert_quiet(&self, calls: usize) -> Vec<Record> {
        self.assert_lingering(calls, 0)
    }

    /// The same, but `refused` INVITE transactions may be there still: one whose INVITE was refused stays for 32 s however small
    /// T1 is, to acknowledge a repeated refusal (RFC 3261 §17.1.1.2, timer D).
    ///
    /// # Panics
    /// When something else is left over.
    pub fn assert_lingering(&self, calls: usize, refused: usize) -> Vec<Record> {
        self.settle(refused, Duration::from_millis(3 * self.setup.linger_ms() + 5000));
        let records = self.records_once(calls);
        // No call, no record: none may come after this.
        assert!(
            self.left_over(refused).is_empty(),
            "{:?}",
            self.left_over(refused)
        );
        records
    }

    /// Waits for as long as any timer of the standard runs, until even timer D has let go.
    ///
    /// # Panics
    /// When something is left over after that.
    pub fn assert_empty(&self, calls: usize) -> Vec<Record> {
        self.settle(0, Duration::from_secs(40));
        self.records_once(calls)
    }

    fn settle(&self, refused: usize, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            let left = self.left_over(refused);
            if left.is_empty() {
                return;
            }
            let log = || self.log().lines().rev().take(60).collect::<Vec<_>>().join("\n");
            assert!(
                Instant::now() < deadline,
                "left over: {left:#?}\nlog, last line first:\n{}",
                log()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn records_once(&self, calls: usize) -> Vec<Record> {
        let mut records = self.wait_records(calls);
        let mut ids: Vec<&str> = records.iter().map(|record| record.text("id")).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), calls, "two final records of one call");
        records.sort_by_key(|record| record.number("started_ms"));
        records
    }

    /// What isn't as it is when nothing goes on: gauges that aren't zero, sockets that aren't listeners. `refused` client
    /// transactions may be there.
    #[must_use]
    pub fn left_over(&self, refused: usize) -> Vec<String> {
        let metrics = self.metrics();
        let mut left = Vec::new();
        for name in ZERO_WHEN_QUIET {
            let allowed = if name == "tandem_transactions" {
                let clients = metrics.sum_where(name, "role=\"client\"").unwrap_or(0.0);
                clients.min(refused as f64)
            } else {
                0.0
            };
            match metrics.sum(name) {
                Some(value) if value > allowed => left.push(format!("{name} = {value}")),
                Some(_) => {}
                None => left.push(format!("{name} is not in /metrics")),
            }
        }
        let (sockets, bound) = (proc::udp_sockets(self.pid()), self.setup.bound(&self.places));
        left.extend(
            sockets
                .iter()
                .filter(|at| !bound.contains(at))
                .map(|at| format!("UDP socket {at}")),
        );
        left
    }

    /// Datagrams that the daemon's sockets, those that are open now, have lost to full buffers.
    #[must_use]
    pub fn drops(&self) -> u64 {
        proc::udp_drops(self.pid())
    }

    /// The leak check, then SIGTERM, after which the daemon has to end by itself and content. Gives the records.
    ///
    /// # Panics
    /// When something is left over or the daemon doesn't end.
    pub fn finish(self, calls: usize) -> Vec<Record> {
        self.finish_lingering(calls, 0)
    }

    /// The same with [`assert_lingering`](Self::assert_lingering).
    ///
    /// # Panics
    /// When something else is left over or the daemon doesn't end.
    pub fn finish_lingering(mut self, calls: usize, refused: usize) -> Vec<Record> {
        let records = self.assert_lingering(calls, refused);
        proc::terminate(self.pid());
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(status) = self.child.try_wait().expect("our child") {
                assert!(
                    status.success(),
                    "the daemon ended with {status}:\n{}",
                    self.log()
                );
                return records;
            }
            assert!(
                Instant::now() < deadline,
                "the daemon does not end on SIGTERM:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn spawn(binary: &Path, dir: &Path) -> Child {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir.join("daemon.log"));
    let log = log.expect("a writable folder");
    let mut command = Command::new(binary);
    command.arg("run").arg("--config").arg(dir.join("tandem.toml"));
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file"))
        .stderr(log);
    command
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", binary.display()))
}

impl Drop for Bed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(pins) = self.pins() {
            let _ = fs::read_dir(&pins).map(|pins| {
                pins.flatten().for_each(|pin| {
                    let _ = fs::remove_file(pin.path());
                });
            });
            let _ = fs::remove_dir(&pins);
            let _ = pins.parent().map(fs::remove_dir);
        }
        if thread::panicking() {
            eprintln!("the bed's files are left in {}", self.dir.display());
        } else {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}
