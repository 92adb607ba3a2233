//! Files of decks: plain or compressed, and no larger than a deck can be.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// The longest text of a deck, in bytes: two million rows of 128. What a compressed file unpacks to counts.
const LONGEST: u64 = 256 << 20;

/// What a gzip file begins with (RFC 1952 §2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// By what a file that was changed is told from one that was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    device: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Of a file as it is now.
    pub(crate) fn of(path: &Path) -> Result<Self, String> {
        let meta = std::fs::metadata(path).map_err(|error| error.to_string())?;
        Ok(Self {
            inode: meta.ino(),
            device: meta.dev(),
            length: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }
}

/// The text of a deck's file, unpacked where it is compressed.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let bytes = up_to(file, LONGEST)?;
    if !bytes.starts_with(&GZIP) {
        return Ok(bytes);
    }
    up_to(MultiGzDecoder::new(bytes.as_slice()), LONGEST)
        .map_err(|error| format!("it is compressed, and {error}"))
}

/// All that there is to read, if it is not too much.
fn up_to(source: impl Read, most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = source.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > most {
        return Err(format!("it is longer than {} MB, which no deck is", most >> 20));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_compressed_deck_is_read_as_a_plain_one_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deck.csv.gz");
        std::fs::write(&path, b"prefix,rate\n44,1\n").unwrap();
        assert_eq!(read(&path).unwrap(), b"prefix,rate\n44,1\n");
        // Several members are one text (RFC 1952 §2.2).
        let two = [gzip(b"prefix,rate\n"), gzip(b"44,1\n")].concat();
        std::fs::write(&path, two).unwrap();
        assert_eq!(read(&path).unwrap(), b"prefix,rate\n44,1\n");
        std::fs::write(&path, &gzip(b"prefix,rate\n44,1\n")[..20]).unwrap();
        assert!(read(&path).unwrap_err().starts_with("it is compressed, and "));
    }

    #[test]
    fn what_unpacks_to_more_than_any_deck_is_refused() {
        let bomb = gzip(&vec![0; 2 << 20]);
        assert!(bomb.len() < 1 << 16);
        let error = up_to(MultiGzDecoder::new(bomb.as_slice()), 1 << 20).unwrap_err();
        assert_eq!(error, "it is longer than 1 MB, which no deck is");
        assert!(up_to(MultiGzDecoder::new(bomb.as_slice()), 2 << 20).is_ok());
    }
}
