//! Legs whose keys come from a DTLS handshake (RFC 5763), with ICE where the peer has it (RFC 8445, we are the lite side).
//!
//! - Of `a=setup:actpass` we choose passive: whoever is behind a NAT has to speak first, and we are not. A role once taken stays
//!   (RFC 8842 §5.3), unless the peer asks for another.
//! - ICE needs RTCP on RTP's port, since we have one candidate for one component. A peer whose default address is none of its
//!   candidates hears `a=ice-mismatch`: somebody in between wants its packets.
//! - The peer's credentials changed: an ICE restart, which is answered with new ones of ours (RFC 8839 §4.4.1.1.1).
//! - A browser that bundles gets its `a=group:BUNDLE` and `a=mid` back for the one stream that there is (RFC 9143 §7.3).

use std::net::SocketAddr;

use rtp_proto::control::{self, Credentials, Fingerprint, Setup};
use rtp_proto::dtls::Role;
use sdp::{Media, Sdp, SetupRole};
use sip_proto::Mint;
use smallvec::SmallVec;

use super::NOT_ACCEPTABLE;
use crate::snapshot::Snapshot;

/// A leg's side of handshake and checks.
#[derive(Clone, Debug)]
pub(crate) struct Dtls {
    role: Role,
    /// By what the peer is known; empty until it has said so.
    expected: SmallVec<[Fingerprint; 2]>,
    ice: Option<Ice>,
    /// `a=ice-mismatch` is what we say of ICE.
    mismatch: bool,
    /// The stream's name, and whether it is bundled.
    mid: Option<(Box<str>, bool)>,
    /// Whether offer and answer have both been sent.
    settled: bool,
}

#[derive(Clone, Debug)]
struct Ice {
    local: Credentials,
    remote: Option<Credentials>,
    lite: bool,
}

/// The fingerprints of this stream that say something to us.
fn expected(sdp: &Sdp, media: &Media) -> SmallVec<[Fingerprint; 2]> {
    let lines = sdp::fingerprints(sdp, media);
    lines
        .iter()
        .filter_map(|line| Fingerprint::new(line.hash, &line.value))
        .collect()
}

/// Whether the owner of this stream can be met in a handshake.
pub(super) fn is_met(snapshot: &Snapshot, sdp: &Sdp, media: &Media) -> bool {
    snapshot.dtls.is_some() && !expected(sdp, media).is_empty()
}

fn fresh(mint: &mut Mint) -> Credentials {
    let mut random = [0; 24];
    mint.secret(&mut random);
    Credentials::from_random(random)
}

impl Dtls {
    /// Takes an offer from the leg's peer; `before`: what was agreed already.
    pub(super) fn take(before: Option<Self>, sdp: &Sdp, media: &Media, mint: &mut Mint) -> Self {
        let role = match sdp::setup(sdp, media) {
            Some(SetupRole::Passive) => Role::Active,
            Some(SetupRole::ActPass) => before.as_ref().map_or(Role::Passive, |before| before.role),
            // Nothing said is active, in an offer (RFC 4145 §4).
            Some(SetupRole::Active | SetupRole::HoldConn) | None => Role::Passive,
        };
        let said = sdp::ice(sdp, media).filter(|_| media.rtcp_mux());
        let mismatch = said.is_some_and(|ice| ice.mismatch);
        let ice = said.filter(|ice| !ice.mismatch).map(|said| {
            let remote = Some(credentials(&said));
            let known = before.and_then(|before| before.ice);
            let local = match known {
                // Before an answer of its the peer has nothing to restart from.
                Some(known) if known.remote.is_none() || known.remote == remote => known.local,
                Some(_) | None => fresh(mint),
            };
            Ice {
                local,
                remote,
                lite: said.lite,
            }
        });
        let mid = sdp::mid(media).map(|name| (Box::from(name), sdp::is_bundled(sdp, name)));
        Self {
            role,
            expected: expected(sdp, media),
            ice,
            mismatch,
            mid,
            settled: false,
        }
    }

    /// What a peer is offered that has said nothing yet.
    pub(super) fn new(mint: &mut Mint) -> Self {
        Self {
            role: Role::Passive,
            expected: SmallVec::new(),
            ice: Some(Ice {
                local: fresh(mint),
                remote: None,
                lite: false,
            }),
            mismatch: false,
            mid: None,
            settled: false,
        }
    }

    /// Reads the peer's answer.
    ///
    /// # Errors
    /// [`NOT_ACCEPTABLE`] for one that names no certificate.
    pub(super) fn conclude(&mut self, sdp: &Sdp, media: &Media) -> Result<(), u16> {
        let expected = expected(sdp, media);
        if expected.is_empty() {
            return Err(NOT_ACCEPTABLE);
        }
        self.expected = expected;
        self.role = match sdp::setup(sdp, media) {
            // Nothing said is passive, in an answer (RFC 4145 §4).
            Some(SetupRole::Passive) | None => Role::Active,
            Some(SetupRole::Active | SetupRole::ActPass | SetupRole::HoldConn) => Role::Passive,
        };
        let said = sdp::ice(sdp, media).filter(|ice| media.rtcp_mux() && !ice.mismatch);
        self.ice = self.ice.take().zip(said).map(|(ice, said)| Ice {
            remote: Some(credentials(&said)),
            lite: said.lite,
            ..ice
        });
        self.settled = true;
        Ok(())
    }

    /// Our answer is on its way.
    pub(super) fn settle(&mut self) {
        self.settled = true;
    }

    /// The lines of our answer's stream; `at`: where it receives.
    pub(super) fn answer(&self, snapshot: &Snapshot, at: SocketAddr) -> Vec<String> {
        self.lines(
            snapshot,
            at,
            match self.role {
                Role::Active => SetupRole::Active,
                Role::Passive => SetupRole::Passive,
            },
        )
    }

    /// The lines of our offer's stream.
    pub(super) fn offer(&self, snapshot: &Snapshot, at: SocketAddr) -> Vec<String> {
        self.lines(snapshot, at, SetupRole::ActPass)
    }

    /// The lines of either's session part.
    pub(super) fn session_lines(&self) -> Vec<String> {
        let lite = self.ice.is_some().then(|| sdp::ICE_LITE.to_owned());
        let bundled = self.mid.as_ref().filter(|(_, bundled)| *bundled);
        let group = bundled.map(|(name, _)| format!("a=group:BUNDLE {name}"));
        lite.into_iter().chain(group).collect()
    }

    fn lines(&self, snapshot: &Snapshot, at: SocketAddr, setup: SetupRole) -> Vec<String> {
        let Some(engines) = &snapshot.dtls else {
            return Vec::new();
        };
        let fingerprint = engines.fingerprint();
        let mut lines = sdp::dtls_lines(fingerprint.hash().as_str(), fingerprint.value(), setup);
        if let Some(ice) = &self.ice {
            lines.extend(sdp::ice_lines(&ice.local.ufrag, &ice.local.password, at));
        }
        if self.mismatch {
            lines.push("a=ice-mismatch".to_owned());
        }
        if let Some((name, _)) = &self.mid {
            lines.push(format!("a=mid:{name}"));
        }
        lines
    }

    /// What the media plane is told. Before the call is `answered` nobody has to begin a handshake: many a peer makes nothing of
    /// the SDP in a 18x, and it may ring for as long as it likes.
    pub(super) fn plane(
        &self,
        snapshot: &Snapshot,
        answered: bool,
    ) -> (Option<control::Security>, Option<control::Ice>) {
        let dtls = snapshot.dtls.as_ref().map(|engines| control::Dtls {
            engines: engines.clone(),
            setup: Setup {
                role: self.role,
                expected: self.expected.clone(),
                settled: self.settled && answered,
            },
        });
        let ice = self.ice.as_ref().map(|ice| control::Ice {
            local: ice.local.clone(),
            remote: ice.remote.as_ref().map(|remote| remote.ufrag.clone()),
            lite: ice.lite,
        });
        (dtls.map(control::Security::Dtls), ice)
    }
}

fn credentials(ice: &sdp::Ice<'_>) -> Credentials {
    Credentials {
        ufrag: ice.ufrag.into(),
        password: ice.password.into(),
    }
}
