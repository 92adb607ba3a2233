use super::*;
use crate::resample;

fn wav(tag: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let mut body = b"WAVE".to_vec();
    let mut chunk = |name: &[u8; 4], content: &[u8]| {
        body.extend_from_slice(name);
        body.extend_from_slice(&u32::try_from(content.len()).unwrap().to_le_bytes());
        body.extend_from_slice(content);
        body.resize(body.len() + content.len() % 2, 0);
    };
    let mut format = Vec::new();
    format.extend_from_slice(&tag.to_le_bytes());
    format.extend_from_slice(&channels.to_le_bytes());
    format.extend_from_slice(&rate.to_le_bytes());
    format.extend_from_slice(&[0; 6]);
    format.extend_from_slice(&bits.to_le_bytes());
    if tag == EXTENSIBLE {
        format.extend_from_slice(&[22, 0, 16, 0, 0, 0, 0, 0, 1, 0]);
        format.extend_from_slice(&[0; 14]);
    }
    chunk(b"LIST", b"odd");
    chunk(b"fmt ", &format);
    chunk(b"data", data);
    let mut file = b"RIFF".to_vec();
    file.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
    file.extend_from_slice(&body);
    file
}

#[test]
fn who_plays_a_clip_has_not_to_design_a_filter_first() {
    assert!(Clip::from_wav(&wav(PCM, 1, 22_050, 16, &[1, 0])).is_ok());
    for rate in [8_000, 16_000, 48_000] {
        assert!(resample::is_ready(22_050, rate), "{rate}");
    }
}

#[test]
fn every_encoding_is_read() {
    let clip = Clip::from_wav(&wav(PCM, 1, 8_000, 16, &[1, 0, 0xfe, 0xff, 0, 0x80])).unwrap();
    assert_eq!((clip.samples(), clip.rate()), (&[1, -2, i16::MIN][..], 8_000));
    let clip = Clip::from_wav(&wav(EXTENSIBLE, 2, 44_100, 16, &[4, 0, 8, 0, 0xfe, 0xff, 2, 0])).unwrap();
    assert_eq!((clip.samples(), clip.rate()), (&[6, 0][..], 44_100));
    let octets: Vec<u8> = (0..=255).collect();
    for (tag, law) in [(A_LAW, Law::A), (MU_LAW, Law::Mu)] {
        let clip = Clip::from_wav(&wav(tag, 1, 16_000, 8, &octets)).unwrap();
        assert!(
            clip.samples()
                .iter()
                .zip(&octets)
                .all(|(s, octet)| *s == law.expand(*octet))
        );
        assert_eq!(clip.duration(), Duration::from_millis(16));
    }
}

#[test]
fn what_can_not_be_played_says_what_to_do() {
    let good = wav(PCM, 1, 8_000, 16, &[0; 400]);
    let table: [(Vec<u8>, WavError, &str); 10] = [
        (b"ID3 and so on".to_vec(), WavError::NotWav, "sox"),
        (b"RIFF\0\0\0\0AVI ".to_vec(), WavError::NotWav, "sox"),
        (
            good[..40].to_vec(),
            WavError::Truncated("format"),
            "copy it again",
        ),
        (
            good[..100].to_vec(),
            WavError::Truncated("samples"),
            "copy it again",
        ),
        (good[..16].to_vec(), WavError::Missing("format"), "editor"),
        (
            wav(PCM, 1, 8_000, 24, &[0; 400]),
            WavError::Encoding { tag: 1, bits: 24 },
            "16 bits",
        ),
        (
            wav(3, 1, 8_000, 32, &[0; 400]),
            WavError::Encoding { tag: 3, bits: 32 },
            "16 bits",
        ),
        (wav(PCM, 6, 8_000, 16, &[0; 400]), WavError::Channels(6), "mono"),
        (wav(PCM, 1, 96_000, 16, &[0; 400]), WavError::Rate(96_000), "8000"),
        (wav(PCM, 1, 8_000, 16, &[]), WavError::Empty, "no samples"),
    ];
    for (bytes, error, says) in table {
        let found = Clip::from_wav(&bytes).unwrap_err();
        assert_eq!(found, error);
        assert!(found.to_string().contains(says), "{found}");
    }
    let long = vec![0xff; 8_000 * 60 * 31];
    let found = Clip::from_wav(&wav(MU_LAW, 1, 8_000, 8, &long)).unwrap_err();
    assert_eq!(
        found.to_string(),
        "the file lasts 31 minutes, and at most 30 can be played: shorten it (it can be repeated)"
    );
}

#[test]
fn a_file_written_to_a_pipe_has_all_that_follows() {
    let mut file = wav(PCM, 1, 8_000, 16, &[7; 40]);
    let at = file.len() - 44;
    file[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(Clip::from_wav(&file).unwrap().samples().len(), 20);
}

#[test]
fn any_bytes_are_read_or_refused() {
    let good = wav(EXTENSIBLE, 2, 8_000, 16, &[3; 64]);
    let mut source = crate::signal::Noise::new(2);
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..source.below(4) {
            let at = source.below(bytes.len() as u64) as usize;
            bytes[at] = source.bits() as u8;
        }
        bytes.truncate(source.below(bytes.len() as u64 + 1) as usize);
        let _ = Clip::from_wav(&bytes);
    }
}
