//! The handshakes of DTLS-SRTP, by `dimpl`: DTLS 1.2 and 1.3, certificates and key exchange on P-256, P-384 and X25519.
//!
//! The certificate is made at start, for this process, and names nobody; what vouches for it is its fingerprint in our SDP
//! (RFC 5763 §5). Keys come from the system's randomness. RSA certificates of peers are not understood, nor is a handshake
//! without the extended master secret; SRTP_AES128_CM_HMAC_SHA1_32 is not negotiated by the library.

use dimpl::{Config, Dtls, DtlsCertificate, Output as Said, SrtpProfile};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, date_time_ymd};
use rtp_proto::dtls::{Broken, Engine, Engines, Fingerprint, Hash, Keying, Output, Role};
use rtp_proto::srtp::Suite;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// First wait for an answer; it doubles with each time. A path that carries speech answers within this, and a lost packet should not
/// cost a whole second of it (RFC 9147 §5.8.2).
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// A flight is sent this often again: beyond the association's own deadline.
const RETRIES: usize = 8;
/// Length of the longest datagram of ours: what passes any path, tunnels included.
const MTU: usize = 1200;

/// Why there is no certificate, or it is of no use.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The key or the certificate could not be made.
    #[error("no certificate for DTLS-SRTP: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The library does not take it.
    #[error("DTLS: {0:?}")]
    Library(dimpl::Error),
}

/// Our certificate for DTLS-SRTP and its key.
pub struct Identity {
    certificate: DtlsCertificate,
    fingerprint: Fingerprint,
    config: Arc<Config>,
}

impl Identity {
    /// A new self-signed one (ECDSA, P-256).
    ///
    /// # Errors
    /// [`IdentityError`]; none of them is to be expected.
    pub fn generate() -> Result<Self, IdentityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "media");
        // Nobody looks at these: it is known by its fingerprint. They end where certificates change their notation of years.
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2049, 12, 31);
        let certificate = params.self_signed(&key)?.der().to_vec();
        let config = Config::builder()
            .mtu(MTU)
            .flight_start_rto(FIRST_WAIT)
            .flight_retries(RETRIES)
            .handshake_timeout(rtp_proto::dtls::DEADLINE)
            .build()
            .map_err(IdentityError::Library)?;
        Ok(Self {
            fingerprint: Fingerprint::of(Hash::Sha256, &certificate),
            certificate: DtlsCertificate {
                certificate,
                private_key: key.serialize_der(),
            },
            config: Arc::new(config),
        })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.fingerprint)
    }
}

impl Engines for Identity {
    fn start(&self, now: Instant, role: Role) -> Box<dyn Engine> {
        let mut dtls = Dtls::new_auto(self.config.clone(), self.certificate.clone(), now);
        dtls.set_active(role == Role::Active);
        Box::new(Handshake { dtls, role })
    }

    fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }
}

#[derive(Debug)]
struct Handshake {
    dtls: Dtls,
    role: Role,
}

impl Engine for Handshake {
    fn receive(&mut self, now: Instant, datagram: &[u8]) -> Result<(), Broken> {
        self.dtls.handle_timeout(now).map_err(broken)?;
        self.dtls.handle_packet(datagram).map_err(broken)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Broken> {
        self.dtls.handle_timeout(now).map_err(broken)
    }

    fn poll<'a>(&mut self, buffer: &'a mut [u8]) -> Result<Output<'a>, Broken> {
        // What else a later version may say is as if it were the peer's application data: nothing to us.
        Ok(match self.dtls.poll_output(buffer) {
            Said::Packet(bytes) => Output::Datagram(bytes),
            Said::PeerCert(der) => Output::Certificate(der),
            Said::KeyingMaterial(material, profile) => {
                let keying = known(profile).and_then(|suite| Keying::deal(suite, self.role, &material));
                Output::Keys(keying.ok_or_else(|| Broken(format!("unusable keys for {profile}")))?)
            }
            Said::Connected => Output::Connected,
            Said::CloseNotify => Output::Closed,
            Said::Timeout(at) => Output::Wait(Some(at)),
            Said::BufferTooSmall { needed } => return Err(Broken(format!("{needed} bytes at once"))),
            _ => Output::Nothing,
        })
    }
}

fn known(profile: SrtpProfile) -> Option<Suite> {
    match profile {
        SrtpProfile::AES128_CM_SHA1_80 => Some(Suite::AesCm128Sha80),
        SrtpProfile::AEAD_AES_128_GCM => Some(Suite::AesGcm128),
        SrtpProfile::AEAD_AES_256_GCM => Some(Suite::AesGcm256),
        _ => None,
    }
}

fn broken(error: dimpl::Error) -> Broken {
    Broken(format!("{error:?}"))
}
