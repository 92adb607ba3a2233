//! A stream: the first octet says where it is cut, and the cut changes nothing.

use sip_msg::stream::{Frame, Framer};
use sip_msg::{Defect, Limits};

#[derive(Debug, PartialEq, Eq)]
enum Out {
    Message(Vec<u8>),
    Refused(Defect),
    KeepAlive,
    Broken(Defect),
}

/// Frames `input` whole and in pieces and compares.
///
/// # Panics
/// When the framer breaks a promise.
pub fn check(input: &[u8]) {
    let Some((&first, stream)) = input.split_first() else {
        return;
    };
    let size = usize::from(first).max(1);
    let limits = Limits {
        message: 2000,
        ..Limits::default()
    };
    let whole = run(std::iter::once(stream), limits);
    let pieces = run(stream.chunks(size), limits);
    assert_eq!(whole, pieces, "cut every {size} octets");
}

/// All frames but pongs, which depend on what is known when a lone CRLF comes.
fn run<'a>(pieces: impl Iterator<Item = &'a [u8]>, limits: Limits) -> Vec<Out> {
    let mut framer = Framer::new(limits);
    let mut out = Vec::new();
    for piece in pieces {
        framer.push(piece);
        while let Some(frame) = framer.next() {
            match frame {
                Frame::Message(Ok(message)) => {
                    super::sip_parse::read(&message);
                    out.push(Out::Message(message.raw().to_vec()));
                }
                Frame::Message(Err(error)) => out.push(Out::Refused(error.defect)),
                Frame::KeepAlive => out.push(Out::KeepAlive),
                Frame::Pong => {}
                Frame::Broken(defect) => out.push(Out::Broken(defect)),
            }
        }
        assert!(framer.buffered() <= limits.message, "memory is bounded");
    }
    out
}
