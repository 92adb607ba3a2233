//! baresip, a SIP telephone that isn't ours, with SRTP: it answers every call (or makes one), says [`audio::speech`] in PCMU and
//! keeps what it hears.

use crate::audio;
use crate::proc;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A telephone's account.
#[derive(Debug, Clone, Copy)]
pub struct Account<'a> {
    /// The user.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
    /// Where it registers.
    pub registrar: SocketAddr,
    /// `udp`, `tcp` or `tls`; for the latter the authority that it trusts is `ca.pem` in the folder.
    pub transport: &'a str,
    /// Encryption of media, as for [`Baresip::start`]; empty: none.
    pub encryption: &'a str,
}

/// A running baresip.
#[derive(Debug)]
pub struct Baresip {
    child: Child,
    dir: PathBuf,
}

impl Baresip {
    /// Starts it as `user` with SIP at `at` and its files in `dir`. Its media is at 127.0.0.1, where the kernel lets it come from
    /// whatever address it says. `encryption`: `srtp` (offers keys under RTP/AVP), `srtp-mand`
    /// (RTP/SAVP), `srtp-mandf` (RTP/SAVPF). `dial`: whom it calls, else it waits for calls.
    ///
    /// # Panics
    /// When it isn't there (Debian's `baresip-core`), or doesn't come up.
    #[must_use]
    pub fn start(dir: &Path, at: SocketAddr, user: &str, encryption: &str, dial: Option<&str>) -> Self {
        let account = format!("<sip:{user}@{at}>;regint=0;mediaenc={encryption}");
        Self::with(dir, at, &account, None, dial)
    }

    /// Starts it as a telephone that registers, and is called by whatever comes over that.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn registered(dir: &Path, at: SocketAddr, account: &Account<'_>, dial: Option<&str>) -> Self {
        let Account {
            user,
            password,
            registrar,
            transport,
            encryption,
        } = account;
        let account = format!(
            "<sip:{user}@{registrar};transport={transport}>;auth_pass={password};regint=60;mediaenc={encryption}"
        );
        let trust = (*transport == "tls").then(|| dir.join("ca.pem"));
        Self::with(dir, at, &account, trust, dial)
    }

    fn with(dir: &Path, at: SocketAddr, account: &str, trust: Option<PathBuf>, dial: Option<&str>) -> Self {
        let dir = dir.join(format!("baresip-{}", at.port()));
        fs::create_dir_all(&dir).expect("a writable folder");
        let place = dir.display();
        let config = format!(
            "sip_listen {at}\n{trust}net_interface 127.0.0.1\nrtp_ports 16000-16998\nrtp_stats no\nmodule_path {modules}\n\
             audio_source aufile,{place}/says.wav\naudio_player aubridge,none\naudio_alert aubridge,alert\n\
             ausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\nsnd_path {place}\n\
             module g711.so\nmodule srtp.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\n\
             module_app account.so\nmodule_app menu.so\n",
            modules = modules().display(),
            trust = trust
                .map(|ca| format!("sip_cafile {}\n", ca.display()))
                .unwrap_or_default(),
        );
        let account = format!("{account};answermode=auto;audio_codecs=PCMU\n");
        let says: Vec<i16> = audio::speech().iter().map(|byte| audio::linear(*byte)).collect();
        let files = [
            ("config", config.into_bytes()),
            ("accounts", account.into_bytes()),
        ];
        for (name, text) in files
            .into_iter()
            .chain([("says.wav", audio::wav(&says)), ("contacts", Vec::new())])
        {
            fs::write(dir.join(name), text).expect("a writable folder");
        }
        let log = fs::File::create(dir.join("log")).expect("a writable folder");
        let mut command = Command::new("baresip");
        command.arg("-f").arg(&dir).arg("-v");
        if let Some(dial) = dial {
            command.arg("-e").arg(format!("/dial {dial}"));
        }
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("baresip: {error}; the tests need Debian's baresip-core"));
        let baresip = Self { child, dir };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !baresip.log().contains("baresip is ready") {
            assert!(
                Instant::now() < deadline,
                "baresip does not come up:\n{}",
                baresip.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
        baresip
    }

    /// What it wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Ends it, whereupon it hangs up.
    pub fn quit(&mut self) {
        proc::terminate(self.child.id());
        let deadline = Instant::now() + Duration::from_secs(5);
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
        let files = fs::read_dir(&self.dir).expect("its folder").flatten();
        let file = files
            .map(|file| file.path())
            .find(|path| path.to_string_lossy().ends_with("-dec.wav"));
        let file = file.unwrap_or_else(|| panic!("baresip has heard nothing:\n{}", self.log()));
        audio::samples(&fs::read(file).expect("its file"))
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where Debian has its modules.
fn modules() -> PathBuf {
    let place = PathBuf::from("/usr/lib/baresip/modules");
    assert!(
        place.exists(),
        "the tests need Debian's baresip-core (see .ci/tools)"
    );
    place
}
