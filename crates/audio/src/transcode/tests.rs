use super::*;
use crate::receive::ReceiveStats;
use crate::signal::{self, Noise};
use crate::{Decoder, Encoder, FrameKind};

mod network;
mod quality;
mod silence;

const MS: Duration = Duration::from_millis(1);

/// A packet on its way.
#[derive(Clone, Debug)]
struct Flying {
    /// When it was sent and when it arrives, in microseconds.
    sent: u64,
    at: u64,
    payload_type: u8,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    payload: Vec<u8>,
}

/// A sender's packets of a signal, as they'd arrive without a network.
fn packets(format: &Format, payload_type: u8, said: &[i16], rate: u32) -> Vec<Flying> {
    let mut encoder = Encoder::new(format, rate).unwrap();
    let mut payload = [0; 2_000];
    let clock = format.codec.clock();
    said.chunks_exact(samples_in(rate, format.ptime))
        .enumerate()
        .map(|(n, frame)| {
            let len = encoder.encode(frame, &mut payload).unwrap();
            let sent = n as u64 * u64::from(format.ptime) * 1_000;
            Flying {
                sent,
                at: sent,
                payload_type,
                ssrc: 7,
                sequence: 30_000_u16.wrapping_add(n as u16),
                timestamp: 0xffff_f000_u32.wrapping_add((n * samples_in(clock, format.ptime)) as u32),
                payload: payload[..len].to_vec(),
            }
        })
        .collect()
}

/// What came out of a transcoder: frames with the time of each in microseconds, and the samples of its last stage.
struct Heard {
    frames: Vec<(u64, Frame, Vec<u8>)>,
    samples: Vec<i16>,
    stats: ReceiveStats,
    wait: Duration,
}

/// Runs a transcoder over packets in virtual time, in steps of `step` microseconds, to a while after the last.
fn run(settings: &TranscoderSettings<'_>, mut flying: Vec<Flying>, step: u64) -> Heard {
    flying.sort_by_key(|packet| packet.at);
    let begin = Instant::now();
    let mut transcoder = Transcoder::new(settings).unwrap();
    let mut heard = Heard {
        frames: Vec::new(),
        samples: Vec::new(),
        stats: ReceiveStats::default(),
        wait: Duration::ZERO,
    };
    let end = flying.last().map_or(0, |packet| packet.at) + 300_000;
    let mut waiting = flying.into_iter().peekable();
    let mut payload = [0; 2_000];
    for micros in (0..end).step_by(usize::try_from(step).unwrap()) {
        let now = begin + Duration::from_micros(micros);
        while let Some(packet) = waiting.next_if(|packet| packet.at <= micros) {
            let arrival = Arrival {
                ssrc: packet.ssrc,
                payload_type: packet.payload_type,
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                payload: &packet.payload,
            };
            transcoder.push(begin + Duration::from_micros(packet.at), &arrival);
        }
        if transcoder.poll_timeout().is_none_or(|at| at > now) {
            continue;
        }
        while let Some(frame) = transcoder.poll(now, &mut payload) {
            heard.frames.push((micros, frame, payload[..frame.len].to_vec()));
            heard.samples.extend_from_slice(transcoder.heard());
        }
    }
    heard.stats = transcoder.stats();
    heard.wait = transcoder.wait();
    heard
}

fn settings(inputs: &[(u8, Codec)], output: Format) -> TranscoderSettings<'_> {
    TranscoderSettings {
        inputs,
        noise_in: Some(13),
        events_in: [Some(101), None],
        output,
        noise_out: false,
        seed: 5,
    }
}

/// Decodes what came out.
fn decode(codec: Codec, rate: u32, heard: &Heard) -> Vec<i16> {
    let mut decoder = Decoder::new(codec, rate).unwrap();
    let mut samples = [0; 5_760];
    heard
        .frames
        .iter()
        .flat_map(|(_, _, payload)| {
            let n = decoder.decode(payload, &mut samples).unwrap();
            samples[..n].to_vec()
        })
        .collect()
}

/// Clock units from the first of some frames to the last.
fn passed<'a>(frames: impl IntoIterator<Item = &'a Frame>) -> u32 {
    frames.into_iter().skip(1).map(|frame| frame.step).sum()
}

/// Timestamps go on by the frame's length, and only the first has the marker.
fn assert_unbroken(heard: &Heard, units: u32) {
    let frames: Vec<_> = heard.frames.iter().map(|(_, frame, _)| *frame).collect();
    assert!(frames[0].marker && frames[1..].iter().all(|frame| !frame.marker));
    assert!(frames.iter().all(|frame| frame.kind == FrameKind::Audio));
    assert!(frames.iter().all(|frame| frame.step == units));
}
