//! Listeners, media addresses and ports.

use crate::document::Cx;
use crate::model::{Config, Listen};
use crate::report::{Fault, quote};
use std::net::IpAddr;

/// The first port that the kernel gives out by itself where nobody told it otherwise.
const KERNEL_PORTS: u16 = 32_768;

pub(crate) fn complete(config: &mut Config, cx: &mut Cx<'_>) {
    for (index, listen) in config.listen.iter().enumerate() {
        listener(listen, index, cx);
        twins(config, listen, index, cx);
    }
    members(config, cx);
    follow(config, cx);
    media_address((config.media.bind, config.media.advertise), "media", cx);
    for (index, network) in config.networks.iter().enumerate() {
        media_address((network.bind, network.advertise), &cx.entry("network", index), cx);
    }
    media_ports(config, cx);
    timers(config, cx);
    capacity(config, cx);
}

fn listener(listen: &Listen, index: usize, cx: &mut Cx<'_>) {
    let path = cx.entry("listen", index);
    let (bind, advertise) = (format!("{path}.bind"), format!("{path}.advertise"));
    match listen.advertise {
        None if listen.bind.ip().is_unspecified() && !cx.is_bad(&advertise) => {
            let fault = Fault::new(format!(
                "{} is every address, and a message names one",
                listen.bind
            ))
            .expected("advertise = \"203.0.113.10:5060\" beside it, or one address here");
            cx.refuse(cx.place(&bind), &bind, fault);
        }
        None => {}
        Some(address) => {
            if address.ip().is_unspecified() || address.port() == 0 {
                let fault = Fault::new(format!("{address} is nowhere to send to"));
                cx.refuse(
                    cx.place(&advertise),
                    &advertise,
                    fault.expected("the address and port others reach"),
                );
            } else if address.is_ipv4() != listen.bind.is_ipv4() {
                family(&advertise, listen.bind.ip(), address.ip(), cx);
            }
        }
    }
}

fn family(path: &str, bind: IpAddr, advertise: IpAddr, cx: &mut Cx<'_>) {
    let fault = Fault::new(format!(
        "{advertise} is not of the same kind of address as `bind`, {bind}"
    ));
    cx.refuse(cx.place(path), path, fault.expected("both IPv4 or both IPv6"));
}

/// Whether two sockets of the same kind would get in each other's way at these addresses.
fn overlaps(a: IpAddr, b: IpAddr) -> bool {
    a.is_ipv4() == b.is_ipv4() && (a == b || a.is_unspecified() || b.is_unspecified())
}

fn twins(config: &Config, listen: &Listen, index: usize, cx: &mut Cx<'_>) {
    let same = |other: &Listen| {
        let addresses =
            overlaps(other.bind.ip(), listen.bind.ip()) && other.bind.port() == listen.bind.port();
        other.transport == listen.transport && addresses && listen.bind.port() != 0
    };
    if let Some(first) = config.listen.iter().take(index).position(same) {
        let path = format!("{}.bind", cx.entry("listen", index));
        let first = cx.name_of(cx.place(&format!("{}.bind", cx.entry("listen", first))));
        let fault = Fault::new(format!("{} is listened on already, at {first}", listen.bind));
        cx.refuse(cx.place(&path), &path, fault.expected("another address or port"));
    }
}

/// Who is in which network: every name is one, and every trunk's has a listener.
fn members(config: &Config, cx: &mut Cx<'_>) {
    let listens = config.listen.iter().enumerate().filter_map(|(index, listen)| {
        let name = listen.network.as_deref()?;
        Some((format!("{}.network", cx.entry("listen", index)), name))
    });
    let trunks = config.trunks.iter().enumerate().filter_map(|(index, trunk)| {
        let name = trunk.network.as_deref()?;
        Some((format!("{}.network", cx.entry("trunk", index)), name))
    });
    let names: Vec<(String, &str)> = listens.chain(trunks).collect();
    super::refer(names.into_iter(), "network", cx);
    if cx.is_bad("listen") {
        return;
    }
    let has_listener = |name: Option<&str>| {
        let mut listens = config.listen.iter();
        listens.any(|listen| listen.network.as_deref() == name)
    };
    for (index, trunk) in config.trunks.iter().enumerate() {
        let name = trunk.network.as_deref();
        if has_listener(name) || config.network_place(name).is_none() || config.listen.is_empty() {
            continue;
        }
        let path = cx.entry("trunk", index);
        let key = format!("{path}.network");
        let names: Vec<String> = config
            .networks
            .iter()
            .map(|network| quote(&network.name))
            .collect();
        let fault = match name {
            Some(name) => Fault::new(format!("no listener is in network {}", quote(name)))
                .expected(format!("network = {} in a [[listen]]", quote(name))),
            None => Fault::new("names no network, and every listener is in one")
                .expected(format!("network = {}", names.join(" or "))),
        };
        cx.refuse(cx.place(&key), &path, fault);
    }
    for (index, network) in config.networks.iter().enumerate() {
        if !has_listener(Some(&network.name)) {
            let path = cx.entry("network", index);
            cx.warn(
                cx.place(&path),
                &path,
                Fault::new("no listener is in this network"),
            );
        }
    }
}

/// Media without an address of its own takes that of the network's first listener, and what that one advertises.
fn follow(config: &mut Config, cx: &Cx<'_>) {
    let of_first = |name: Option<&str>| {
        let first = config
            .listen
            .iter()
            .find(|listen| listen.network.as_deref() == name)?;
        Some((first.bind.ip(), first.advertise.map(|address| address.ip())))
    };
    // Where every listener is in some network, nobody uses this one.
    let any = config
        .listen
        .first()
        .map(|first| (first.bind.ip(), first.advertise.map(|a| a.ip())));
    let mut found = vec![("media".to_owned(), of_first(None).or(any))];
    for (index, network) in config.networks.iter().enumerate() {
        found.push((cx.entry("network", index), of_first(Some(&network.name))));
    }
    let media = &mut config.media;
    let networks = config
        .networks
        .iter_mut()
        .map(|network| (&mut network.bind, &mut network.advertise));
    let places = std::iter::once((&mut media.bind, &mut media.advertise)).chain(networks);
    for ((bind, advertise), (path, first)) in places.zip(found) {
        let Some((address, advertised)) = first.filter(|_| !cx.is_written(&format!("{path}.bind"))) else {
            continue;
        };
        *bind = address;
        if !cx.is_written(&format!("{path}.advertise")) {
            *advertise = advertised;
        }
    }
}

fn media_address((ip, advertised): (IpAddr, Option<IpAddr>), path: &str, cx: &mut Cx<'_>) {
    let (bind, advertise) = (format!("{path}.bind"), format!("{path}.advertise"));
    if cx.is_bad(&bind) || cx.is_bad(&advertise) {
        return;
    }
    // What was taken over from the listener was judged there.
    match advertised {
        None if ip.is_unspecified() && cx.is_written(&bind) => {
            let fault = Fault::new(format!("{ip} is every address, and SDP names one"))
                .expected("advertise = \"203.0.113.10\" beside it, or one address here");
            cx.refuse(cx.place(&bind), &bind, fault);
        }
        Some(address) if address.is_unspecified() && cx.is_written(&advertise) => {
            let fault = Fault::new(format!("{address} is nowhere to send to"));
            cx.refuse(
                cx.place(&advertise),
                &advertise,
                fault.expected("the address that others reach"),
            );
        }
        Some(address) if address.is_ipv4() != ip.is_ipv4() && cx.is_written(&advertise) => {
            family(&advertise, ip, address, cx);
        }
        Some(_) | None => {}
    }
}

fn media_ports(config: &Config, cx: &mut Cx<'_>) {
    let (ports, path) = (&config.media.ports, "media.ports");
    let named = config.networks.iter().map(|network| network.bind);
    let binds: Vec<IpAddr> = std::iter::once(config.media.bind).chain(named).collect();
    for listen in &config.listen {
        let port = listen.bind.port();
        let meets = binds.iter().any(|bind| overlaps(listen.bind.ip(), *bind));
        if meets && ports.contains(&port) {
            let range = quote(&format!("{}-{}", ports.start(), ports.end()));
            let fault = Fault::new(format!(
                "{range} holds port {port}, where SIP is listened for on {}",
                listen.bind
            ));
            cx.refuse(
                cx.place(path),
                path,
                fault.expected("ports that nothing else uses"),
            );
        }
    }
    if *ports.end() >= KERNEL_PORTS {
        let wrong =
            format!("reaches into the ports that the kernel gives out itself ({KERNEL_PORTS} and up)");
        cx.warn(
            cx.place(path),
            path,
            Fault::new(wrong).expected(format!("ports below {KERNEL_PORTS}")),
        );
    }
}

fn timers(config: &Config, cx: &mut Cx<'_>) {
    if config.sip.t2 < config.sip.t1 {
        let path = if cx.is_written("sip.t2") {
            "sip.t2"
        } else {
            "sip.t1"
        };
        let fault = Fault::new("t2, the longest interval, is shorter than t1, the first");
        cx.refuse(cx.place(path), path, fault.expected("t2 of at least t1"));
    }
}

/// A call takes four media ports: RTP and RTCP on each leg.
fn capacity(config: &Config, cx: &mut Cx<'_>) {
    let ports = u32::from(*config.media.ports.end()) + 1 - u32::from(*config.media.ports.start());
    if cx.is_written("sip.max_calls") && config.sip.max_calls > ports / 4 {
        let fault = Fault::new(format!(
            "{ports} media ports are enough for {} calls only",
            ports / 4
        ));
        cx.warn(
            cx.place("sip.max_calls"),
            "sip.max_calls",
            fault.expected("a wider range in media.ports"),
        );
    }
}
