//! What the daemon is configured with.

use crate::places::Places;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

/// One trunk: its name and the lines of its table.
#[derive(Debug, Clone)]
struct Trunk {
    name: String,
    lines: Vec<String>,
}

/// Which addresses a setup is on.
#[derive(Debug, Clone, Copy)]
enum Family {
    V4,
    V6,
    Mixed,
}

/// A configuration to be: customer `pbx` at A; carriers `b1`, `b2` at B1, B2, tried in this order; T1 = 50 ms, so
/// that 64·T1 is 3.2 s. Lines may hold the placeholders of [`Places::fill`].
#[derive(Debug, Clone)]
pub struct Setup {
    family: Family,
    listen: Vec<String>,
    listeners: Vec<(String, Vec<String>)>,
    t1_ms: u64,
    media_ports: Option<(u16, u16)>,
    sip: Vec<String>,
    media: Vec<String>,
    trunks: Vec<Trunk>,
    extra: String,
    is_patient: bool,
}

impl Default for Setup {
    fn default() -> Self {
        let setup = Self {
            family: Family::V4,
            listen: Vec::new(),
            listeners: Vec::new(),
            t1_ms: 50,
            media_ports: None,
            sip: Vec::new(),
            media: Vec::new(),
            trunks: Vec::new(),
            extra: String::new(),
            is_patient: true,
        };
        setup
            .trunk("pbx", &["role = \"customer\"", "sources = [\"{a}\"]"])
            .carrier("b1", "{b1}", 1)
            .carrier("b2", "{b2}", 2)
    }
}

impl Setup {
    /// Signalling and media on `::1`.
    #[must_use]
    pub fn ipv6(mut self) -> Self {
        self.family = Family::V6;
        self
    }

    /// The customer on IPv4, the carriers on IPv6 ([`Places::mixed`]).
    #[must_use]
    pub fn mixed(mut self) -> Self {
        self.family = Family::Mixed;
        self
    }

    /// A line of the first `[[listen]]`.
    #[must_use]
    pub fn listen(mut self, line: &str) -> Self {
        self.listen.push(line.to_owned());
        self
    }

    /// Another UDP listener at `address` (a placeholder, or an address with port), with more lines of its table.
    #[must_use]
    pub fn listener(mut self, address: &str, lines: &[&str]) -> Self {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        self.listeners.push((address.to_owned(), lines));
        self
    }

    /// The addresses of all UDP listeners.
    #[must_use]
    pub fn bound(&self, places: &Places) -> Vec<SocketAddr> {
        let others = self
            .listeners
            .iter()
            .filter_map(|(address, _)| places.fill(address).parse().ok());
        std::iter::once(places.sut).chain(others).collect()
    }

    /// RFC 3261 T1 in milliseconds; T2 is 8·T1, T4 10·T1, as the RFC's own defaults are.
    #[must_use]
    pub fn t1_ms(mut self, t1_ms: u64) -> Self {
        self.t1_ms = t1_ms;
        self
    }

    /// The switch's media ports, e.g. 200 of them to run them out.
    #[must_use]
    pub fn media_ports(mut self, first: u16, last: u16) -> Self {
        self.media_ports = Some((first, last));
        self
    }

    /// A line of `[sip]`.
    #[must_use]
    pub fn sip(mut self, line: &str) -> Self {
        self.sip.push(line.to_owned());
        self
    }

    /// A line of `[media]`.
    #[must_use]
    pub fn media(mut self, line: &str) -> Self {
        self.media.push(line.to_owned());
        self
    }

    /// Another trunk, with the lines of its table but the name.
    #[must_use]
    pub fn trunk(mut self, name: &str, lines: &[&str]) -> Self {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        self.trunks.push(Trunk {
            name: name.to_owned(),
            lines,
        });
        self
    }

    /// Another carrier at `address` (a placeholder or an address with port).
    #[must_use]
    pub fn carrier(self, name: &str, address: &str, priority: u16) -> Self {
        self.trunk(
            name,
            &[
                "role = \"carrier\"",
                &format!("targets = [{{ uri = \"sip:{address}\" }}]"),
                &format!("sources = [\"{address}\"]"),
                &format!("priority = {priority}"),
            ],
        )
    }

    /// A line more in the table of trunk `name`.
    ///
    /// # Panics
    /// When there is no such trunk.
    #[must_use]
    pub fn key(mut self, name: &str, line: &str) -> Self {
        let trunk = self
            .trunks
            .iter_mut()
            .find(|trunk| trunk.name == name)
            .expect("a trunk of that name");
        trunk.lines.push(line.to_owned());
        self
    }

    /// Takes trunk `name` away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.trunks.retain(|trunk| trunk.name != name);
        self
    }

    /// Tables more, at the end of the file.
    #[must_use]
    pub fn extra(mut self, toml: &str) -> Self {
        self.extra.push_str(toml);
        self.extra.push('\n');
        self
    }

    /// A switch that takes it for overload as soon as the shipped one when it does not get to its messages. Without this only a
    /// second of waiting is: a machine that runs many tests at once has more to do than one switch.
    #[must_use]
    pub fn impatient(mut self) -> Self {
        self.is_patient = false;
        self
    }

    /// The tables at the end.
    fn tables(&self) -> String {
        const PATIENCE: &str = "[edge]\noverload_delay = \"1s\"\n";
        if !self.is_patient || self.extra.contains("overload_delay") {
            return self.extra.clone();
        }
        match self.extra.split_once("[edge]\n") {
            Some((before, after)) => format!("{before}{PATIENCE}{after}"),
            None => format!("{PATIENCE}{}", self.extra),
        }
    }

    /// Addresses as this setup wants them.
    #[must_use]
    pub fn places(&self) -> Places {
        let mut places = match self.family {
            Family::V4 => Places::v4(),
            Family::V6 => Places::v6(),
            Family::Mixed => Places::mixed(),
        };
        if let Some(ports) = self.media_ports {
            places.media_ports = ports;
        }
        places
    }

    /// 64·T1: how long a transaction may linger, milliseconds.
    #[must_use]
    pub fn linger_ms(&self) -> u64 {
        64 * self.t1_ms
    }

    /// The file.
    #[must_use]
    pub fn toml(&self, places: &Places, data_dir: &Path) -> String {
        let mut out = String::new();
        let (first, last) = places.media_ports;
        let t1 = self.t1_ms;
        let _ = writeln!(
            out,
            "[node]\nname = \"bed\"\ndata_dir = {:?}\n",
            data_dir.display().to_string()
        );
        let _ = writeln!(out, "[[listen]]\ntransport = \"udp\"\nbind = \"{}\"", places.sut);
        lines(&mut out, &self.listen);
        for (address, more) in &self.listeners {
            let _ = writeln!(out, "[[listen]]\ntransport = \"udp\"\nbind = \"{address}\"");
            lines(&mut out, more);
        }
        let _ = writeln!(
            out,
            "[sip]\nt1 = \"{t1}ms\"\nt2 = \"{}ms\"\nt4 = \"{}ms\"",
            8 * t1,
            10 * t1
        );
        lines(&mut out, &self.sip);
        let _ = writeln!(
            out,
            "[media]\nbind = \"{}\"\nports = \"{first}-{last}\"",
            places.media()
        );
        // Which calls are listened to is chance's to say: none, unless a test is about it.
        if !self.media.iter().any(|line| line.starts_with("supervise")) {
            out.push_str("supervise = { share = 0 }\n");
        }
        lines(&mut out, &self.media);
        let _ = writeln!(out, "[api]\nbind = \"{}\"\n", places.api);
        for trunk in &self.trunks {
            let _ = writeln!(out, "[[trunk]]\nname = \"{}\"", trunk.name);
            lines(&mut out, &trunk.lines);
        }
        out.push_str(&self.tables());
        places.fill(&out)
    }
}

fn lines(out: &mut String, lines: &[String]) {
    for line in lines {
        let _ = writeln!(out, "{line}");
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_every_trunk_with_its_addresses() {
        let setup = Setup::default()
            .key("b1", "max_calls = 1")
            .without("b2")
            .t1_ms(20);
        let places = setup.places();
        let text = setup.toml(&places, Path::new("/tmp/x"));
        assert!(
            text.contains("t1 = \"20ms\"\nt2 = \"160ms\"\nt4 = \"200ms\"\n"),
            "{text}"
        );
        assert!(
            text.contains(&format!("targets = [{{ uri = \"sip:{}\" }}]", places.b1)),
            "{text}"
        );
        assert!(text.contains("max_calls = 1\n"), "{text}");
        assert!(!text.contains("\"b2\"") && !text.contains("{b1}"), "{text}");
    }
}
