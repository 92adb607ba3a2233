//! A telephone that says one tone, and what it hears.

use std::collections::VecDeque;
use std::f64::consts::TAU;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use testbed::audio::{FRAME, RATE, ulaw};
use testbed::rtp::{Header, RtpPeer};

/// The telephone, talking until it is hung up.
pub(crate) struct Phone {
    over: Arc<AtomicBool>,
    heard: Arc<Mutex<VecDeque<u8>>>,
    packets: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Phone {
    /// Sends `hz` to `to`, 50 packets of PCMU a second, and keeps the last second of what comes.
    pub(crate) fn talk(peer: RtpPeer, to: SocketAddr, hz: f64) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let heard = Arc::new(Mutex::new(VecDeque::new()));
        let packets = Arc::new(AtomicUsize::new(0));
        let (ended, kept, counted) = (over.clone(), heard.clone(), packets.clone());
        let thread = std::thread::spawn(move || {
            let begun = Instant::now();
            let mut n = 0usize;
            while !ended.load(Ordering::Relaxed) {
                let samples = (n * FRAME..(n + 1) * FRAME).map(|at| {
                    let phase = TAU * hz * at as f64 / RATE as f64;
                    ulaw((phase.sin() * 12_000.0).round() as i16)
                });
                let header = Header {
                    marker: n == 0,
                    payload_type: 0,
                    sequence: n as u16,
                    timestamp: (n * FRAME) as u32,
                    ssrc: 0x5e1f,
                };
                peer.send(to, &header.packet(&samples.collect::<Vec<u8>>()));
                n += 1;
                let next = begun + Duration::from_millis(20) * n as u32;
                for packet in peer.collect(1, next.saturating_duration_since(Instant::now())) {
                    counted.fetch_add(1, Ordering::Relaxed);
                    let mut kept = kept.lock().unwrap();
                    kept.extend(packet.packet.iter().skip(12));
                    let extra = kept.len().saturating_sub(RATE);
                    kept.drain(..extra);
                }
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        });
        Self {
            over,
            heard,
            packets,
            thread: Some(thread),
        }
    }

    /// Packets that came.
    pub(crate) fn count(&self) -> usize {
        self.packets.load(Ordering::Relaxed)
    }

    /// The last second of what came, once there has been one.
    pub(crate) fn last_second(&self) -> Option<Vec<u8>> {
        let heard = self.heard.lock().unwrap();
        (heard.len() == RATE).then(|| heard.iter().copied().collect())
    }

    /// Says and hears no more.
    pub(crate) fn hang_up(mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// How strong a frequency is in µ-law audio: its share of full scale.
pub(crate) fn ulaw_level(audio: &[u8], hz: f64) -> f64 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (n, byte) in audio.iter().enumerate() {
        let phase = TAU * hz * n as f64 / RATE as f64;
        let sample = f64::from(linear(*byte)) / 32_768.0;
        real += sample * phase.cos();
        imaginary += sample * phase.sin();
    }
    2.0 * real.hypot(imaginary) / audio.len() as f64
}

/// A µ-law byte as a sample (ITU-T G.711).
fn linear(byte: u8) -> i16 {
    let byte = !byte;
    let magnitude = ((i16::from(byte & 0x0f) << 3) + 0x84) << ((byte >> 4) & 7);
    let magnitude = magnitude - 0x84;
    if byte & 0x80 == 0 { magnitude } else { -magnitude }
}

#[test]
fn a_tone_is_told_from_another() {
    let audio: Vec<u8> = (0..RATE)
        .map(|n| ulaw(((TAU * 700.0 * n as f64 / RATE as f64).sin() * 16_384.0) as i16))
        .collect();
    assert!((ulaw_level(&audio, 700.0) - 0.5).abs() < 0.02);
    assert!(ulaw_level(&audio, 1300.0) < 0.01);
}
