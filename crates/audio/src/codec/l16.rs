//! L16: samples of 16 bits in network byte order (RFC 3551 §4.5.11).

/// Payload to samples, as many as both have.
pub(super) fn decode(payload: &[u8], samples: &mut [i16]) {
    for (sample, pair) in samples.iter_mut().zip(payload.as_chunks().0) {
        *sample = i16::from_be_bytes(*pair);
    }
}

/// Samples to payload, as many as both have room for.
pub(super) fn encode(samples: &[i16], payload: &mut [u8]) {
    for (pair, sample) in payload.as_chunks_mut().0.iter_mut().zip(samples) {
        *pair = sample.to_be_bytes();
    }
}
