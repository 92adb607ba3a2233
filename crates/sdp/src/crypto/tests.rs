use super::*;
use crate::parse;
use proptest::prelude::*;

/// RFC 4568's own key of 30 bytes.
const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
const KEY_BYTES: &[u8] = b"wDfvg&T+)xG7@fb5jU,RaA}\\|p0%*#";

fn line(value: &str) -> Result<Crypto, CryptoError> {
    Crypto::parse(value.as_bytes())
}

fn one_key(value: &str) -> CryptoKey {
    let crypto = line(value).unwrap();
    assert_eq!(crypto.keys.len(), 1);
    crypto.keys[0].clone()
}

#[test]
fn the_rfcs_example_is_read() {
    let crypto = line(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:32")).unwrap();
    assert_eq!((crypto.tag, crypto.suite), (1, CryptoSuite::AesCm128Sha80));
    assert_eq!(crypto.name, "AES_CM_128_HMAC_SHA1_80");
    let key = &crypto.keys[0];
    assert_eq!(key.material.as_slice(), KEY_BYTES);
    assert_eq!(key.lifetime, Some(1 << 20));
    let mki = key.mki.as_ref().unwrap();
    assert_eq!((mki.len(), mki[31]), (32, 1));
    assert!(mki[..31].iter().all(|byte| *byte == 0));
    assert_eq!(crypto.usable(), Ok(()));
}

#[test]
fn sr_07_lifetime_and_mki_are_optional_and_told_apart_by_the_colon() {
    let read = |tail: &str| {
        let key = one_key(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}{tail}"));
        assert_eq!(key.material.as_slice(), KEY_BYTES, "{tail}");
        (key.lifetime, key.mki.map(|mki| mki.to_vec()))
    };
    assert_eq!(read(""), (None, None));
    assert_eq!(read("|2^31"), (Some(1 << 31), None));
    assert_eq!(read("|1048576"), (Some(1_048_576), None));
    assert_eq!(read("|2^48"), (Some(1 << 48), None));
    assert_eq!(read("|2^0"), (Some(1), None));
    assert_eq!(read("|2^31|1:1"), (Some(1 << 31), Some(vec![1])));
    assert_eq!(read("|2^31|1:4"), (Some(1 << 31), Some(vec![0, 0, 0, 1])));
    assert_eq!(read("|1066:4"), (None, Some(vec![0, 0, 4, 42])));
    assert_eq!(read("||255:1"), (None, Some(vec![255])));
    assert_eq!(read("|2^31|"), (Some(1 << 31), None));
}

#[test]
fn every_suite_has_its_own_length_of_key() {
    for (name, suite) in NAMES {
        for length in [
            suite.material_len() - 1,
            suite.material_len(),
            suite.material_len() + 1,
        ] {
            let material: Vec<u8> = (0..length).map(|at| u8::try_from(at).unwrap() ^ 0xa5).collect();
            let padded = BASE64.encode(&material);
            for text in [padded.as_str(), padded.trim_end_matches('=')] {
                let read = line(&format!("12 {} inline:{text}", name.to_lowercase()));
                if length == suite.material_len() {
                    let crypto = read.unwrap();
                    assert_eq!((crypto.suite, crypto.name), (suite, name));
                    assert_eq!(crypto.keys[0].material.as_slice(), material);
                } else {
                    assert_eq!(read, Err(CryptoError::Key), "{name} {length}");
                }
            }
        }
    }
}

#[test]
fn lines_that_say_nothing_say_why() {
    let suite = "AES_CM_128_HMAC_SHA1_80";
    for (text, why) in [
        (String::new(), CryptoError::Syntax),
        ("1".into(), CryptoError::Syntax),
        (format!("1 {suite}"), CryptoError::Syntax),
        (format!("1 {suite} ;"), CryptoError::Syntax),
        (format!("x {suite} inline:{KEY}"), CryptoError::Tag),
        (format!("01 {suite} inline:{KEY}"), CryptoError::Tag),
        (format!("-1 {suite} inline:{KEY}"), CryptoError::Tag),
        (format!("1234567890 {suite} inline:{KEY}"), CryptoError::Tag),
        (format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"), CryptoError::Suite),
        (format!("1 NULL_HMAC_SHA1_80 inline:{KEY}"), CryptoError::Suite),
        (format!("1 {suite} uri:{KEY}"), CryptoError::Method),
        (format!("1 {suite} {KEY}"), CryptoError::Method),
        (format!("1 {suite} inline"), CryptoError::Key),
        (format!("1 {suite} inline:"), CryptoError::Key),
        (format!("1 {suite} inline:{KEY}AAAA"), CryptoError::Key),
        (format!("1 {suite} inline:{}", &KEY[4..]), CryptoError::Key),
        (format!("1 {suite} inline:!{}", &KEY[1..]), CryptoError::Key),
        (format!("1 {suite} inline:{KEY}|0"), CryptoError::Lifetime),
        (format!("1 {suite} inline:{KEY}|2^49"), CryptoError::Lifetime),
        (format!("1 {suite} inline:{KEY}|2^64"), CryptoError::Lifetime),
        (format!("1 {suite} inline:{KEY}|2^"), CryptoError::Lifetime),
        (format!("1 {suite} inline:{KEY}|x"), CryptoError::Lifetime),
        (format!("1 {suite} inline:{KEY}|1:"), CryptoError::Mki),
        (format!("1 {suite} inline:{KEY}|1:0"), CryptoError::Mki),
        (format!("1 {suite} inline:{KEY}|1:129"), CryptoError::Mki),
        (format!("1 {suite} inline:{KEY}|256:1"), CryptoError::Mki),
        (format!("1 {suite} inline:{KEY}|:1"), CryptoError::Mki),
        (format!("1 {suite} inline:{KEY}|a:1"), CryptoError::Mki),
        (format!("1 {suite} inline:{KEY}|1:1|2^31"), CryptoError::Syntax),
        (format!("1 {suite} inline:{KEY}|2^31|2^31"), CryptoError::Syntax),
        (format!("1 {suite} inline:{KEY};inline:{KEY}"), CryptoError::Keys),
        (
            format!("1 {suite} inline:{KEY}|1:1;inline:{KEY}"),
            CryptoError::Keys,
        ),
        (
            format!("1 {suite} inline:{KEY}|1:1;inline:{KEY}|1:1"),
            CryptoError::Keys,
        ),
        (
            format!("1 {suite} inline:{KEY}|1:1;inline:{KEY}|2:2"),
            CryptoError::Keys,
        ),
        (format!("1 {suite} inline:{KEY} KDR=25"), CryptoError::Parameter),
        (format!("1 {suite} inline:{KEY} WSH=x"), CryptoError::Parameter),
        (
            format!("1 {suite} inline:{KEY} FEC_ORDER=NONE"),
            CryptoError::Parameter,
        ),
    ] {
        assert_eq!(line(&text), Err(why), "{text}");
    }
}

#[test]
fn several_keys_are_several_identifiers() {
    let crypto = line(&format!(
        "1 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^20|1:4;inline:{KEY}|2:4"
    ))
    .unwrap();
    assert_eq!(crypto.keys.len(), 2);
    assert_eq!(crypto.keys[1].mki.as_deref(), Some(&[0, 0, 0, 2][..]));
}

#[test]
fn sr_07_session_parameters_decide_whether_a_line_is_usable() {
    for (params, usable) in [
        ("", Ok(())),
        ("WSH=128", Ok(())),
        ("KDR=0", Ok(())),
        ("FEC_ORDER=FEC_SRTP", Ok(())),
        ("-future=1 -x", Ok(())),
        ("UNENCRYPTED_SRTCP", Err(Unusable::Weakened)),
        ("UNENCRYPTED_SRTP", Err(Unusable::Weakened)),
        ("unauthenticated_srtp", Err(Unusable::Weakened)),
        ("WSH=64 UNENCRYPTED_SRTCP", Err(Unusable::Weakened)),
        ("KDR=1", Err(Unusable::DerivationRate)),
        ("FEC_ORDER=SRTP_FEC", Err(Unusable::Fec)),
        ("FEC_KEY=inline:abc", Err(Unusable::Fec)),
        ("future=1", Err(Unusable::Parameter)),
    ] {
        let crypto = line(&format!("3 AES_CM_128_HMAC_SHA1_80 inline:{KEY} {params}")).unwrap();
        assert_eq!(crypto.usable(), usable, "{params}");
    }
}

fn lines_of(attributes: &str) -> Vec<(u32, CryptoSuite)> {
    let body = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\n{attributes}"
    );
    let sdp = parse(body.as_bytes(), &crate::Limits::default()).unwrap();
    Crypto::lines(&sdp.media()[0])
        .iter()
        .map(|crypto| (crypto.tag, crypto.suite))
        .collect()
}

#[test]
fn sr_07_only_the_unusable_line_is_skipped() {
    let suite = "AES_CM_128_HMAC_SHA1_80";
    let good = CryptoSuite::AesCm128Sha80;
    let body = format!(
        "a=crypto:1 {suite} inline:{KEY}|2^48 UNENCRYPTED_SRTCP\r\na=crypto:2 {suite} inline:{KEY}\r\n"
    );
    assert_eq!(lines_of(&body), [(2, good)]);
    let mut many: String = (1..12)
        .map(|tag| match tag {
            7 => format!("a=crypto:7 AES_CM_128_HMAC_SHA1_32 inline:{KEY}\r\n"),
            n => format!("a=crypto:{n} AEAD_AES_256_GCM inline:{KEY}\r\n"),
        })
        .collect();
    assert_eq!(lines_of(&many), [(7, CryptoSuite::AesCm128Sha32)]);
    many.push_str(&format!(
        "a=crypto:7 {suite} inline:{KEY}\r\na=crypto\r\na=crypto:\r\n"
    ));
    assert_eq!(
        lines_of(&many),
        [(7, CryptoSuite::AesCm128Sha32)],
        "a tag that is there already"
    );
    assert_eq!(lines_of(""), []);
}

#[test]
fn a_key_is_never_shown() {
    let crypto = line(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^31|1:4")).unwrap();
    let shown = format!("{crypto:?}");
    assert!(!shown.contains(KEY) && !shown.contains("119, 68, 102"), "{shown}");
    assert!(shown.contains("lifetime"), "{shown}");
}

fn any_crypto() -> impl Strategy<Value = Crypto> {
    let param = prop_oneof![
        (0..=24_u8).prop_map(SessionParam::Kdr),
        Just(SessionParam::UnencryptedSrtp),
        Just(SessionParam::UnencryptedSrtcp),
        Just(SessionParam::UnauthenticatedSrtp),
        Just(SessionParam::FecOrder(FecOrder::SrtpFec)),
        any::<u32>().prop_map(SessionParam::WindowSize),
        "-[a-z]{1,9}(=[!-~]{0,9})?".prop_map(|text| SessionParam::Other(text.into())),
    ];
    let head = (0..1_000_000_000_u32, prop::sample::select(NAMES.to_vec()));
    let mki = (1..=MAX_MKI).prop_flat_map(|len| prop::collection::vec(any::<u8>(), len));
    (
        head,
        prop::collection::vec(any::<u8>(), 46),
        prop::option::of(1..=MAX_LIFETIME),
        prop::option::of(mki),
        prop::collection::vec(param, 0..4),
    )
        .prop_map(|((tag, (name, suite)), material, lifetime, mki, params)| Crypto {
            tag,
            suite,
            name,
            keys: SmallVec::from_elem(
                CryptoKey {
                    material: SmallVec::from_slice(&material[..suite.material_len()]),
                    lifetime,
                    mki: mki.map(SmallVec::from_vec),
                },
                1,
            ),
            params,
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read(crypto in any_crypto()) {
        prop_assert_eq!(line(&crypto.to_string()), Ok(crypto));
    }

    #[test]
    fn nothing_panics(text in "[0-9]{0,3} ?(AES_CM_128_HMAC_SHA1_80|AEAD_AES_128_GCM)? ?(inline)?[:|;^0-9A-Za-z+/= ]{0,90}") {
        let _ = line(&text).map(|crypto| crypto.usable());
    }

    #[test]
    fn bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Crypto::parse(&bytes);
    }
}
