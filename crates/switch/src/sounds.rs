//! The sounds of a configuration, ready to be played.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use config::{Config, Country, Tone};
use rtp_proto::control::{self, Sound, SoundSource};

/// Samples of one channel, and how many of them make a second.
pub type Clip = (Arc<[i16]>, u32);

/// Makes every `[[sound]]`; recordings are fetched by `read`.
///
/// # Errors
/// What is wrong with each recording that could not be read.
pub fn sounds(
    config: &Config,
    mut read: impl FnMut(&Path) -> Result<Clip, String>,
) -> Result<HashMap<String, Arc<Sound>>, Vec<String>> {
    let (mut sounds, mut errors) = (HashMap::new(), Vec::new());
    for sound in &config.sounds {
        let tone = sound.tone.as_ref().map(|tone| SoundSource::Tone {
            tone: tone_of(*tone),
            country: country_of(sound.country),
        });
        let file = sound.file.as_deref();
        let source = match (tone, file) {
            (Some(tone), _) => tone,
            (None, Some(path)) => match read(path) {
                Ok((samples, rate)) => SoundSource::Clip { samples, rate },
                Err(error) => {
                    errors.push(format!("{}: sound {:?}: {error}", path.display(), sound.name));
                    continue;
                }
            },
            // The configuration has been checked for it.
            (None, None) => continue,
        };
        let played = Sound {
            source,
            times: u32::from(sound.times),
        };
        sounds.insert(sound.name.clone(), Arc::new(played));
    }
    if errors.is_empty() {
        Ok(sounds)
    } else {
        Err(errors)
    }
}

fn tone_of(tone: Tone) -> control::Tone {
    match tone {
        Tone::Ringback => control::Tone::Ringback,
        Tone::Busy => control::Tone::Busy,
        Tone::Congestion => control::Tone::Congestion,
        Tone::Unobtainable => control::Tone::Unobtainable,
    }
}

fn country_of(country: Country) -> control::Country {
    match country {
        Country::Us => control::Country::Us,
        Country::Uk => control::Country::Uk,
        Country::De => control::Country::De,
        Country::Fr => control::Country::Fr,
        Country::It => control::Country::It,
    }
}
