//! The test vectors of RFC 3711 appendix B, RFC 6188 §7 and RFC 7714 §16, §17.

use super::super::derive::{Aes, Label, derive, salt_block};
use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn assert_stream(key: &str, blocks: &[(usize, &str)]) {
    let aes = Aes::new(&hex(key)).unwrap();
    let salt = salt_block(&hex("f0f1f2f3f4f5f6f7f8f9fafbfcfd"));
    let mut stream = vec![0; 1_044_512];
    aes.apply(salt, &mut stream);
    for (at, expected) in blocks {
        assert_eq!(stream[16 * at..16 * at + 16], hex(expected), "block {at:#x}");
    }
}

#[test]
fn rfc_3711_b_2_key_stream() {
    assert_stream(
        "2B7E151628AED2A6ABF7158809CF4F3C",
        &[
            (0, "E03EAD0935C95E80E166B16DD92B4EB4"),
            (1, "D23513162B02D0F72A43A2FE4A5F97AB"),
            (2, "41E95B3BB0A2E8DD477901E4FCA894C0"),
            (0xfeff, "EC8CDF7398607CB0F2D21675EA9EA1E4"),
            (0xff00, "362B7C3C6773516318A077D7FC5073AE"),
            (0xff01, "6A2CC3787889374FBEB4C81B17BA6C44"),
        ],
    );
}

#[test]
fn rfc_6188_7_1_key_stream_256() {
    assert_stream(
        "57f82fe3613fd170a85ec93c40b1f092 2ec4cb0dc025b58272147cc438944a98",
        &[
            (0, "92bdd28a93c3f52511c677d08b5515a4"),
            (1, "9da71b2378a854f67050756ded165bac"),
            (2, "63c4868b7096d88421b563b8c94c9a31"),
            (0xfeff, "cea518c90fd91ced9cbb18c078a54711"),
            (0xff00, "3dbc4814f4da5f00a08772b63c6a046d"),
            (0xff01, "6eb246913062a16891433e97dd01a57f"),
        ],
    );
}

#[test]
fn rfc_6188_7_3_key_stream_192() {
    assert_stream(
        "eab234764e517b2d3d160d587d8c8621 9740f65f99b6bcf7",
        &[
            (0, "35096cba4610028dc1b57503804ce37c"),
            (1, "5de986291dcce161d5165ec4568f5c9a"),
            (2, "474a40c77894bc17180202272a4c264d"),
            (0xfeff, "d108d1a31a00bad6367ec23eb044b415"),
            (0xff00, "c8f57129fdeb970b59f917b257662d4c"),
            (0xff01, "a5dab625811034e8cebdfeb6dc158dd3"),
        ],
    );
}

fn assert_derived(key: &str, salt: &str, expected: [(Label, &str); 3]) {
    let master = Aes::new(&hex(key)).unwrap();
    for (label, expected) in expected {
        let mut out = vec![0xff; hex(expected).len()];
        derive(&master, &hex(salt), label, &mut out);
        assert_eq!(out, hex(expected), "{label:?}");
    }
}

#[test]
fn rfc_3711_b_3_key_derivation() {
    assert_derived(
        "E1F97A0D3E018BE0D64FA32C06DE4139",
        "0EC675AD498AFEEBB6960B3AABE6",
        [
            (Label::RtpKey, "C61E7A93744F39EE10734AFE3FF7A087"),
            (Label::RtpSalt, "30CBBC08863D8C85D49DB34A9AE1"),
            (
                Label::RtpAuth,
                "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE
                 E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25
                 6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2",
            ),
        ],
    );
}

#[test]
fn rfc_6188_7_2_key_derivation_256() {
    assert_derived(
        "f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6",
        "3b04803de51ee7c96423ab5b78d2",
        [
            (
                Label::RtpKey,
                "5ba1064e30ec51613cad926c5a28ef73 1ec7fb397f70a960653caf06554cd8c4",
            ),
            (Label::RtpSalt, "fa31791685ca444a9e07c6c64e93"),
            (Label::RtpAuth, "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"),
        ],
    );
}

#[test]
fn rfc_6188_7_4_key_derivation_192() {
    assert_derived(
        "73edc66c4fa15776fb57f9505c171365 50ffda71f3e8e5f1",
        "c8522f3acd4ce86d5add78edbb11",
        [
            (Label::RtpKey, "31874736a8f1143870c26e4857d8a5b2 c4a354407faadabb"),
            (Label::RtpSalt, "2372b82d639b6d8503a47adc0a6c"),
            (Label::RtpAuth, "355b10973cd95b9eacf4061c7e1a7151e7cfbfcb"),
        ],
    );
}

const GCM_SALT: &str = "517569642070726f2071756f";
const GCM_RTP: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120
                       696e2070 61727465 73207472 6573";
const GCM_RTCP: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
                        deadbeef deadbeef deadbeef deadbeef deadbeef";

/// The vectors begin at session keys.
fn gcm(suite: Suite) -> (Sender, Receiver) {
    let key: Vec<u8> = (0..32).take(suite.key_len()).collect();
    let session = || Session::of_session_keys(suite, &key, &[], &hex(GCM_SALT));
    (
        Sender::with_session(keys(suite, 0), session()),
        Receiver::with_session(keys(suite, 0), session()),
    )
}

#[test]
fn rfc_7714_16_rtp() {
    for (suite, sealed) in [
        (
            Suite::AesGcm128,
            "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a
             51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
        ),
        (
            Suite::AesGcm256,
            "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02
             76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
        ),
    ] {
        let (mut sender, mut receiver) = gcm(suite);
        assert_eq!(
            protect(&mut sender, &hex(GCM_RTP)).unwrap(),
            hex(sealed),
            "{suite:?}"
        );
        assert_eq!(
            unprotect(&mut receiver, &hex(sealed)).unwrap(),
            hex(GCM_RTP),
            "{suite:?}"
        );
    }
}

#[test]
fn rfc_7714_17_rtcp() {
    for (suite, sealed) in [
        (
            Suite::AesGcm128,
            "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda
             4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
        ),
        (
            Suite::AesGcm256,
            "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be
             8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
        ),
    ] {
        let (mut sender, mut receiver) = gcm(suite);
        sender.pretend_index(0x4d61_7273, 0, 0x5d4);
        assert_eq!(
            protect_rtcp(&mut sender, &hex(GCM_RTCP)).unwrap(),
            hex(sealed),
            "{suite:?}"
        );
        assert_eq!(
            unprotect_rtcp(&mut receiver, &hex(sealed)).unwrap(),
            hex(GCM_RTCP),
            "{suite:?}"
        );
    }
}

/// Tagged and not encrypted (RFC 7714 §17.3): authentic, and refused all the same, since nobody agreed to that (RFC 4568
/// §6.3.2).
#[test]
fn rfc_7714_17_3_rtcp_in_the_clear() {
    let sealed = format!("{GCM_RTCP} 841dd968 3dd78ec9 2ae58790 125f62b3 000005d4");
    let (_, mut receiver) = gcm(Suite::AesGcm128);
    assert_eq!(
        unprotect_rtcp(&mut receiver, &hex(&sealed)),
        Err(Refusal::Unauthentic)
    );
}
