//! PASSporT tokens (RFC 8225), of the types `shaken` (RFC 8588), `div` and `div-o` (RFC 8946) and of none.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Map, Value, json};

use crate::json::deterministic;
use crate::number::Party;

/// Octets of an ES256 signature: two numbers of 256 bits (RFC 7518 §3.4).
pub(crate) const SIGNATURE: usize = 64;

/// Most destinations of one token.
const MAX_DEST: usize = 32;

/// How sure the signer is of the caller's number (RFC 8588 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attest {
    /// Full: it knows the customer, and that the number is the customer's.
    A,
    /// Partial: it knows the customer.
    B,
    /// Gateway: it knows where the call came in.
    C,
}

impl Attest {
    /// The letter.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }

    fn from_letter(letter: &str) -> Option<Self> {
        match letter {
            "A" => Some(Self::A),
            "B" => Some(Self::B),
            "C" => Some(Self::C),
            _ => None,
        }
    }
}

impl fmt::Display for Attest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.letter())
    }
}

/// The type of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ppt {
    /// None: RFC 8225 alone.
    Base,
    /// `shaken`.
    Shaken,
    /// `div`: the call was retargeted; another token is about the call before.
    Div,
    /// `div-o`: the same, with that other token inside.
    DivO,
    /// Another one (`rph`, `rcd`, …), which says nothing that is judged here.
    Other(String),
}

impl Ppt {
    /// The type by its name.
    #[must_use]
    pub fn from_name(name: Option<&str>) -> Self {
        match name {
            None => Self::Base,
            Some("shaken") => Self::Shaken,
            Some("div") => Self::Div,
            Some("div-o") => Self::DivO,
            Some(other) => Self::Other(other.to_owned()),
        }
    }

    /// Its name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Base => None,
            Self::Shaken => Some("shaken"),
            Self::Div => Some("div"),
            Self::DivO => Some("div-o"),
            Self::Other(name) => Some(name),
        }
    }
}

/// The protected header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The algorithm; `ES256` is the only one that is signed or checked.
    pub alg: String,
    /// The token's type.
    pub ppt: Ppt,
    /// Where the certificate is.
    pub x5u: String,
}

impl Header {
    /// The one of a token that is signed with ES256.
    #[must_use]
    pub fn es256(ppt: Ppt, x5u: &str) -> Self {
        Self {
            alg: "ES256".to_owned(),
            ppt,
            x5u: x5u.to_owned(),
        }
    }

    fn json(&self) -> String {
        let mut header = json!({ "alg": self.alg, "typ": "passport", "x5u": self.x5u });
        if let (Some(name), Some(members)) = (self.ppt.name(), header.as_object_mut()) {
            members.insert("ppt".to_owned(), name.into());
        }
        deterministic(&header)
    }
}

/// What a token claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Attestation, of a `shaken` token.
    pub attest: Option<Attest>,
    /// Whom the call is to; at least one.
    pub dest: Vec<Party>,
    /// Whom the call was to before, of a `div` token.
    pub div: Option<Party>,
    /// When it was signed, seconds since 1970.
    pub iat: u64,
    /// The token of the call before, of a `div-o` token.
    pub opt: Option<String>,
    /// Who calls.
    pub orig: Party,
    /// Which element of the signer's network the call came in at, of a `shaken` token.
    pub origid: Option<String>,
}

impl Claims {
    /// Who calls whom since when, and nothing more.
    #[must_use]
    pub fn base(orig: Party, dest: Vec<Party>, iat: u64) -> Self {
        Self {
            attest: None,
            dest,
            div: None,
            iat,
            opt: None,
            orig,
            origid: None,
        }
    }

    fn json(&self) -> Value {
        let mut claims = json!({
            "dest": destinations(&self.dest),
            "iat": self.iat,
            "orig": one(&self.orig),
        });
        let mut add = |name: &str, value: Option<Value>| {
            if let (Some(value), Some(members)) = (value, claims.as_object_mut()) {
                members.insert(name.to_owned(), value);
            }
        };
        add("attest", self.attest.map(|attest| attest.letter().into()));
        add("div", self.div.as_ref().map(one));
        add("opt", self.opt.clone().map(Value::from));
        add("origid", self.origid.clone().map(Value::from));
        claims
    }

    fn read(members: &Map<String, Value>) -> Result<Self, PassportError> {
        use PassportError::Claim;
        let text = |name: &'static str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Claim(name)),
        };
        let attest = text("attest")?;
        let attest = attest.map(|letter| Attest::from_letter(&letter).ok_or(Claim("attest")));
        let div = members.get("div").map(|div| party(div).ok_or(Claim("div")));
        Ok(Self {
            attest: attest.transpose()?,
            dest: members.get("dest").and_then(parties).ok_or(Claim("dest"))?,
            div: div.transpose()?,
            iat: members.get("iat").and_then(seconds).ok_or(Claim("iat"))?,
            opt: text("opt")?,
            orig: members.get("orig").and_then(party).ok_or(Claim("orig"))?,
            origid: text("origid")?,
        })
    }
}

fn one(party: &Party) -> Value {
    match party {
        Party::Tn(tn) => json!({ "tn": tn }),
        Party::Uri(uri) => json!({ "uri": uri }),
    }
}

fn destinations(parties: &[Party]) -> Value {
    let mut members = Map::new();
    for party in parties {
        let (name, text) = match party {
            Party::Tn(tn) => ("tn", tn),
            Party::Uri(uri) => ("uri", uri),
        };
        let list = members.entry(name).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(text.as_str().into());
        }
    }
    Value::Object(members)
}

/// `{"tn":"…"}` or `{"uri":"…"}`; other members (`hi` of RFC 8946 §8) are no part of it.
fn party(value: &Value) -> Option<Party> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    match (text("tn"), text("uri")) {
        (Some(tn), None) => Some(Party::Tn(tn)),
        (None, Some(uri)) => Some(Party::Uri(uri)),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

/// Destinations: arrays, or single texts, as the example of RFC 8946 has one.
fn parties(value: &Value) -> Option<Vec<Party>> {
    let mut parties = Vec::new();
    for (name, make) in [("tn", Party::Tn as fn(String) -> Party), ("uri", Party::Uri)] {
        match value.get(name) {
            None => {}
            Some(Value::String(text)) => parties.push(make(text.clone())),
            Some(Value::Array(list)) => {
                for item in list.iter().take(MAX_DEST + 1) {
                    parties.push(make(item.as_str()?.to_owned()));
                }
            }
            Some(_) => return None,
        }
    }
    (1..=MAX_DEST).contains(&parties.len()).then_some(parties)
}

/// A NumericDate. Some write it as text, as an example of RFC 8224 does; fractions are cut off.
fn seconds(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let whole = number.to_string();
            whole.split_once('.')?.0.parse().ok()
        }),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Why a token can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassportError {
    /// Not three parts, or not base64url.
    #[error("the PASSporT is not three parts in base64url")]
    Form,
    /// The protected header is no JSON object, or not that of a PASSporT.
    #[error("the PASSporT's header is not one")]
    Header,
    /// The payload is no JSON object.
    #[error("the PASSporT's payload is no JSON object")]
    Payload,
    /// A claim that is missing or not what it should be.
    #[error("the PASSporT's claim \"{0}\" is missing or wrong")]
    Claim(&'static str),
    /// The signature is not as long as one of ES256.
    #[error("the PASSporT's signature has the wrong length")]
    Signature,
}

/// A token as it was received.
#[derive(Debug, Clone)]
pub struct Passport {
    /// Its protected header.
    pub header: Header,
    /// Its claims.
    pub claims: Claims,
    /// All claims, those that are not known here too.
    members: Map<String, Value>,
    /// What is signed: `header.payload`, as received, or as computed where only the signature was.
    signed: String,
    signature: [u8; SIGNATURE],
}

impl Passport {
    /// Reads a token in its full form: three parts.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(token: &str) -> Result<Self, PassportError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(PassportError::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(PassportError::Form)?;
        let object = |part: &str, error: PassportError| {
            let bytes = BASE64URL.decode(part).map_err(|_| PassportError::Form)?;
            match serde_json::from_slice(&bytes) {
                Ok(Value::Object(members)) => Ok(members),
                Ok(_) | Err(_) => Err(error),
            }
        };
        let header = object(header, PassportError::Header)?;
        let members = object(payload, PassportError::Payload)?;
        Ok(Self {
            header: read_header(&header).ok_or(PassportError::Header)?,
            claims: Claims::read(&members)?,
            members,
            signed: signed.to_owned(),
            signature: decode_signature(signature)?,
        })
    }

    /// A token in its compact form (RFC 8225 §7): of `..signature` there is only the signature; header and claims are what the
    /// request says.
    ///
    /// # Errors
    /// It is not `..` and a signature.
    pub fn compact(token: &str, header: Header, claims: Claims) -> Result<Self, PassportError> {
        let signature = token.strip_prefix("..").ok_or(PassportError::Form)?;
        let members = match claims.json() {
            Value::Object(members) => members,
            _ => return Err(PassportError::Payload),
        };
        Ok(Self {
            signed: signing_input(&header, &claims),
            signature: decode_signature(signature)?,
            header,
            claims,
            members,
        })
    }

    /// Whether the signature is by the owner of this P-256 key (an uncompressed point).
    #[must_use]
    pub fn is_signed_by(&self, key: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
            .verify(self.signed.as_bytes(), &self.signature)
            .is_ok()
    }

    /// A claim by its name.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }
}

/// What is signed (RFC 7515 §5.1): both parts in base64url, with a dot between.
pub(crate) fn signing_input(header: &Header, claims: &Claims) -> String {
    let mut input = BASE64URL.encode(header.json());
    input.push('.');
    BASE64URL.encode_string(deterministic(&claims.json()), &mut input);
    input
}

/// The token of a signing input and its signature.
pub(crate) fn complete(mut signing_input: String, signature: &[u8]) -> String {
    signing_input.push('.');
    BASE64URL.encode_string(signature, &mut signing_input);
    signing_input
}

fn decode_signature(text: &str) -> Result<[u8; SIGNATURE], PassportError> {
    let bytes = BASE64URL.decode(text).map_err(|_| PassportError::Form)?;
    bytes.try_into().map_err(|_| PassportError::Signature)
}

fn read_header(members: &Map<String, Value>) -> Option<Header> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let ppt = match members.get("ppt") {
        None => None,
        Some(name) => Some(name.as_str()?),
    };
    // Extensions that must be understood (RFC 7515 §4.1.11) are not.
    if text("typ")? != "passport" || members.contains_key("crit") {
        return None;
    }
    Some(Header {
        alg: text("alg")?.to_owned(),
        ppt: Ppt::from_name(ppt),
        x5u: text("x5u")?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(part: &str) -> String {
        String::from_utf8(BASE64URL.decode(part).unwrap()).unwrap()
    }

    /// RFC 8225 Appendix A.
    #[test]
    fn what_is_signed_is_as_in_the_standard() {
        let header = Header::es256(Ppt::Base, "https://cert.example.org/passport.cer");
        let dest = vec![Party::Uri("sip:alice@example.com".into())];
        let claims = Claims::base(Party::Tn("12155551212".into()), dest, 1_471_375_418);
        assert_eq!(
            signing_input(&header, &claims),
            "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.\
             eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6MTQ3MTM3NTQxOCwib3JpZyI6eyJ0biI6IjEyMTU1NTUxMjEyIn19"
        );
    }

    /// RFC 8588 §6 and §8, with the commas that the example lacks, and `iat` as the number that it has to be.
    #[test]
    fn a_shaken_token_has_its_keys_in_order() {
        let claims = Claims {
            attest: Some(Attest::A),
            origid: Some("123e4567-e89b-12d3-a456-426655440000".into()),
            ..Claims::base(
                Party::Tn("12155550121".into()),
                vec![Party::Tn("12155550131".into())],
                1_443_208_345,
            )
        };
        let header = Header::es256(Ppt::Shaken, "https://cert.example.org/passport.cer");
        let input = signing_input(&header, &claims);
        let (header, payload) = input.split_once('.').unwrap();
        assert_eq!(
            decoded(header),
            r#"{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://cert.example.org/passport.cer"}"#
        );
        assert_eq!(
            decoded(payload),
            r#"{"attest":"A","dest":{"tn":["12155550131"]},"iat":1443208345,"orig":{"tn":"12155550121"},"origid":"123e4567-e89b-12d3-a456-426655440000"}"#
        );
    }

    /// Several destinations of both kinds (RFC 8225 §5.2.1).
    #[test]
    fn destinations_are_told_apart() {
        let tn = |tn: &str| Party::Tn(tn.into());
        let dest = vec![tn("1"), Party::Uri("sip:a@b".into()), tn("2")];
        let json = deterministic(&Claims::base(tn("3"), dest, 4).json());
        assert_eq!(
            json,
            r#"{"dest":{"tn":["1","2"],"uri":["sip:a@b"]},"iat":4,"orig":{"tn":"3"}}"#
        );
    }
}
