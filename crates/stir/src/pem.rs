//! PEM files: which blocks there are (RFC 7468). Text around them is skipped, as people keep notes there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A block: its label, and what is inside.
pub(crate) struct Block {
    pub(crate) label: String,
    pub(crate) der: Vec<u8>,
}

/// The blocks of a file, at most `most`. `None`: one of them is broken, or there are more.
pub(crate) fn blocks(text: &str, most: usize) -> Option<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(label) = line
            .strip_prefix("-----BEGIN ")
            .and_then(|rest| rest.strip_suffix("-----"))
        else {
            continue;
        };
        let end = format!("-----END {label}-----");
        let mut base64 = String::new();
        loop {
            let line = lines.next()?;
            if line == end {
                break;
            }
            base64.push_str(line);
        }
        if blocks.len() == most {
            return None;
        }
        blocks.push(Block {
            label: label.to_owned(),
            der: STANDARD.decode(base64).ok()?,
        });
    }
    Some(blocks)
}
