//! What SRTP adds to a packet of 20 ms of G.711, for each suite.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench stops at what it did not expect"
)]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rtp_proto::srtp::{Keys, MAX_OVERHEAD, Receiver, Sender, Suite};
use std::hint::black_box;

const LENGTH: usize = 172;

fn keys(suite: Suite) -> Keys {
    Keys::single(suite, &vec![0x5a; suite.material_len()]).unwrap()
}

fn buffer(sequence: u16) -> [u8; LENGTH + MAX_OVERHEAD] {
    let mut buffer = [0xd5; LENGTH + MAX_OVERHEAD];
    buffer[..12].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    buffer[2..4].copy_from_slice(&sequence.to_be_bytes());
    buffer
}

fn protect(c: &mut Criterion) {
    let mut group = c.benchmark_group("srtp_protect");
    for suite in Suite::ALL {
        group.bench_function(BenchmarkId::from_parameter(suite.name()), |b| {
            let (mut sender, mut sequence) = (Sender::new(keys(suite)), 0_u16);
            b.iter(|| {
                sequence = sequence.wrapping_add(1);
                let mut packet = buffer(sequence);
                sender.protect_rtp(black_box(&mut packet), LENGTH)
            });
        });
    }
}

fn unprotect(c: &mut Criterion) {
    let mut group = c.benchmark_group("srtp_unprotect");
    for suite in Suite::ALL {
        // A whole cycle of sequence numbers, sealed beforehand; after it the receiver starts again.
        let mut sender = Sender::new(keys(suite));
        let sealed: Vec<_> = (0..=u16::MAX)
            .map(|sequence| {
                let mut packet = buffer(sequence);
                let length = sender.protect_rtp(&mut packet, LENGTH).unwrap();
                packet[..length].to_vec()
            })
            .collect();
        group.bench_function(BenchmarkId::from_parameter(suite.name()), |b| {
            let (mut receiver, mut at) = (Receiver::new(keys(suite)), 0);
            let mut packet = sealed[0].clone();
            b.iter(|| {
                if at == sealed.len() {
                    (receiver, at) = (Receiver::new(keys(suite)), 0);
                }
                packet.copy_from_slice(&sealed[at]);
                at += 1;
                receiver.unprotect_rtp(black_box(&mut packet)).unwrap()
            });
        });
    }
}

fn stranger(c: &mut Criterion) {
    let mut group = c.benchmark_group("srtp_forged");
    for suite in [Suite::AesCm128Sha80, Suite::AesGcm128] {
        group.bench_function(BenchmarkId::from_parameter(suite.name()), |b| {
            let (mut receiver, forged) = (Receiver::new(keys(suite)), buffer(9));
            b.iter(|| {
                let mut packet = forged;
                receiver.unprotect_rtp(black_box(&mut packet[..LENGTH]))
            });
        });
    }
}

criterion_group!(benches, protect, unprotect, stranger);
criterion_main!(benches);
