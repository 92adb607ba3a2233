//! The verification service: from the Identity headers of a request to a verdict (RFC 8224 §6.2, RFC 8588, RFC 8946 §4.2).

use crate::identity::Identity;
use crate::number::Party;
use crate::passport::{Claims, Header, Passport, Ppt};
use crate::url::CertificateUrl;
use crate::verdict::{Credential, Failure, Verdict, Verified};

/// Most Identity headers of one request that are looked at.
pub const MAX_IDENTITIES: usize = 10;

/// Most tokens that may lie in each other (`opt` of `div-o`).
const MAX_NESTED: usize = 4;

/// What the request itself says.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Who calls, as the request presents it: P-Asserted-Identity, then From.
    pub orig: Vec<Party>,
    /// Whom the call is to: the Request-URI, where it is to go now, then To.
    pub dest: Vec<Party>,
    /// The Date header, seconds since 1970.
    pub date: Option<u64>,
    /// Now, seconds since 1970.
    pub now: u64,
    /// For how many seconds a signature is fresh, before and after its moment.
    pub freshness: u64,
}

impl Facts {
    fn is_fresh(&self, iat: u64) -> bool {
        iat.abs_diff(self.now) <= self.freshness
    }

    fn has_dest(&self, parties: &[Party]) -> bool {
        self.dest.iter().any(|dest| parties.contains(dest))
    }
}

/// A token, and where its certificate is.
#[derive(Debug, Clone)]
struct Token {
    passport: Passport,
    url: Option<CertificateUrl>,
}

/// The Identity headers of a request, read and put in order.
#[derive(Debug, Clone, Default)]
pub struct Dossier {
    /// Tokens about the call as it began.
    originals: Vec<Token>,
    /// Tokens about its retargeting.
    diverted: Vec<Token>,
    /// Calls with their retargeting in one token, innermost first.
    nested: Vec<Vec<Token>>,
    /// What is wrong with those that can't be read.
    broken: Option<String>,
    others: usize,
}

impl Dossier {
    /// Reads the values of a request's Identity headers; those behind the first [`MAX_IDENTITIES`] are left out.
    #[must_use]
    pub fn read<'a>(values: impl Iterator<Item = &'a [u8]>, facts: &Facts) -> Self {
        let mut dossier = Self::default();
        for value in values.take(MAX_IDENTITIES) {
            match Identity::parse(value) {
                Some(identity) => dossier.add(&identity, facts),
                None => dossier.broken = Some("an Identity header is not one".to_owned()),
            }
        }
        dossier
    }

    fn add(&mut self, identity: &Identity, facts: &Facts) {
        // Types that say nothing here are ignored before anything else (RFC 8224 §6.2 step 1).
        if let Ppt::Other(_) = Ppt::from_name(identity.ppt.as_deref()) {
            self.others += 1;
            return;
        }
        match read(identity, facts) {
            Ok(token) => match token.passport.header.ppt {
                Ppt::Base | Ppt::Shaken => self.originals.push(token),
                Ppt::Div => self.diverted.push(token),
                Ppt::DivO => match unfold(token) {
                    Ok(nested) => self.nested.push(nested),
                    Err(why) => self.broken = Some(why),
                },
                Ppt::Other(_) => self.others += 1,
            },
            Err(why) => self.broken = Some(why),
        }
    }

    /// Whether there is nothing in it that could be judged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens().next().is_none() && self.broken.is_none()
    }

    fn tokens(&self) -> impl Iterator<Item = &Token> {
        let plain = self.originals.iter().chain(&self.diverted);
        plain.chain(self.nested.iter().flatten())
    }

    /// The certificates that it takes to judge it, each once. None where nothing but a glance is needed to see that it fails.
    #[must_use]
    pub fn urls(&self, facts: &Facts) -> Vec<&CertificateUrl> {
        let mut urls: Vec<&CertificateUrl> = Vec::new();
        for chain in self.chains() {
            let alone = chain.get(..1).unwrap_or_default();
            let wanted = [chain.as_slice(), alone];
            let Some(wanted) = wanted.into_iter().find(|chain| glance(chain, facts).is_ok()) else {
                continue;
            };
            for url in wanted.iter().filter_map(|token| token.url.as_ref()) {
                if !urls.contains(&url) && urls.len() < MAX_IDENTITIES {
                    urls.push(url);
                }
            }
        }
        urls
    }

    /// Each original with the tokens of its retargeting, in order (RFC 8946 §4.2).
    fn chains(&self) -> Vec<Vec<&Token>> {
        let mut chains = Vec::new();
        for original in &self.originals {
            let mut chain = vec![original];
            let mut left: Vec<&Token> = self.diverted.iter().collect();
            while let Some(last) = chain.last() {
                let dest = &last.passport.claims.dest;
                let next = left.iter().position(|token| {
                    let claims = &token.passport.claims;
                    claims.div.as_ref().is_some_and(|div| dest.contains(div))
                        && claims.orig == original.passport.claims.orig
                });
                let Some(next) = next else { break };
                chain.push(left.remove(next));
            }
            chains.push(chain);
        }
        chains.extend(self.nested.iter().map(|nested| nested.iter().collect()));
        chains
    }

    /// Judges it. `credential` tells what is known of a URL's certificate.
    #[must_use]
    pub fn judge<'c>(
        &self,
        facts: &Facts,
        mut credential: impl FnMut(&CertificateUrl) -> Credential<'c>,
    ) -> Verdict {
        let mut worst: Option<(Failure, String)> = None;
        let mut failed = |failure: Failure, why: String| {
            if worst.as_ref().is_none_or(|(worst, _)| *worst <= failure) {
                worst = Some((failure, why));
            }
        };
        if let Some(why) = &self.broken {
            failed(Failure::Invalid, why.clone());
        }
        let chains = self.chains();
        if chains.is_empty() && !self.diverted.is_empty() {
            failed(Failure::Invalid, "a div PASSporT without an original".to_owned());
        }
        for chain in &chains {
            let mut judge = |chain: &[&Token]| {
                glance(chain, facts)?;
                chain
                    .iter()
                    .try_for_each(|token| check(token, facts, &mut credential))
            };
            // Without its retargeting an original may be about this call all the same (RFC 8946 §4.2).
            let alone = chain.get(..1).filter(|_| chain.len() > 1).unwrap_or_default();
            let diverted = match judge(chain) {
                Ok(()) => chain.len() > 1,
                Err(_) if !alone.is_empty() && judge(alone).is_ok() => false,
                Err((failure, why)) => {
                    failed(failure, why);
                    continue;
                }
            };
            if let Some(original) = chain.first() {
                let claims = &original.passport.claims;
                return Verdict::Passed(Verified {
                    attest: claims.attest,
                    origid: claims.origid.clone(),
                    orig: claims.orig.clone(),
                    diverted,
                });
            }
        }
        let (failure, why) = worst.unwrap_or_else(|| {
            let why = if self.others > 0 {
                "no PASSporT of a known type"
            } else {
                "no Identity header"
            };
            (Failure::Absent, why.to_owned())
        });
        Verdict::Failed(failure, why)
    }

    /// What a retargeting signs for, if there is a chain about this caller: the destinations that the call had last.
    #[must_use]
    pub fn last_dest(&self, orig: &Party) -> Option<&[Party]> {
        let about = |chain: &Vec<&Token>| chain.first().is_some_and(|t| t.passport.claims.orig == *orig);
        let chains = self.chains();
        let longest = chains
            .iter()
            .filter(|chain| about(chain))
            .max_by_key(|chain| chain.len())?;
        let last = *longest.last()?;
        self.tokens()
            .find(|token| std::ptr::eq(*token, last))
            .map(|token| token.passport.claims.dest.as_slice())
    }

    /// Whether a token is about the media's keys (`mky`, RFC 8225 §5.2.2), which whoever relays the media changes.
    #[must_use]
    pub fn binds_media(&self) -> bool {
        self.tokens().any(|token| token.passport.claim("mky").is_some())
    }
}

type Judged = Result<(), (Failure, String)>;

fn invalid(why: &str) -> (Failure, String) {
    (Failure::Invalid, why.to_owned())
}

/// One header's token.
fn read(identity: &Identity, facts: &Facts) -> Result<Token, String> {
    let passport = if identity.is_compact() {
        compact(identity, facts)?
    } else {
        Passport::parse(&identity.token).map_err(|error| error.to_string())?
    };
    let header = &passport.header;
    let same = |parameter: &Option<String>, inside: Option<&str>| {
        parameter
            .as_deref()
            .is_none_or(|parameter| Some(parameter) == inside)
    };
    if !same(&identity.ppt, header.ppt.name())
        || !same(&identity.alg, Some(&header.alg))
        || !same(&identity.info, Some(&header.x5u))
    {
        return Err("the Identity header's parameters are not those of its PASSporT".to_owned());
    }
    let url = CertificateUrl::parse(&header.x5u).ok();
    Ok(Token { passport, url })
}

/// A token of which there is only the signature: what it signs is what the request says (RFC 8224 §4.1.1).
fn compact(identity: &Identity, facts: &Facts) -> Result<Passport, String> {
    // Other types have claims that no header of the request says.
    if identity.ppt.is_some() {
        return Err("a compact PASSporT of a type that needs its full form".to_owned());
    }
    let info = identity
        .info
        .as_deref()
        .ok_or("an Identity header without info")?;
    let (Some(orig), Some(dest), Some(iat)) = (facts.orig.first(), facts.dest.last(), facts.date) else {
        return Err("a compact PASSporT, and the request does not say all that it signs".to_owned());
    };
    let header = Header {
        alg: identity.alg.clone().unwrap_or_else(|| "ES256".to_owned()),
        ppt: Ppt::Base,
        x5u: info.to_owned(),
    };
    let claims = Claims::base(orig.clone(), vec![dest.clone()], iat);
    Passport::compact(&identity.token, header, claims).map_err(|error| error.to_string())
}

/// A `div-o` token's own tokens, innermost first.
fn unfold(token: Token) -> Result<Vec<Token>, String> {
    let mut chain = vec![token];
    while let Some(last) = chain.last().filter(|last| last.passport.header.ppt == Ppt::DivO) {
        if chain.len() > MAX_NESTED {
            return Err("too many PASSporTs in each other".to_owned());
        }
        let inner = last
            .passport
            .claims
            .opt
            .as_deref()
            .ok_or("a div-o PASSporT without opt")?;
        let passport = Passport::parse(inner).map_err(|error| error.to_string())?;
        let url = CertificateUrl::parse(&passport.header.x5u).ok();
        chain.push(Token { passport, url });
    }
    chain.reverse();
    let original = chain.first().map(|token| &token.passport.header.ppt);
    if !matches!(original, Some(Ppt::Base | Ppt::Shaken)) {
        return Err("a div-o PASSporT around one of another type".to_owned());
    }
    Ok(chain)
}

/// What can be told without a certificate: who, to whom, when.
fn glance(chain: &[&Token], facts: &Facts) -> Judged {
    let (Some(original), Some(outermost)) = (chain.first(), chain.last()) else {
        return Err(invalid("no PASSporT"));
    };
    let orig = &original.passport.claims.orig;
    if !facts.orig.contains(orig) {
        return Err(invalid("signed for another caller"));
    }
    if !facts.has_dest(&outermost.passport.claims.dest) {
        return Err(invalid("signed for another called party"));
    }
    for pair in chain.windows(2) {
        let [before, after] = pair else { continue };
        let (before, after) = (&before.passport.claims, &after.passport.claims);
        let linked = after.div.as_ref().is_some_and(|div| before.dest.contains(div));
        if !linked || after.orig != *orig {
            return Err(invalid("a chain of div PASSporTs with a gap"));
        }
    }
    let claims = &original.passport.claims;
    if original.passport.header.ppt == Ppt::Shaken && (claims.attest.is_none() || claims.origid.is_none()) {
        return Err(invalid("a shaken PASSporT without attest or origid"));
    }
    match chain
        .iter()
        .find(|token| !facts.is_fresh(token.passport.claims.iat))
    {
        Some(stale) => {
            let iat = stale.passport.claims.iat;
            let away = iat.abs_diff(facts.now);
            let side = if iat > facts.now { "in the future" } else { "ago" };
            Err((Failure::Stale, format!("signed {away} s {side}")))
        }
        None => Ok(()),
    }
}

/// Certificate and signature of one token.
fn check<'c>(
    token: &Token,
    facts: &Facts,
    credential: &mut impl FnMut(&CertificateUrl) -> Credential<'c>,
) -> Judged {
    let passport = &token.passport;
    if passport.header.alg != "ES256" {
        return Err((
            Failure::Unsupported,
            "signed with another algorithm than ES256".to_owned(),
        ));
    }
    let Some(url) = &token.url else {
        return Err((
            Failure::BadInfo,
            "the certificate's URL is none to fetch from".to_owned(),
        ));
    };
    let (chain, valid) = match credential(url) {
        Credential::Good(chain, valid) => (chain, valid),
        Credential::Unusable(error) => return Err((Failure::Unsupported, error.to_string())),
        Credential::Unavailable => {
            return Err((Failure::BadInfo, "the certificate could not be had".to_owned()));
        }
    };
    let within = |moment: u64| (valid.0..=valid.1).contains(&moment);
    if !within(facts.now) || !within(passport.claims.iat) {
        let why = "the certificate, or one of its issuers', is not valid now";
        return Err((Failure::Unsupported, why.to_owned()));
    }
    let leaf = chain.leaf();
    if !passport.is_signed_by(leaf.key()) {
        return Err(invalid("the signature is not the certificate's"));
    }
    if let Some(claim) = leaf.forbids(passport) {
        return Err(invalid(&format!(
            "the certificate does not allow the claim \"{claim}\" to be as it is"
        )));
    }
    // Who retargets signs for the number that was called before (RFC 8946 §4.1).
    let about = passport.claims.div.as_ref().unwrap_or(&passport.claims.orig);
    let covered = match about {
        Party::Tn(number) => leaf.numbers().is_some_and(|numbers| numbers.covers(number)),
        Party::Uri(_) => true,
    };
    if !covered {
        let why = "the certificate is not for this number";
        return Err((Failure::Unsupported, why.to_owned()));
    }
    Ok(())
}
