//! Which interfaces the program can be attached to.

use std::fs;
use std::path::Path;

/// ARPHRD_ETHER and ARPHRD_LOOPBACK: the packets of others do not begin with an Ethernet header.
const ETHERNET_LIKE: [u32; 2] = [1, 772];
const IFF_UP: u32 = 1;

/// All that are up and carry Ethernet headers, `lo` among them.
pub(crate) fn usable() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/sys/class/net") else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| is_usable(&entry.path()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    found.sort_unstable();
    found
}

fn is_usable(interface: &Path) -> bool {
    let kind = number(&interface.join("type"), 10);
    let flags = number(&interface.join("flags"), 16);
    kind.is_some_and(|kind| ETHERNET_LIKE.contains(&kind)) && flags.is_some_and(|flags| flags & IFF_UP != 0)
}

fn number(path: &Path, radix: u32) -> Option<u32> {
    let text = fs::read_to_string(path).ok()?;
    u32::from_str_radix(text.trim().trim_start_matches("0x"), radix).ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn loopback_is_usable() {
        assert!(super::usable().iter().any(|name| name == "lo"));
    }
}
