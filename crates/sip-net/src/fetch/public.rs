//! Addresses that anybody on the Internet may be asked to connect to (the registries of RFC 6890).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is a public one: neither this host, its network, a private one nor any of the special ones.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let special = matches!(
        v4.octets(),
        [0 | 10 | 127 | 240..=255, ..]
            | [100, 64..=127, ..]
            | [192, 0, 0, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..]
    );
    let known = v4.is_private() || v4.is_link_local() || v4.is_documentation() || v4.is_multicast();
    !special && !known
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    let [a, b, c, d, _, _, g, h] = v6.segments();
    let inner = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (a, b, c, d) {
        // An IPv4 address in another dress: mapped, translated, 6to4.
        (0, 0, 0, 0) => v6.to_ipv4_mapped().is_some_and(is_public_v4),
        (0x64, 0xff9b, 0, 0) => is_public_v4(inner(g, h)),
        (0x2002, ..) => is_public_v4(inner(b, c)),
        // Teredo, ORCHID and the like; documentation.
        (0x2001, 0..=0x1ff | 0xdb8, ..) | (0x3fff, 0..=0xfff, ..) => false,
        // Global unicast is 2000::/3; local, link-local and multicast addresses are outside of it.
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("192.0.1.1", true),
            ("172.15.0.1", true),
            ("100.128.0.1", true),
            ("2606:4700::1111", true),
            ("64:ff9b::8.8.8.8", true),
            ("127.0.0.1", false),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("198.18.0.1", false),
            ("192.0.2.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("::127.0.0.1", false),
            ("64:ff9b::10.0.0.1", false),
            ("64:ff9b:1::1", false),
            ("2002:7f00:1::", false),
            ("fe80::1", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("ff02::1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }
}
