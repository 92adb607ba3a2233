//! Sealing and opening one packet whose index is known.

use super::Refusal;
use super::derive::{Aes, Label, derive, salt_block};
use super::keys::MasterKey;
use super::suite::Suite;
use super::wire::{ENCRYPTED, put};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use std::fmt;

/// The longest ciphertext that can be opened on trial.
const TRIAL: usize = 2048;

/// RTP or RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Rtp,
    Rtcp,
}

/// What goes into a packet's counter or nonce, and where its encrypted part begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Length of the header, which is not encrypted.
    pub(super) clear: usize,
    pub(super) ssrc: u32,
    /// RTP: 48 bits with the rollover counter; RTCP: 31 bits.
    pub(super) index: u64,
}

impl Place {
    /// What is authenticated behind the packet: RTP's rollover counter (which is not sent), SRTCP's index with its flag.
    #[allow(clippy::cast_possible_truncation, reason = "indices have 48 and 31 bits")]
    fn trailer(&self, form: Form) -> [u8; 4] {
        match form {
            Form::Rtp => ((self.index >> 16) as u32).to_be_bytes(),
            Form::Rtcp => (self.index as u32 | ENCRYPTED).to_be_bytes(),
        }
    }
}

/// Where the parts of a protected packet lie (RFC 3711 §3.1, §3.4; RFC 7714 §8.2, §9.2), by their beginnings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    form: Form,
    /// End of the packet proper.
    pub(super) body: usize,
    pub(super) word: usize,
    pub(super) mki: usize,
    tag: usize,
    tag_len: usize,
    pub(super) total: usize,
}

impl Layout {
    /// Of a packet that is `body` long before it is protected.
    pub(super) fn around(suite: Suite, form: Form, mki: usize, body: usize) -> Self {
        let (tag_len, word_len) = sizes(suite, form);
        let total = body + tag_len + word_len + mki;
        let (tag, word, mki) = if suite.is_aead() {
            (body, body + tag_len, body + tag_len + word_len)
        } else {
            (body + word_len + mki, body, body + word_len)
        };
        Self {
            form,
            body,
            word,
            mki,
            tag,
            tag_len,
            total,
        }
    }

    /// Of a packet of `total` bytes as it came; `None` when that is too short for what there has to be behind `clear`.
    pub(super) fn within(suite: Suite, form: Form, mki: usize, clear: usize, total: usize) -> Option<Self> {
        let (tag_len, word_len) = sizes(suite, form);
        let body = total.checked_sub(tag_len + word_len + mki)?;
        (body >= clear).then(|| Self::around(suite, form, mki, body))
    }
}

fn sizes(suite: Suite, form: Form) -> (usize, usize) {
    match form {
        Form::Rtp => (suite.rtp_tag_len(), 0),
        Form::Rtcp => (suite.rtcp_tag_len(), 4),
    }
}

/// One master key's session keys.
pub(super) struct Session {
    rtp: Cipher,
    rtcp: Cipher,
}

enum Cipher {
    Cm(Box<Cm>),
    Gcm(Gcm),
}

struct Cm {
    aes: Aes,
    salt: u128,
    mac: Hmac<Sha1>,
}

struct Gcm {
    key: LessSafeKey,
    salt: u128,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

impl Session {
    /// `None` only for a key that is not of the suite's length, which [`super::Keys`] has checked.
    pub(super) fn new(suite: Suite, key: &MasterKey) -> Option<Self> {
        let (key, salt) = key.parts(suite);
        let master = Aes::new(key)?;
        let make = |labels: [Label; 3]| {
            let [mut key, mut auth, mut session_salt] = [[0; 32], [0; 32], [0; 32]];
            let key = key.get_mut(..suite.key_len())?;
            let auth = auth.get_mut(..20)?;
            let session_salt = session_salt.get_mut(..suite.salt_len())?;
            for (label, out) in labels.into_iter().zip([&mut *key, auth, session_salt]) {
                derive(&master, salt, label, out);
            }
            Cipher::new(suite, key, auth, session_salt)
        };
        Some(Self {
            rtp: make([Label::RtpKey, Label::RtpAuth, Label::RtpSalt])?,
            rtcp: make([Label::RtcpKey, Label::RtcpAuth, Label::RtcpSalt])?,
        })
    }

    /// From session keys, for test vectors that begin there.
    #[cfg(test)]
    pub(super) fn of_session_keys(suite: Suite, key: &[u8], auth: &[u8], salt: &[u8]) -> Self {
        let make = || Cipher::new(suite, key, auth, salt).unwrap();
        Self {
            rtp: make(),
            rtcp: make(),
        }
    }

    fn cipher(&self, form: Form) -> &Cipher {
        match form {
            Form::Rtp => &self.rtp,
            Form::Rtcp => &self.rtcp,
        }
    }

    /// Encrypts the packet and writes what comes behind it. `buffer` must have room for all of the layout, else nothing is done.
    pub(super) fn seal(
        &self,
        buffer: &mut [u8],
        place: &Place,
        layout: &Layout,
        mki: &[u8],
    ) -> Result<(), Refusal> {
        let packet = buffer.get_mut(..layout.total).ok_or(Refusal::NoRoom)?;
        let done = match self.cipher(layout.form) {
            Cipher::Cm(cm) => cm.seal(packet, place, layout, mki),
            Cipher::Gcm(gcm) => gcm.seal(packet, place, layout, mki),
        };
        done.ok_or(Refusal::Malformed)
    }

    /// Whether a packet can be opened on trial.
    pub(super) fn can_try(&self, clear: usize, layout: &Layout) -> bool {
        match self.cipher(layout.form) {
            Cipher::Cm(_) => true,
            Cipher::Gcm(_) => layout.body - clear <= TRIAL,
        }
    }

    /// Checks the tag and decrypts. On trial, a packet that fails is as it was; else it may be destroyed.
    pub(super) fn open(
        &self,
        packet: &mut [u8],
        place: &Place,
        layout: &Layout,
        trial: bool,
    ) -> Result<(), Refusal> {
        let done = match self.cipher(layout.form) {
            Cipher::Cm(cm) => cm.open(packet, place, layout),
            Cipher::Gcm(gcm) => gcm.open(packet, place, layout, trial),
        };
        done.ok_or(Refusal::Unauthentic)
    }
}

impl Cipher {
    fn new(suite: Suite, key: &[u8], auth: &[u8], salt: &[u8]) -> Option<Self> {
        let salt = salt_block(salt);
        let gcm = |algorithm: &'static Algorithm| {
            let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
            Some(Self::Gcm(Gcm { key, salt }))
        };
        match suite {
            Suite::AesGcm128 => gcm(&AES_128_GCM),
            Suite::AesGcm256 => gcm(&AES_256_GCM),
            Suite::AesCm128Sha80
            | Suite::AesCm128Sha32
            | Suite::AesCm192Sha80
            | Suite::AesCm192Sha32
            | Suite::AesCm256Sha80
            | Suite::AesCm256Sha32 => Some(Self::Cm(Box::new(Cm {
                aes: Aes::new(key)?,
                salt,
                mac: Hmac::new_from_slice(auth).ok()?,
            }))),
        }
    }
}

impl Cm {
    /// RFC 3711 §4.1.1.
    fn counter(&self, place: &Place) -> u128 {
        self.salt ^ (u128::from(place.ssrc) << 64) ^ (u128::from(place.index) << 16)
    }

    /// RFC 3711 §4.2: over the packet and its trailer.
    fn mac(&self, body: &[u8], trailer: [u8; 4]) -> Hmac<Sha1> {
        let mut mac = self.mac.clone();
        mac.update(body);
        mac.update(&trailer);
        mac
    }

    fn seal(&self, packet: &mut [u8], place: &Place, layout: &Layout, mki: &[u8]) -> Option<()> {
        self.aes
            .apply(self.counter(place), packet.get_mut(place.clear..layout.body)?);
        let trailer = place.trailer(layout.form);
        let tag = self
            .mac(packet.get(..layout.body)?, trailer)
            .finalize()
            .into_bytes();
        if layout.form == Form::Rtcp {
            put(packet, layout.word, &trailer)?;
        }
        put(packet, layout.mki, mki)?;
        put(packet, layout.tag, tag.get(..layout.tag_len)?)
    }

    fn open(&self, packet: &mut [u8], place: &Place, layout: &Layout) -> Option<()> {
        let tag = packet.get(layout.tag..layout.tag + layout.tag_len)?;
        self.mac(packet.get(..layout.body)?, place.trailer(layout.form))
            .verify_truncated_left(tag)
            .ok()?;
        self.aes
            .apply(self.counter(place), packet.get_mut(place.clear..layout.body)?);
        Some(())
    }
}

impl Gcm {
    /// RFC 7714 §8.1, §9.1.
    fn nonce(&self, place: &Place) -> Option<Nonce> {
        let block = self.salt ^ (u128::from(place.ssrc) << 80) ^ (u128::from(place.index) << 32);
        let bytes = block.to_be_bytes();
        bytes
            .first_chunk::<12>()
            .map(|nonce| Nonce::assume_unique_for_key(*nonce))
    }

    fn seal(&self, packet: &mut [u8], place: &Place, layout: &Layout, mki: &[u8]) -> Option<()> {
        let nonce = self.nonce(place)?;
        let trailer = place.trailer(layout.form);
        let (header, rest) = packet.split_at_mut_checked(place.clear)?;
        let text = rest.get_mut(..layout.body - place.clear)?;
        let tag = match layout.form {
            Form::Rtp => self
                .key
                .seal_in_place_separate_tag(nonce, Aad::from(&*header), text),
            Form::Rtcp => {
                let aad = rtcp_aad(header, trailer)?;
                self.key.seal_in_place_separate_tag(nonce, Aad::from(aad), text)
            }
        };
        put(packet, layout.tag, tag.ok()?.as_ref())?;
        if layout.form == Form::Rtcp {
            put(packet, layout.word, &trailer)?;
        }
        put(packet, layout.mki, mki)
    }

    fn open(&self, packet: &mut [u8], place: &Place, layout: &Layout, trial: bool) -> Option<()> {
        let (header, rest) = packet.split_at_mut_checked(place.clear)?;
        let sealed = rest.get_mut(..layout.tag + layout.tag_len - place.clear)?;
        match layout.form {
            Form::Rtp => self.open_text(place, header, sealed, layout, trial),
            Form::Rtcp => {
                let aad = rtcp_aad(header, place.trailer(layout.form))?;
                self.open_text(place, &aad, sealed, layout, trial)
            }
        }
    }

    /// `sealed` is the ciphertext with the tag behind it.
    fn open_text(
        &self,
        place: &Place,
        aad: &[u8],
        sealed: &mut [u8],
        layout: &Layout,
        trial: bool,
    ) -> Option<()> {
        let (nonce, aad) = (self.nonce(place)?, Aad::from(aad));
        let length = layout.body - place.clear;
        if !trial {
            return self.key.open_in_place(nonce, aad, sealed).ok().map(|_| ());
        }
        let mut scratch = [0; TRIAL];
        let plain = scratch.get_mut(..length)?;
        let (text, tag) = sealed.split_at_mut_checked(length)?;
        self.key.open_separate_gather(nonce, aad, text, tag, plain).ok()?;
        text.copy_from_slice(plain);
        Some(())
    }
}

/// The header and the word behind the packet (RFC 7714 §9.2).
fn rtcp_aad(header: &[u8], trailer: [u8; 4]) -> Option<[u8; 12]> {
    let mut aad = [0; 12];
    put(&mut aad, 0, header)?;
    put(&mut aad, 8, &trailer)?;
    Some(aad)
}
