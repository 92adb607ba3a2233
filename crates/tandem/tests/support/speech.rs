//! Telephones that aren't ours: what they say and hear.

use std::net::SocketAddr;
use std::thread;

use testbed::audio;
use testbed::rtp::RtpPeer;

use super::ms;

/// Two seconds of what both say: A's PCMU is given to the telephone, the telephone's is taken.
pub fn speak(peer: &RtpPeer, to: SocketAddr) -> Vec<u8> {
    let speech = testbed::rtp::Stream {
        sequence: 65_500,
        ..testbed::rtp::Stream::speech(0xa)
    };
    let heard = thread::scope(|scope| {
        let heard = scope.spawn(|| peer.collect(100, ms(1000)));
        peer.stream(to, &speech, 100, ms(20));
        heard.join().unwrap_or_default()
    });
    heard
        .iter()
        .flat_map(|heard| heard.packet[12..].to_vec())
        .collect()
}

/// Fails unless `heard` has, somewhere, `least` bytes in a row of the audio.
pub fn assert_speech(heard: &[u8], least: usize, who: &str) {
    // µ-law has two zeros.
    let positive =
        |bytes: &[u8]| -> Vec<u8> { bytes.iter().map(|b| if *b == 0x7f { 0xff } else { *b }).collect() };
    let (heard, said) = (positive(heard), positive(&audio::speech().repeat(2)));
    let found = (0..heard.len().saturating_sub(least)).any(|at| {
        let piece = &heard[at..at + least];
        // What is quiet says nothing.
        piece.iter().any(|b| *b != 0xff) && said.windows(least).any(|window| window == piece)
    });
    assert!(found, "{who} has not heard {least} samples in a row");
}

/// What a telephone kept, as PCMU again.
pub fn pcmu(samples: &[i16]) -> Vec<u8> {
    samples.iter().map(|sample| audio::ulaw(*sample)).collect()
}
