//! Whether and how media is encrypted on each leg: SRTP with keys in the SDP (RFC 4568) or from a handshake (RFC 5763).
//!
//! | `srtp` of the trunk | its offers | what it is offered |
//! |---|---|---|
//! | `off` | RTP/AVP(F), keys in it ignored | RTP/AVP(F) |
//! | `optional` | RTP/AVP(F) with or without keys, RTP/SAVP(F) with a usable line, UDP/TLS/RTP/SAVP(F) with a fingerprint | RTP/AVP(F) with keys: whoever takes none of them answers without |
//! | `required` | any profile, with a usable line or a fingerprint | RTP/SAVP(F) |
//!
//! With `srtp_keying = "dtls"` what is offered is UDP/TLS/RTP/SAVP(F), for `optional` too: no profile leaves the choice between
//! that and plain media. RTP/SAVP(F) with a fingerprint and without a usable line is taken for DTLS-SRTP, which some write so.
//!
//! What is refused so is as if the stream were not there: 488, unless the offer has another. Each leg has its own keys, and they
//! stay for as long as the leg and its suite: to change one that need not is to depend on what the peer thinks of rollover
//! counters.

use std::net::SocketAddr;

use config::{Srtp, SrtpKeying, SrtpSuite, Trunk};
use rtp_proto::control::{self, Keys, MasterKey, Mki, Suite};
use sdp::{Crypto, CryptoKey, CryptoSuite, Media, Proto, Sdp, Transport};
use sip_proto::Mint;
use smallvec::SmallVec;

use super::dtls::{self, Dtls};
use super::{NOT_ACCEPTABLE, Unfit};
use crate::call::leg::Session;
use crate::snapshot::Snapshot;

/// What our keys serve for, in packets: as long as the most careful of peers expects to read.
const LIFETIME: u64 = 1 << 31;

/// How a leg is protected.
#[derive(Clone, Debug)]
pub(crate) enum Security {
    /// By keys in the SDP.
    Sdes(Box<Sdes>),
    /// By keys from a handshake.
    Dtls(Box<Dtls>),
}

/// One side's stream in its SDP.
#[derive(Clone, Copy)]
pub(super) struct Stream<'a> {
    snapshot: &'a Snapshot,
    trunk: &'a Trunk,
    sdp: &'a Sdp,
    media: &'a Media,
}

impl<'a> Stream<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, trunk: &'a Trunk, sdp: &'a Sdp, media: &'a Media) -> Self {
        Self {
            snapshot,
            trunk,
            sdp,
            media,
        }
    }
}

/// Both sides' lines.
#[derive(Clone, Debug)]
pub(crate) struct Sdes {
    /// What we offered, the preferred first; or the one line of our answer.
    ours: SmallVec<[Crypto; 1]>,
    agreed: Agreed,
}

/// What an offer of keys has come to.
#[derive(Clone, Debug)]
enum Agreed {
    /// The peer has not answered.
    Nothing,
    /// It takes none. Another branch of a fork still may.
    Plain,
    /// The one of our lines that is in force, and the peer's.
    Line(usize, Box<Crypto>),
}

/// The profile of an m= line that we write, and the lines that go with it.
#[derive(Default)]
pub(super) struct Written {
    proto: Option<Proto>,
    attributes: Vec<String>,
    /// For the session part.
    pub(super) session: Vec<String>,
    /// RTCP has to share the RTP port.
    pub(super) mux: bool,
}

impl Written {
    pub(super) fn transport(&self) -> Transport<'_> {
        Transport {
            proto: self.proto,
            attributes: &self.attributes,
        }
    }
}

/// Whether the trunk's policy lets us take this stream of an offer of its.
pub(super) fn admits(stream: Stream<'_>) -> bool {
    let Stream { trunk, media, .. } = stream;
    match media.proto() {
        Proto::RtpAvp | Proto::RtpAvpf => trunk.srtp != Srtp::Required || usable(trunk, media).is_some(),
        Proto::RtpSavp | Proto::RtpSavpf => {
            trunk.srtp != Srtp::Off && (usable(trunk, media).is_some() || wants_handshake(stream))
        }
        Proto::UdpTlsSavp | Proto::UdpTlsSavpf => trunk.srtp != Srtp::Off && wants_handshake(stream),
        // Facsimile has no SRTP.
        Proto::Udptl | Proto::Other => trunk.srtp != Srtp::Required,
    }
}

/// Whether keys for this stream of an offer come from a handshake.
fn wants_handshake(stream: Stream<'_>) -> bool {
    let Stream {
        snapshot,
        trunk,
        sdp,
        media,
    } = stream;
    let proto = media.proto();
    let instead = proto.is_secure() && usable(trunk, media).is_none();
    (proto.is_dtls() || instead) && dtls::is_met(snapshot, sdp, media)
}

/// The first line of an offer that the trunk may use.
fn usable(trunk: &Trunk, media: &Media) -> Option<Crypto> {
    Crypto::lines(media).into_iter().find(|line| {
        let allowed = trunk.srtp_suites.iter().any(|s| suite_of(*s) == line.suite);
        allowed && keys(line).is_some()
    })
}

/// Takes an offer from the leg's peer, which [`admits`] has let pass: what it sends is under its keys from now on, and our
/// answer has a key of ours. `moved`: it has another address than before.
pub(super) fn take(session: &mut Session, stream: Stream<'_>, moved: bool, mint: &mut Mint) {
    let Stream {
        trunk, sdp, media, ..
    } = stream;
    if !media.proto().is_rtp() {
        return;
    }
    session.profile = Some(media.proto());
    if wants_handshake(stream) {
        let before = match session.security.take() {
            Some(Security::Dtls(dtls)) => Some(*dtls),
            Some(Security::Sdes(_)) | None => None,
        };
        let taken = Dtls::take(before, sdp, media, mint);
        session.security = Some(Security::Dtls(Box::new(taken)));
        return;
    }
    let line = Some(media).filter(|_| trunk.srtp != Srtp::Off);
    let Some(theirs) = line.and_then(|media| usable(trunk, media)) else {
        session.security = None;
        return;
    };
    let before = match &session.security {
        Some(Security::Sdes(sdes)) => sdes.agreed(),
        Some(Security::Dtls(_)) | None => None,
    };
    // Who comes to another address with another key may know nothing of our rollover counter (RFC 4568 §7.1.4).
    let kept = before
        .filter(|(ours, known)| ours.suite == theirs.suite && !(moved && known.keys != theirs.keys))
        .filter(|(ours, _)| !share(ours, &theirs))
        .and_then(|(ours, _)| ours.keys.first().cloned());
    // What a key serves for was said when it was new (RFC 4568 §6.1), by a peer that says it of its own, too.
    let key = kept.unwrap_or_else(|| {
        let limited = theirs.keys.iter().any(|key| key.lifetime.is_some());
        CryptoKey {
            lifetime: limited.then_some(LIFETIME),
            ..fresh(theirs.suite, mint)
        }
    });
    let ours = Crypto {
        tag: theirs.tag,
        suite: theirs.suite,
        name: theirs.name,
        keys: SmallVec::from_buf([key]),
        params: Vec::new(),
    };
    session.security = Some(Security::Sdes(Box::new(Sdes {
        ours: SmallVec::from_buf([ours]),
        agreed: Agreed::Line(0, Box::new(theirs)),
    })));
}

/// The answer to the offer that was [taken](take); `at`: where we receive.
pub(super) fn accept(session: &mut Session, snapshot: &Snapshot, at: SocketAddr) -> Written {
    let proto = session.profile;
    let plain = Written {
        proto,
        ..Written::default()
    };
    match &mut session.security {
        Some(Security::Sdes(sdes)) => Written {
            attributes: sdes
                .agreed()
                .map(|(ours, _)| attribute(ours))
                .into_iter()
                .collect(),
            ..plain
        },
        Some(Security::Dtls(dtls)) => {
            dtls.settle();
            Written {
                attributes: dtls.answer(snapshot, at),
                session: dtls.session_lines(),
                ..plain
            }
        }
        None => plain,
    }
}

/// What the leg's peer is offered, of a stream like `media` of the other side's; `at`: where we receive.
///
/// # Errors
/// [`Unfit::Encryption`] for what can't be encrypted on a trunk that insists on it.
pub(super) fn offer(
    session: &mut Session,
    (snapshot, trunk): (&Snapshot, &Trunk),
    media: &Media,
    at: SocketAddr,
    mint: &mut Mint,
) -> Result<Written, Unfit> {
    if !media.proto().is_rtp() {
        return match trunk.srtp {
            Srtp::Required => Err(Unfit::Encryption),
            Srtp::Off | Srtp::Optional => Ok(Written::default()),
        };
    }
    // Browsers write a profile with feedback whether they need it or not; telephones refuse what they don't know.
    let feedback = media.proto().is_feedback() && !media.proto().is_dtls();
    let agreed_plain = match &session.security {
        Some(Security::Sdes(sdes)) => matches!(sdes.agreed, Agreed::Plain),
        Some(Security::Dtls(_)) => false,
        None => session.profile.is_some() && session.remote.is_some(),
    };
    let wanted = match trunk.srtp {
        Srtp::Off => false,
        // Who has answered without keys is not asked again.
        Srtp::Optional => !agreed_plain,
        Srtp::Required => true,
    };
    protect(session, (snapshot, trunk), wanted, mint);
    if let Some(Security::Dtls(dtls)) = &session.security {
        // As it was; it may be RTP/SAVP.
        let before = session.profile.filter(|profile| profile.is_secure());
        let proto = before.unwrap_or(Proto::dtls(feedback));
        session.profile = Some(proto);
        return Ok(Written {
            proto: Some(proto),
            attributes: dtls.offer(snapshot, at),
            session: dtls.session_lines(),
            mux: true,
        });
    }
    let secure = match (trunk.srtp, session.profile) {
        (Srtp::Off, _) => false,
        (Srtp::Required, None) => true,
        (Srtp::Optional, None) => false,
        // As it was.
        (Srtp::Optional | Srtp::Required, Some(profile)) => wanted && profile.is_secure(),
    };
    let proto = Proto::rtp(secure, feedback);
    session.profile = Some(proto);
    let attributes = match &session.security {
        Some(Security::Sdes(sdes)) => sdes.ours.iter().map(attribute).collect(),
        Some(Security::Dtls(_)) | None => Vec::new(),
    };
    Ok(Written {
        proto: Some(proto),
        attributes,
        ..Written::default()
    })
}

/// How the leg is protected in our next offer: as before; with keys of ours where it was not and is to be.
fn protect(session: &mut Session, (snapshot, trunk): (&Snapshot, &Trunk), wanted: bool, mint: &mut Mint) {
    if !wanted {
        session.security = None;
    }
    if !wanted || session.security.is_some() {
        return;
    }
    if trunk.srtp_keying == SrtpKeying::Dtls && snapshot.dtls.is_some() {
        session.security = Some(Security::Dtls(Box::new(Dtls::new(mint))));
        return;
    }
    let lines = (1..).zip(&trunk.srtp_suites).map(|(tag, suite)| {
        let suite = suite_of(*suite);
        Crypto {
            tag,
            suite,
            name: suite.name(),
            keys: SmallVec::from_buf([CryptoKey {
                lifetime: Some(LIFETIME),
                ..fresh(suite, mint)
            }]),
            params: Vec::new(),
        }
    });
    session.security = Some(Security::Sdes(Box::new(Sdes {
        ours: lines.collect(),
        agreed: Agreed::Nothing,
    })));
}

/// Reads the peer's answer to what we [offered](offer).
///
/// # Errors
/// [`NOT_ACCEPTABLE`] for an answer that takes none of our lines although it has some or had to, that has another profile, or
/// that gives our own keys back (RFC 4568 §5.1.3, §7.1.2).
pub(super) fn conclude(session: &mut Session, stream: Stream<'_>) -> Result<(), u16> {
    let Stream {
        trunk, sdp, media, ..
    } = stream;
    if !media.proto().is_rtp() {
        return Ok(());
    }
    let offered = session.profile.unwrap_or(media.proto());
    if media.proto().is_feedback() != offered.is_feedback() {
        return Err(NOT_ACCEPTABLE);
    }
    match &mut session.security {
        None if media.proto().is_secure() => Err(NOT_ACCEPTABLE),
        None => Ok(()),
        Some(Security::Dtls(dtls)) if media.proto().is_secure() => dtls.conclude(sdp, media),
        Some(Security::Dtls(_)) => Err(NOT_ACCEPTABLE),
        Some(Security::Sdes(sdes)) => {
            if sdes.settle(Crypto::lines(media)) {
                return Ok(());
            }
            let plain = !media.proto().is_secure() && !offered.is_secure() && !Crypto::is_offered(media);
            if plain && trunk.srtp != Srtp::Required {
                sdes.agreed = Agreed::Plain;
                Ok(())
            } else {
                Err(NOT_ACCEPTABLE)
            }
        }
    }
}

/// What the media plane is told. `answered`: the call is.
pub(super) fn plane(
    session: &Session,
    snapshot: &Snapshot,
    answered: bool,
) -> (Option<control::Security>, Option<control::Ice>) {
    let sdes = match &session.security {
        Some(Security::Sdes(sdes)) => sdes,
        Some(Security::Dtls(dtls)) => return dtls.plane(snapshot, answered),
        None => return (None, None),
    };
    let (send, receive) = match (&sdes.agreed, sdes.agreed()) {
        (Agreed::Plain, _) => return (None, None),
        (Agreed::Line(..), Some((ours, theirs))) => (keys(ours), keys(theirs)),
        (Agreed::Nothing | Agreed::Line(..), _) => (None, None),
    };
    (Some(control::Security::Sdes { receive, send }), None)
}

/// Whether the peer's stream comes from another place than before (RFC 4568 §7.1.4); a hold is no place.
pub(super) fn has_moved(session: &Session, offer: &Sdp, media: &Media) -> bool {
    let address = |sdp: &Sdp, media: &Media| {
        let ip = sdp.connection(media).filter(|ip| !ip.is_unspecified())?;
        Some((ip, media.port()))
    };
    let before = super::live_media(session).and_then(|(sdp, media)| address(&sdp, &media));
    let after = address(offer, media);
    before.is_some() && after.is_some() && before != after
}

impl Sdes {
    /// Our line and the peer's, once both are known.
    fn agreed(&self) -> Option<(&Crypto, &Crypto)> {
        match &self.agreed {
            Agreed::Nothing | Agreed::Plain => None,
            Agreed::Line(index, theirs) => Some((self.ours.get(*index)?, theirs)),
        }
    }

    /// Takes the line of an answer that takes one of ours; whether there is one.
    fn settle(&mut self, lines: impl IntoIterator<Item = Crypto>) -> bool {
        let settled = lines.into_iter().find_map(|line| {
            let taken = |ours: &Crypto| ours.tag == line.tag && ours.suite == line.suite;
            let index = self.ours.iter().position(taken)?;
            let honest = !self.ours.iter().any(|ours| share(ours, &line)) && keys(&line).is_some();
            honest.then(|| Agreed::Line(index, Box::new(line)))
        });
        match settled {
            Some(line) => self.agreed = line,
            None => return false,
        }
        true
    }
}

/// Whether a key stands in both lines.
fn share(one: &Crypto, other: &Crypto) -> bool {
    one.keys
        .iter()
        .any(|key| other.keys.iter().any(|o| o.material == key.material))
}

fn attribute(line: &Crypto) -> String {
    format!("a=crypto:{line}")
}

fn fresh(suite: CryptoSuite, mint: &mut Mint) -> CryptoKey {
    let mut material = SmallVec::from_elem(0, suite.material_len());
    mint.secret(&mut material);
    CryptoKey {
        material,
        lifetime: None,
        mki: None,
    }
}

/// A line's keys for the media plane; `None` for what [`Crypto::parse`] does not give.
fn keys(line: &Crypto) -> Option<Keys> {
    let suite = plane_suite(line.suite);
    let key = |key: &CryptoKey| {
        let mki = match &key.mki {
            Some(bytes) => Some(Mki::new(bytes).ok()?),
            None => None,
        };
        MasterKey::new(suite, &key.material, mki, key.lifetime).ok()
    };
    Keys::new(suite, line.keys.iter().map(key).collect::<Option<_>>()?).ok()
}

fn suite_of(suite: SrtpSuite) -> CryptoSuite {
    match suite {
        SrtpSuite::AesCm128Sha80 => CryptoSuite::AesCm128Sha80,
        SrtpSuite::AesCm128Sha32 => CryptoSuite::AesCm128Sha32,
        SrtpSuite::AesCm192Sha80 => CryptoSuite::AesCm192Sha80,
        SrtpSuite::AesCm192Sha32 => CryptoSuite::AesCm192Sha32,
        SrtpSuite::AesCm256Sha80 => CryptoSuite::AesCm256Sha80,
        SrtpSuite::AesCm256Sha32 => CryptoSuite::AesCm256Sha32,
        SrtpSuite::AesGcm128 => CryptoSuite::AesGcm128,
        SrtpSuite::AesGcm256 => CryptoSuite::AesGcm256,
    }
}

fn plane_suite(suite: CryptoSuite) -> Suite {
    match suite {
        CryptoSuite::AesCm128Sha80 => Suite::AesCm128Sha80,
        CryptoSuite::AesCm128Sha32 => Suite::AesCm128Sha32,
        CryptoSuite::AesCm192Sha80 => Suite::AesCm192Sha80,
        CryptoSuite::AesCm192Sha32 => Suite::AesCm192Sha32,
        CryptoSuite::AesCm256Sha80 => Suite::AesCm256Sha80,
        CryptoSuite::AesCm256Sha32 => Suite::AesCm256Sha32,
        CryptoSuite::AesGcm128 => Suite::AesGcm128,
        CryptoSuite::AesGcm256 => Suite::AesGcm256,
    }
}
