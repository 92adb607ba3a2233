//! The crypto suites: names and sizes.

/// A crypto suite of RFC 4568 §6.2, RFC 6188 §4 or RFC 7714 §14.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`
    AesCm128Sha80,
    /// `AES_CM_128_HMAC_SHA1_32`: 32 bits on RTP, 80 on RTCP.
    AesCm128Sha32,
    /// `AES_192_CM_HMAC_SHA1_80`
    AesCm192Sha80,
    /// `AES_192_CM_HMAC_SHA1_32`
    AesCm192Sha32,
    /// `AES_256_CM_HMAC_SHA1_80`
    AesCm256Sha80,
    /// `AES_256_CM_HMAC_SHA1_32`
    AesCm256Sha32,
    /// `AEAD_AES_128_GCM`
    AesGcm128,
    /// `AEAD_AES_256_GCM`
    AesGcm256,
}

impl Suite {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::AesCm128Sha80,
        Self::AesCm128Sha32,
        Self::AesCm192Sha80,
        Self::AesCm192Sha32,
        Self::AesCm256Sha80,
        Self::AesCm256Sha32,
        Self::AesGcm128,
        Self::AesGcm256,
    ];

    /// Its registered name in SDP.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AesCm128Sha80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128Sha32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AesCm192Sha80 => "AES_192_CM_HMAC_SHA1_80",
            Self::AesCm192Sha32 => "AES_192_CM_HMAC_SHA1_32",
            Self::AesCm256Sha80 => "AES_256_CM_HMAC_SHA1_80",
            Self::AesCm256Sha32 => "AES_256_CM_HMAC_SHA1_32",
            Self::AesGcm128 => "AEAD_AES_128_GCM",
            Self::AesGcm256 => "AEAD_AES_256_GCM",
        }
    }

    /// Length of a master key, and of a session encryption key, in bytes.
    #[must_use]
    pub fn key_len(self) -> usize {
        match self {
            Self::AesCm128Sha80 | Self::AesCm128Sha32 | Self::AesGcm128 => 16,
            Self::AesCm192Sha80 | Self::AesCm192Sha32 => 24,
            Self::AesCm256Sha80 | Self::AesCm256Sha32 | Self::AesGcm256 => 32,
        }
    }

    /// Length of a master salt, and of a session salt, in bytes.
    #[must_use]
    pub fn salt_len(self) -> usize {
        if self.is_aead() { 12 } else { 14 }
    }

    /// Length of a master key with its salt, in bytes.
    #[must_use]
    pub fn material_len(self) -> usize {
        self.key_len() + self.salt_len()
    }

    /// Length of the tag on RTP packets, in bytes.
    #[must_use]
    pub fn rtp_tag_len(self) -> usize {
        match self {
            Self::AesCm128Sha80 | Self::AesCm192Sha80 | Self::AesCm256Sha80 => 10,
            Self::AesCm128Sha32 | Self::AesCm192Sha32 | Self::AesCm256Sha32 => 4,
            Self::AesGcm128 | Self::AesGcm256 => 16,
        }
    }

    /// Length of the tag on RTCP packets, in bytes: 80 bits even where RTP has 32 (RFC 4568 §6.2.2).
    #[must_use]
    pub fn rtcp_tag_len(self) -> usize {
        if self.is_aead() { 16 } else { 10 }
    }

    pub(super) fn is_aead(self) -> bool {
        match self {
            Self::AesGcm128 | Self::AesGcm256 => true,
            Self::AesCm128Sha80
            | Self::AesCm128Sha32
            | Self::AesCm192Sha80
            | Self::AesCm192Sha32
            | Self::AesCm256Sha80
            | Self::AesCm256Sha32 => false,
        }
    }
}
