//! Once a machine has heard a few seconds, a packet allocates nothing: in codecs, in the jitter buffer, in the resamplers. The encoder of Opus
//! is the one exception: its translation from C has its work space on the heap instead of the stack.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(unsafe_code, reason = "a counting allocator has to be a GlobalAlloc")]

use audio::{
    Arrival, Clip, Codec, Decoder, Encoder, Format, Player, Program, Transcoder, TranscoderSettings,
    samples_in,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes on to the system's allocator unchanged; counting touches a thread's own cell and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|c| c.set(c.get() + 1));
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|c| c.set(c.get() + 1));
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = COUNT.try_with(|c| c.set(c.get() + 1));
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = COUNT.get();
    let done = work();
    (COUNT.get() - before, done)
}

/// Packets of 20 ms in ten seconds; the first half of them is for getting under way.
const PACKETS: usize = 500;

const CODECS: [(u8, Codec); 5] = [
    (0, Codec::Pcmu),
    (8, Codec::Pcma),
    (9, Codec::G722),
    (96, Codec::l16(16_000)),
    (111, Codec::Opus),
];

/// Something like a voice, at `rate` Hz: harmonics in syllables, then a second of rest, so that an encoder changes its mind.
fn voice(rate: u32) -> Vec<i16> {
    (0..rate as usize * PACKETS / 50)
        .map(|n| {
            let t = n as f64 / f64::from(rate);
            let sum: f64 = (1..20)
                .map(|k| (std::f64::consts::TAU * 140.0 * t * f64::from(k)).sin() / f64::from(k))
                .sum();
            let loud = if t % 4.0 < 3.0 { 6_000.0 } else { 2.0 };
            (sum * (t * 12.0).sin().max(0.1) * loud) as i16
        })
        .collect()
}

/// All packets of the voice, and what the later half of them allocated.
fn packets(format: &Format, rate: u32) -> (usize, Vec<Vec<u8>>) {
    let mut encoder = Encoder::new(format, rate).unwrap();
    let mut payload = [0; 2_000];
    let mut counted = 0;
    let said = voice(rate);
    let packets = said.chunks_exact(samples_in(rate, 20)).enumerate();
    let packets = packets.map(|(n, frame)| {
        let (count, len) = allocations(|| encoder.encode(frame, &mut payload).unwrap());
        counted += if n >= PACKETS / 2 { count } else { 0 };
        payload[..len].to_vec()
    });
    let packets = packets.collect();
    (counted, packets)
}

fn opus(text: &str) -> Format {
    Format {
        opus: audio::OpusParameters::from_fmtp(text),
        ..Format::new(Codec::Opus)
    }
}

#[test]
fn encoding_allocates_nothing_but_in_opus() {
    for (_, codec) in &CODECS[..4] {
        assert_eq!(packets(&Format::new(*codec), codec.rate()).0, 0, "{codec:?}");
    }
    for rate in [8_000, 16_000, 48_000] {
        let each = packets(&Format::new(Codec::Opus), rate).0 / (PACKETS / 2);
        assert!(each <= 150, "{rate} Hz: {each} for a packet");
    }
}

#[test]
fn decoding_allocates_nothing() {
    let formats = CODECS.map(|(_, codec)| Format::new(codec));
    let formats = formats.into_iter().chain([
        opus("useinbandfec=1"),
        opus("maxaveragebitrate=8000"),
        opus("maxaveragebitrate=64000"),
        opus("maxplaybackrate=16000"),
    ]);
    let mut samples = [0; 5_760];
    for format in formats {
        let rate = format.codec.rate();
        let (_, packets) = packets(&format, rate);
        for other in [8_000, rate] {
            let mut decoder = Decoder::new(format.codec, other).unwrap();
            let (count, ()) = allocations(|| {
                for (n, packet) in packets.iter().enumerate() {
                    let lost = &mut samples[..samples_in(format.codec.decode_rate(other), 20)];
                    if n % 10 == 4 {
                        decoder.conceal(lost);
                    } else if n % 10 == 7 {
                        decoder.recover(packet, lost);
                    }
                    decoder.decode(packet, &mut samples).unwrap();
                }
            });
            assert_eq!(count, 0, "{format:?} to {other} Hz");
        }
    }
}

/// A transcoder's allocations in the second half of ten seconds, with packets that are lost, late and overtaken.
fn transcoding((payload_type, from): (u8, Codec), to: Codec) -> usize {
    let (_, packets) = packets(&Format::new(from), from.rate());
    let inputs = [(payload_type, from)];
    let mut transcoder = Transcoder::new(&TranscoderSettings {
        inputs: &inputs,
        noise_in: None,
        events_in: [None, None],
        output: Format::new(to),
        noise_out: false,
        seed: 1,
    })
    .unwrap();
    let begin = Instant::now();
    let mut payload = [0; 1_500];
    let mut counted = 0;
    for n in 0..PACKETS {
        let now = begin + Duration::from_millis(20) * u32::try_from(n).unwrap();
        // Two of each seven come in the wrong order, and one of eleven doesn't.
        let number = match n % 7 {
            3 => n + 1,
            4 => n - 1,
            _ => n,
        };
        let sequence = u16::try_from(number).unwrap();
        let arrival = Arrival {
            ssrc: 1,
            payload_type,
            sequence,
            timestamp: u32::from(sequence) * (from.clock() / 50),
            payload: &packets[number.min(PACKETS - 1)],
        };
        let (count, ()) = allocations(|| {
            if n % 11 != 5 {
                transcoder.push(now, &arrival);
            }
            while transcoder.poll(now, &mut payload).is_some() {}
        });
        counted += if n >= PACKETS / 2 { count } else { 0 };
    }
    counted
}

#[test]
fn a_transcoder_allocates_nothing_for_a_packet() {
    for from in CODECS {
        for (_, to) in &CODECS[..4] {
            assert_eq!(transcoding(from, *to), 0, "{from:?} to {to:?}");
        }
    }
}

#[test]
fn a_player_allocates_nothing_for_a_frame() {
    let clip = Clip::new(voice(44_100), 44_100);
    for (_, codec) in &CODECS[..4] {
        let start = Instant::now();
        let program = Program::Clip(clip.clone(), None);
        let mut player = Player::new(&Format::new(*codec), program, start).unwrap();
        let mut payload = [0; 1_500];
        let (count, ()) = allocations(|| {
            for n in 0..1_000 {
                player.poll(start + Duration::from_millis(20) * n, &mut payload);
            }
        });
        assert_eq!(count, 0, "{codec:?}");
    }
}
