//! The examples of docs/routing.md: each is asked of a daemon with the configuration that the guide is about, and says what the guide says.
//!
//! `TANDEM_WRITE_DOCS=1` writes what it says into the guide.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

/// How the guide's blocks begin and end.
const CONSOLE: &str = "```console\n";
const END: &str = "```\n";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A daemon with configs/routing.toml at addresses of its own.
struct Guide {
    daemon: Child,
    config: PathBuf,
    _dir: tempfile::TempDir,
}

impl Guide {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let id = std::process::id();
        let net = format!("127.{}.{}.", 64 + id / 250 % 128, id % 250 + 1);
        let text = std::fs::read_to_string(workspace().join("configs/routing.toml")).unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let text = text.replace("127.0.0.", &net).replace(
            "region = \"eu\"\n\n[[listen]]",
            &format!("region = \"eu\"\ndata_dir = {data:?}\n\n[[listen]]"),
        ) + &format!("\n[api]\nbind = \"{net}1:8080\"\n");
        let config = dir.path().join("routing.toml");
        std::fs::write(&config, text).unwrap();
        let daemon = Command::new(TANDEM)
            .arg("run")
            .arg("--config")
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let guide = Self {
            daemon,
            config,
            _dir: dir,
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !guide.run("trunks").0 {
            assert!(Instant::now() < deadline, "the daemon does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
        guide
    }

    /// Whether a command went well, and what it has said.
    fn run(&self, arguments: &str) -> (bool, String) {
        let output = Command::new(TANDEM)
            .args(arguments.split(' '))
            .arg("--config")
            .arg(&self.config)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    }

    /// A block with what its commands say.
    fn filled(&self, block: &str) -> String {
        let commands = block.lines().filter_map(|line| line.strip_prefix("$ tandem "));
        let said = |command: &str| {
            let (well, said) = self.run(command);
            assert!(well, "{command}: {said}");
            format!("$ tandem {command}\n{said}")
        };
        commands.map(said).collect()
    }
}

impl Drop for Guide {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

#[test]
fn every_example_says_what_the_guide_says() {
    let path = workspace().join("docs/routing.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let guide = Guide::start();
    let (mut written, mut rest) = (String::new(), text.as_str());
    let (mut examples, mut wrong) = (0, Vec::new());
    while let Some((before, after)) = rest.split_once(CONSOLE) {
        let (block, after) = after.split_once(END).expect("the end of a block");
        let filled = guide.filled(block);
        if filled != block {
            wrong.push(format!("the guide:\n{block}\nthe switch:\n{filled}"));
        }
        written += &[before, CONSOLE, &filled, END].concat();
        examples += 1;
        rest = after;
    }
    written += rest;
    if std::env::var_os("TANDEM_WRITE_DOCS").is_some() {
        std::fs::write(&path, written).unwrap();
    } else {
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
    assert!(examples >= 20, "{examples}");
}
