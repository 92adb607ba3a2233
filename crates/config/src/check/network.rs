//! Listeners, media addresses and ports.

use crate::document::Cx;
use crate::model::{Config, Listen, Media};
use crate::report::{Fault, quote};
use std::net::IpAddr;

/// The first port that the kernel gives out by itself where nobody told it otherwise.
const KERNEL_PORTS: u16 = 32_768;

pub(crate) fn complete(config: &mut Config, cx: &mut Cx<'_>) {
    for (index, listen) in config.listen.iter().enumerate() {
        listener(listen, index, cx);
        twins(config, listen, index, cx);
    }
    follow(config, cx);
    media_address(&config.media, cx);
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

/// Media without an address of its own takes the first listener's, and what that one advertises.
fn follow(config: &mut Config, cx: &Cx<'_>) {
    let Some(first) = config.listen.first() else {
        return;
    };
    if !cx.is_written("media.bind") {
        config.media.bind = first.bind.ip();
        if !cx.is_written("media.advertise") {
            config.media.advertise = first.advertise.map(|address| address.ip());
        }
    }
}

fn media_address(media: &Media, cx: &mut Cx<'_>) {
    let (bind, advertise) = ("media.bind", "media.advertise");
    if cx.is_bad(bind) || cx.is_bad(advertise) {
        return;
    }
    // What was taken over from the listener was judged there.
    match media.advertise {
        None if media.bind.is_unspecified() && cx.is_written(bind) => {
            let fault = Fault::new(format!("{} is every address, and SDP names one", media.bind))
                .expected("advertise = \"203.0.113.10\" beside it, or one address here");
            cx.refuse(cx.place(bind), bind, fault);
        }
        Some(address) if address.is_unspecified() && cx.is_written(advertise) => {
            let fault = Fault::new(format!("{address} is nowhere to send to"));
            cx.refuse(
                cx.place(advertise),
                advertise,
                fault.expected("the address that others reach"),
            );
        }
        Some(address) if address.is_ipv4() != media.bind.is_ipv4() && cx.is_written(advertise) => {
            family(advertise, media.bind, address, cx);
        }
        Some(_) | None => {}
    }
}

fn media_ports(config: &Config, cx: &mut Cx<'_>) {
    let (media, path) = (&config.media, "media.ports");
    for listen in &config.listen {
        let port = listen.bind.port();
        if overlaps(listen.bind.ip(), media.bind) && media.ports.contains(&port) {
            let range = quote(&format!("{}-{}", media.ports.start(), media.ports.end()));
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
    if *media.ports.end() >= KERNEL_PORTS {
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
