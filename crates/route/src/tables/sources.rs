//! Which trunks an address belongs to: one look-up in a map per width of network that any trunk has.

use super::{NetworkIx, TrunkIx};
use config::{Cidr, Config, Trunk};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

/// Why an address belongs to no trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    /// No trunk names this address.
    #[error("no trunk has this source address")]
    Unknown,
    /// A trunk names the address, with other ports only.
    #[error("a trunk has this source address, but with another port")]
    Port,
    /// The trunk that names it is switched off.
    #[error("the trunk with this source address is disabled")]
    Disabled,
}

/// A range of addresses in a network, and a port if one was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Net {
    of: NetworkIx,
    addr: IpAddr,
    width: u8,
    port: Option<u16>,
}

/// Trunks by network.
#[derive(Debug, Default)]
pub(super) struct Sources {
    nets: HashMap<Net, SmallVec<[TrunkIx; 2]>>,
    /// Networks with some port, for saying why not, and for connections, whose ports say nothing.
    ported: HashMap<(NetworkIx, IpAddr, u8), SmallVec<[TrunkIx; 2]>>,
    /// Trunks by the names in their clients' certificates, in lower case.
    names: HashMap<(NetworkIx, Box<str>), SmallVec<[TrunkIx; 2]>>,
    /// Widths in use, narrowest network (longest prefix) first.
    v4: Box<[u8]>,
    v6: Box<[u8]>,
}

impl Sources {
    pub(super) fn build(config: &Config) -> Self {
        let mut sources = Self::default();
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (index, trunk) in config.trunks.iter().enumerate() {
            let of = NetworkIx::named(config, trunk.network.as_deref());
            for source in &trunk.sources {
                let (addr, width) = canonical(source.net);
                let widths = if addr.is_ipv4() { &mut v4 } else { &mut v6 };
                widths.push(width);
                let owners = sources
                    .nets
                    .entry(Net {
                        of,
                        addr,
                        width,
                        port: source.port,
                    })
                    .or_default();
                if !owners.contains(&TrunkIx(index as u32)) {
                    owners.push(TrunkIx(index as u32));
                }
                if source.port.is_some() {
                    let owners = sources.ported.entry((of, addr, width)).or_default();
                    if !owners.contains(&TrunkIx(index as u32)) {
                        owners.push(TrunkIx(index as u32));
                    }
                }
            }
            for name in &trunk.tls_names {
                let owners = sources
                    .names
                    .entry((of, name.to_ascii_lowercase().into_boxed_str()))
                    .or_default();
                owners.push(TrunkIx(index as u32));
            }
        }
        for widths in [&mut v4, &mut v6] {
            widths.sort_unstable_by(|a, b| b.cmp(a));
            widths.dedup();
        }
        sources.v4 = v4.into_boxed_slice();
        sources.v6 = v6.into_boxed_slice();
        sources
    }

    /// The trunks with the narrowest source that `remote` fits, in the order of the config; never an empty
    /// list.
    pub(super) fn find(&self, of: NetworkIx, remote: SocketAddr) -> Result<&[TrunkIx], WhyNot> {
        let ip = remote.ip().to_canonical();
        let widths = if ip.is_ipv4() { &self.v4 } else { &self.v6 };
        let mut why = WhyNot::Unknown;
        for &width in widths {
            let addr = network(ip, width);
            for port in [Some(remote.port()), None] {
                if let Some(trunks) = self.nets.get(&Net {
                    of,
                    addr,
                    width,
                    port,
                }) {
                    return Ok(trunks);
                }
            }
            if self.ported.contains_key(&(of, addr, width)) {
                why = WhyNot::Port;
            }
        }
        Err(why)
    }

    /// As [`Sources::find`], without a look at ports.
    pub(super) fn find_host(&self, of: NetworkIx, remote: SocketAddr) -> Result<&[TrunkIx], WhyNot> {
        let ip = remote.ip().to_canonical();
        let widths = if ip.is_ipv4() { &self.v4 } else { &self.v6 };
        for &width in widths {
            let addr = network(ip, width);
            let port = None;
            let net = Net {
                of,
                addr,
                width,
                port,
            };
            if let Some(trunks) = self.nets.get(&net) {
                return Ok(trunks);
            }
            if let Some(trunks) = self.ported.get(&(of, addr, width)) {
                return Ok(trunks);
            }
        }
        Err(WhyNot::Unknown)
    }

    /// The trunks of a network that one of these names is of.
    pub(super) fn named(&self, of: NetworkIx, names: &[Box<str>]) -> Option<&[TrunkIx]> {
        names
            .iter()
            .find_map(|name| self.names.get(&(of, name.clone())))
            .map(SmallVec::as_slice)
    }
}

/// Whether one of the trunk's sources is `remote`.
pub(super) fn has(trunk: &Trunk, remote: SocketAddr) -> bool {
    let ip = remote.ip().to_canonical();
    trunk.sources.iter().any(|source| {
        let (addr, width) = canonical(source.net);
        addr.is_ipv4() == ip.is_ipv4()
            && network(ip, width) == addr
            && source.port.is_none_or(|port| port == remote.port())
    })
}

/// A network with its host bits zero; IPv4 written in IPv6 is IPv4.
fn canonical(net: Cidr) -> (IpAddr, u8) {
    match (net.addr, net.addr.to_canonical()) {
        (IpAddr::V6(_), IpAddr::V4(v4)) if net.prefix >= 96 => {
            let width = net.prefix.saturating_sub(96).min(32);
            (network(IpAddr::V4(v4), width), width)
        }
        (addr @ IpAddr::V4(_), _) => (network(addr, net.prefix.min(32)), net.prefix.min(32)),
        (addr @ IpAddr::V6(_), _) => (network(addr, net.prefix.min(128)), net.prefix.min(128)),
    }
}

/// The network of `width` bits that `ip` lies in.
fn network(ip: IpAddr, width: u8) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(width)).unwrap_or(0);
            IpAddr::V4((ip.to_bits() & mask).into())
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(width)).unwrap_or(0);
            IpAddr::V6((ip.to_bits() & mask).into())
        }
    }
}
