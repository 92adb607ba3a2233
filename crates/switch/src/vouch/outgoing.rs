//! The signatures of a call that goes out (RFC 8224 §6.1), and what is told of those that came in.
//!
//! An INVITE is looked at as it is about to leave: what is signed is what it presents, whoever put it there.

use bytes::Bytes;
use config::{AttestRule, IdentityHeaders, Role, Sign, TrunkStir, VerstatPlace};
use sip_msg::{Edits, HeaderId, Limits, Message, NameAddr, Uri};
use stir::{
    Attest, Claims, Dossier, Facts, MAX_IDENTITIES, MAX_IDENTITY, Numbering, Party, Ppt, Signer, Verdict,
    Verstat, http_date, origination_id,
};

use super::incoming::facts;
use super::{Said, Stir};
use crate::call::Call;
use crate::core::Core;
use crate::io::Now;

impl Call {
    /// An INVITE of ours with whatever its trunk is to get: our signature, those of others, and what came of them.
    pub(crate) fn vouched(&mut self, core: &mut Core, now: Now, invite: Bytes) -> Bytes {
        let Some(leg) = &self.b else { return invite };
        let own = &self.snapshot.trunk(leg.trunk).stir;
        let tells = !own.verstat.is_empty() && self.verdict().is_some();
        if own.sign == Sign::Off && own.identity == IdentityHeaders::Strip && !tells {
            return invite;
        }
        let snapshot = self.snapshot.clone();
        let own = &snapshot.trunk(leg.trunk).stir;
        let Ok(message) = sip_msg::parse(invite.clone(), &Limits::default()) else {
            return invite;
        };
        let numbering = snapshot.stir.numbering(snapshot.trunk(leg.trunk));
        let presented = facts(&message, &numbering, now.unix_ms / 1000, 0);
        let mut edits = Edits::new();
        let said = self.sign_or_hand_on(core, &snapshot.stir, own, &presented, &mut edits);
        if said != Said::Nothing || self.story.vouch.is_some() {
            self.story.vouch.get_or_insert_default().said = said;
        }
        if tells && let Some(verdict) = self.verdict() {
            tell(&message, &numbering, own, verdict, &mut edits);
        }
        message.write(&edits)
    }

    /// The caller's INVITE: its signatures are about it. A transfer's is of our making.
    fn asked_by(&self) -> Option<&Message> {
        match (&self.invite, self.errand()) {
            (Some(invite), _) => Some(&invite.asked.message),
            (None, Some(errand)) if errand.is_branch() => Some(&errand.invite),
            (None, Some(_) | None) => None,
        }
    }

    fn verdict(&self) -> Option<&Verdict> {
        self.story.vouch.as_ref()?.verdict.as_ref()
    }

    fn sign_or_hand_on(
        &mut self,
        core: &mut Core,
        stir: &Stir,
        own: &TrunkStir,
        presented: &Facts,
        edits: &mut Edits,
    ) -> Said {
        let signer = stir.signer.as_ref().filter(|_| own.sign != Sign::Off);
        if own.identity == IdentityHeaders::Pass {
            let said = self.hand_on(stir, signer, presented, edits);
            if said != Said::Nothing {
                core.counters.stir.handed_on += 1;
                return said;
            }
        }
        let Some(signer) = signer else {
            return Said::Nothing;
        };
        match self.sign(core, signer, presented) {
            Some((value, attest)) => {
                edits.append(HeaderId::Identity, value.as_bytes());
                edits.replace(HeaderId::Date, http_date(presented.now).as_bytes());
                let counters = &mut core.counters.stir;
                match attest {
                    Attest::A => counters.signed_a += 1,
                    Attest::B => counters.signed_b += 1,
                    Attest::C => counters.signed_c += 1,
                }
                Said::Signed(attest)
            }
            None => {
                core.counters.stir.unsigned += 1;
                Said::Nothing
            }
        }
    }

    /// A `shaken` PASSporT for what the INVITE presents. `None`: it presents no number, nothing is to be attested, or our
    /// certificate is not valid.
    fn sign(&mut self, core: &mut Core, signer: &Signer, presented: &Facts) -> Option<(String, Attest)> {
        let orig = presented.orig.first().filter(|orig| orig.tn().is_some())?;
        let dest = presented.dest.last()?;
        let attest = self.attest(orig)?;
        let random = [core.random(), core.random()];
        let fixed = self.snapshot.trunk(self.customer()).stir.origid.clone();
        let vouch = self.story.vouch.get_or_insert_default();
        let origid = vouch
            .origid
            .get_or_insert_with(|| fixed.unwrap_or_else(|| origination_id(random)));
        let claims = Claims {
            attest: Some(attest),
            origid: Some(origid.clone()),
            ..Claims::base(orig.clone(), vec![dest.clone()], presented.now)
        };
        Some((signer.sign(Ppt::Shaken, &claims)?, attest))
    }

    /// How sure we are of the caller's number (RFC 8588 §4).
    fn attest(&self, orig: &Party) -> Option<Attest> {
        let from = self.snapshot.trunk(self.customer());
        match from.stir.attest {
            AttestRule::A => Some(Attest::A),
            AttestRule::B => Some(Attest::B),
            AttestRule::C => Some(Attest::C),
            AttestRule::None => None,
            AttestRule::Auto => Some(match from.role {
                Role::Carrier => Attest::C,
                Role::Customer if self.has_number(orig) => Attest::A,
                Role::Customer => Attest::B,
            }),
        }
    }

    /// Whether a number is the calling trunk's own (calls to it are led there), or one that it may present.
    fn has_number(&self, party: &Party) -> bool {
        let from = self.snapshot.trunk(self.customer());
        let allowed = |number: &str| {
            from.screening.as_ref().is_some_and(|screening| {
                let default = screening
                    .default
                    .as_deref()
                    .and_then(|number| number.strip_prefix('+'));
                default == Some(number) || screening.allowed.iter().any(|pattern| pattern.fits(number))
            })
        };
        let number = party.tn();
        number.is_some_and(|number| {
            let tables = &self.snapshot.tables;
            // A rule for every number makes none of them anybody's.
            let rule = tables.number(number);
            let is_its = rule.is_some_and(|rule| !rule.pattern.digits.is_empty());
            (is_its && tables.owns(self.customer(), number)) || allowed(number)
        })
    }

    /// Hands on what others have signed, if it holds for what the INVITE presents; a call that the calling trunk's own number, or one
    /// that we have the call sent on from, has
    /// retargeted gets our signature to it (RFC 8946 §4.1).
    fn hand_on(&self, stir: &Stir, signer: Option<&Signer>, presented: &Facts, edits: &mut Edits) -> Said {
        let Some(message) = self.asked_by() else {
            return Said::Nothing;
        };
        let Some(orig) = presented.orig.first() else {
            return Said::Nothing;
        };
        let numbering = stir.numbering(self.snapshot.trunk(self.customer()));
        let received = facts(message, &numbering, presented.now, 0);
        let dossier = Dossier::read(message.values(HeaderId::Identity), &received);
        let (Some(dests), false) = (dossier.last_dest(orig), dossier.binds_media()) else {
            return Said::Nothing;
        };
        let mut said = Said::HandedOn;
        let mut diversion = None;
        if !dests.iter().any(|dest| presented.dest.contains(dest)) {
            let ours =
                |dest: &&Party| self.has_number(dest) || dest.tn().is_some_and(|tn| self.was_sent_on_by(tn));
            let diverting = dests.iter().find(ours);
            diversion = diverting.and_then(|div| {
                let claims = Claims {
                    div: Some(div.clone()),
                    ..Claims::base(orig.clone(), vec![presented.dest.last()?.clone()], presented.now)
                };
                signer?.sign(Ppt::Div, &claims)
            });
            if diversion.is_none() {
                return Said::Nothing;
            }
            said = Said::Diverted;
        }
        let values = message.values(HeaderId::Identity).take(MAX_IDENTITIES);
        for value in values.filter(|value| value.len() <= MAX_IDENTITY) {
            edits.append(HeaderId::Identity, value);
        }
        // A compact PASSporT signs the Date.
        if let Some(date) = message.header(HeaderId::Date) {
            edits.replace(HeaderId::Date, date);
        }
        if let Some(value) = diversion {
            edits.append(HeaderId::Identity, value.as_bytes());
        }
        said
    }
}

/// Tells the called side what came of the verification (3GPP TS 24.229 §7.2A.20).
fn tell(message: &Message, numbering: &Numbering, own: &TrunkStir, verdict: &Verdict, edits: &mut Edits) {
    let passed = match verdict {
        Verdict::Passed(verified) => Some(verified),
        Verdict::Failed(..) => None,
    };
    // What was verified is one number. Another one is not, whoever put it there.
    let value = |uri: &[u8]| {
        let holds = passed.is_none_or(|verified| numbering.party(uri).as_ref() == Some(&verified.orig));
        let verstat = if holds { verdict.verstat() } else { Verstat::None };
        verstat.value(own.verstat_letter)
    };
    let from = message.from().uri;
    for place in &own.verstat {
        match place {
            VerstatPlace::From => {
                let line = message.header(HeaderId::From).unwrap_or_default();
                if let Some(line) = with_verstat(line, from, value(from)) {
                    edits.replace(HeaderId::From, &line);
                }
            }
            VerstatPlace::Pai => {
                let asserted: Vec<Vec<u8>> = message
                    .values(HeaderId::PAssertedIdentity)
                    .filter_map(|line| {
                        let uri = NameAddr::parse(line).ok()?.uri;
                        with_verstat(line, uri, value(uri)).or_else(|| Some(line.to_vec()))
                    })
                    .collect();
                let made = || with_verstat(&[b"<", from, b">"].concat(), from, value(from));
                let asserted = Some(asserted.join(&b", "[..])).filter(|line| !line.is_empty());
                if let Some(line) = asserted.or_else(made) {
                    edits.replace(HeaderId::PAssertedIdentity, &line);
                }
            }
            VerstatPlace::Headers => {
                if let Some(attest) = passed.and_then(|verified| verified.attest) {
                    edits.replace(HeaderId::PAttestationIndicator, attest.letter().as_bytes());
                }
                if let Some(origid) = passed.and_then(|verified| verified.origid.as_deref()) {
                    edits.replace(HeaderId::POriginationId, origid.as_bytes());
                }
            }
        }
    }
}

/// A name-addr with `;verstat=…` behind the number in its URI: a parameter of the number, so before the `@` of a SIP URI. `None`: the
/// URI has no number.
fn with_verstat(line: &[u8], uri: &[u8], value: &str) -> Option<Vec<u8>> {
    let number = match Uri::parse(uri).ok()? {
        Uri::Sip(sip) => sip.user?,
        Uri::Tel(_) => uri,
        Uri::Other { .. } => return None,
    };
    let digits = number.strip_prefix(b"tel:").unwrap_or(number);
    let digits = digits.strip_prefix(b"+").unwrap_or(digits);
    if !digits.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    // Behind the display name, in which anything may stand.
    let display = NameAddr::parse(line).ok()?.display.map_or(0, <[u8]>::len);
    let behind = line.get(display..)?;
    let start = display + behind.windows(uri.len()).position(|window| window == uri)?;
    let inside = uri.windows(number.len()).position(|window| window == number)?;
    let at = start + inside + number.len();
    let (before, after) = line.split_at_checked(at)?;
    Some([before, b";verstat=", value.as_bytes(), after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verstat_stands_behind_the_number() {
        for (line, uri, written) in [
            (
                "\"A\" <sip:+1215@h:5060>;tag=x",
                "sip:+1215@h:5060",
                Some("\"A\" <sip:+1215;verstat=V@h:5060>;tag=x"),
            ),
            ("<tel:+1215>", "tel:+1215", Some("<tel:+1215;verstat=V>")),
            (
                "\"sip:+1215@h\" <sip:+1215@h>;tag=x",
                "sip:+1215@h",
                Some("\"sip:+1215@h\" <sip:+1215;verstat=V@h>;tag=x"),
            ),
            (
                "<sip:1215@h;user=phone>",
                "sip:1215@h;user=phone",
                Some("<sip:1215;verstat=V@h;user=phone>"),
            ),
            (
                "<sip:anonymous@anonymous.invalid>",
                "sip:anonymous@anonymous.invalid",
                None,
            ),
            ("<sip:h>", "sip:h", None),
        ] {
            let found = with_verstat(line.as_bytes(), uri.as_bytes(), "V");
            assert_eq!(found.as_deref(), written.map(str::as_bytes), "{line}");
        }
    }
}
