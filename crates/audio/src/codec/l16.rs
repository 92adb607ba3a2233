//! L16: samples of 16 bits in network byte order, channels interleaved (RFC 3551 §4.5.11).

/// Payload to samples, as many as both have; two channels are mixed.
pub(super) fn decode(payload: &[u8], channels: u8, samples: &mut [i16]) {
    if channels == 2 {
        for (sample, [a, b, c, d]) in samples.iter_mut().zip(payload.as_chunks().0) {
            *sample = i16::midpoint(i16::from_be_bytes([*a, *b]), i16::from_be_bytes([*c, *d]));
        }
    } else {
        for (sample, pair) in samples.iter_mut().zip(payload.as_chunks().0) {
            *sample = i16::from_be_bytes(*pair);
        }
    }
}

/// Samples to payload, as many as both have room for; two channels get the same.
pub(super) fn encode(samples: &[i16], channels: u8, payload: &mut [u8]) {
    if channels == 2 {
        for (four, sample) in payload.as_chunks_mut().0.iter_mut().zip(samples) {
            let [high, low] = sample.to_be_bytes();
            *four = [high, low, high, low];
        }
    } else {
        for (pair, sample) in payload.as_chunks_mut().0.iter_mut().zip(samples) {
            *pair = sample.to_be_bytes();
        }
    }
}
