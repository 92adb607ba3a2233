//! The calls into the translated libopus: the one place with `unsafe`.
//!
//! What the library asks of its callers, and what is kept here: the state pointer came from `create` and wasn't destroyed; every pointer
//! goes with the length of the slice it was made of; lengths fit an `i32`. It keeps no pointer after a call, has no global state and
//! no ties to a thread.

#![allow(unsafe_code, reason = "libopus was translated from C and kept its pointers")]

use super::{CodecError, NAME};
use std::fmt;
use std::ptr::NonNull;
use unsafe_libopus as unsafe_opus;

fn rate_error(rate: u32) -> CodecError {
    CodecError::Rate { codec: NAME, rate }
}

/// A length for the library; lengths here are of packets and far from the limit.
fn length(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}

/// An encoder's state.
pub(super) struct RawEncoder(NonNull<unsafe_opus::OpusEncoder>);

// SAFETY: the state is plain memory, reachable through this pointer only, and the library has no ties to threads.
unsafe impl Send for RawEncoder {}

impl RawEncoder {
    /// For mono speech at a rate in Hz.
    pub(super) fn new(rate: u32) -> Result<Self, CodecError> {
        let hertz = i32::try_from(rate).map_err(|_| rate_error(rate))?;
        let mut error = 0;
        // SAFETY: takes numbers only; gives null or a state that is ours.
        let state = unsafe {
            unsafe_opus::opus_encoder_create(hertz, 1, unsafe_opus::OPUS_APPLICATION_VOIP, &raw mut error)
        };
        NonNull::new(state).map(Self).ok_or_else(|| rate_error(rate))
    }

    /// Sets one of the settings that take a number. A value out of its range leaves the setting as it was.
    fn set(&mut self, request: i32, value: i32) {
        // SAFETY: the state is alive, and each request given below takes one i32.
        unsafe {
            let _ = unsafe_opus::opus_encoder_ctl!(self.0.as_ptr(), request, value);
        }
    }

    /// Bits per second.
    pub(super) fn set_bitrate(&mut self, bits: u32) {
        self.set(unsafe_opus::OPUS_SET_BITRATE_REQUEST, length(bits as usize));
    }

    /// Widest band that is worth sending to who plays at `rate` Hz.
    pub(super) fn set_max_playback_rate(&mut self, rate: u32) {
        let band = match rate {
            ..=8_000 => unsafe_opus::OPUS_BANDWIDTH_NARROWBAND,
            8_001..=12_000 => unsafe_opus::OPUS_BANDWIDTH_MEDIUMBAND,
            12_001..=16_000 => unsafe_opus::OPUS_BANDWIDTH_WIDEBAND,
            16_001..=24_000 => unsafe_opus::OPUS_BANDWIDTH_SUPERWIDEBAND,
            _ => unsafe_opus::OPUS_BANDWIDTH_FULLBAND,
        };
        self.set(unsafe_opus::OPUS_SET_MAX_BANDWIDTH_REQUEST, band);
    }

    /// 0 (cheapest) to 10 (best).
    pub(super) fn set_complexity(&mut self, complexity: i32) {
        self.set(unsafe_opus::OPUS_SET_COMPLEXITY_REQUEST, complexity);
    }

    pub(super) fn set_constant_bitrate(&mut self, constant: bool) {
        self.set(unsafe_opus::OPUS_SET_VBR_REQUEST, i32::from(!constant));
    }

    /// Repeats each packet roughly in the next one, for a loss of so many per cent.
    pub(super) fn set_in_band_fec(&mut self, loss: i32) {
        self.set(unsafe_opus::OPUS_SET_INBAND_FEC_REQUEST, 1);
        self.set(unsafe_opus::OPUS_SET_PACKET_LOSS_PERC_REQUEST, loss);
    }

    /// Encodes one packet; its length in bytes.
    pub(super) fn encode(&mut self, samples: &[i16], packet: &mut [u8]) -> Result<usize, CodecError> {
        // SAFETY: the state is alive, and both pointers come with the lengths of their slices (mono: samples are frames).
        let written = unsafe {
            unsafe_opus::opus_encode(
                self.0.as_ptr(),
                samples.as_ptr(),
                length(samples.len()),
                packet.as_mut_ptr(),
                length(packet.len()),
            )
        };
        let refused = CodecError::Length {
            codec: NAME,
            samples: samples.len(),
        };
        usize::try_from(written)
            .ok()
            .filter(|len| *len > 0)
            .ok_or(refused)
    }
}

impl Drop for RawEncoder {
    fn drop(&mut self) {
        // SAFETY: the state is alive and ours, and nobody has it after this.
        unsafe { unsafe_opus::opus_encoder_destroy(self.0.as_ptr()) }
    }
}

impl fmt::Debug for RawEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawEncoder")
    }
}
