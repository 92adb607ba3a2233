//! Keys of media: sounds that are named, and what is written though nothing comes of it.

use crate::document::Cx;
use crate::model::{Config, Dtmf, Sound, Srtp, Transcode, Trunk};
use crate::report::{Fault, quote};

/// Statuses of which the caller hears 503: what was said is about our own request.
const OURS: [u16; 7] = [401, 407, 420, 421, 422, 423, 494];

pub(crate) fn complete(config: &Config, cx: &mut Cx<'_>) {
    for (index, trunk) in config.trunks.iter().enumerate() {
        let path = cx.entry("trunk", index);
        sounds_of(trunk, &path, cx);
        endless(trunk, &path, config, cx);
        announced(trunk, &path, cx);
        idle(trunk, &path, cx);
    }
    for (index, sound) in config.sounds.iter().enumerate() {
        let path = cx.entry("sound", index);
        source(sound, &path, cx);
        let country = format!("{path}.country");
        if sound.file.is_some() && cx.is_written(&country) {
            let fault = Fault::new("is for tones; a recording sounds the same everywhere");
            cx.warn(cx.place(&country), &country, fault);
        }
        let named = config.trunks.iter().any(|trunk| plays(trunk, &sound.name));
        // A trunk that was refused may be the one that names it.
        if !named && !cx.is_bad("trunk") {
            cx.warn(cx.place(&path), &path, Fault::new("no trunk plays this sound"));
        }
    }
}

/// The keys of a trunk that name a sound, and the names.
fn keys(trunk: &Trunk) -> impl Iterator<Item = (&'static str, &str)> {
    let keys = [("ringback", &trunk.ringback), ("hold_music", &trunk.hold_music)];
    keys.into_iter()
        .filter_map(|(key, name)| Some((key, name.as_deref()?)))
}

fn plays(trunk: &Trunk, name: &str) -> bool {
    let announced = trunk.announcements.iter().map(|entry| entry.sound.as_str());
    keys(trunk)
        .map(|(_, named)| named)
        .chain(announced)
        .any(|named| named == name)
}

/// The sounds that a trunk names are there.
fn sounds_of(trunk: &Trunk, path: &str, cx: &mut Cx<'_>) {
    let announced = trunk.announcements.iter().enumerate();
    let announced = announced.map(|(index, entry)| {
        (
            format!("{path}.announcements[{index}].sound"),
            entry.sound.as_str(),
        )
    });
    let named = keys(trunk).map(|(key, name)| (format!("{path}.{key}"), name));
    super::refer(named.chain(announced), "sound", cx);
}

/// What is played until something happens should not end before.
fn endless(trunk: &Trunk, path: &str, config: &Config, cx: &mut Cx<'_>) {
    for (key, name) in keys(trunk) {
        let sound = config.sounds.iter().find(|sound| sound.name == name);
        if let Some(times) = sound.map(|sound| sound.times).filter(|times| *times > 0) {
            let path = format!("{path}.{key}");
            let fault = Fault::new(format!(
                "{} has `times = {times}`: then there is silence",
                quote(name)
            ));
            cx.warn(cx.place(&path), &path, fault.expected("a sound with times = 0"));
        }
    }
}

/// Announcements that nobody can hear.
fn announced(trunk: &Trunk, path: &str, cx: &mut Cx<'_>) {
    for (index, entry) in trunk.announcements.iter().enumerate() {
        let path = format!("{path}.announcements[{index}].on");
        if entry.on.is_empty() && !cx.is_bad(&path) {
            cx.warn(
                cx.place(&path),
                &path,
                Fault::new("no status: it is never played"),
            );
        }
        for (at, status) in entry.on.iter().enumerate() {
            let path = format!("{path}[{at}]");
            let mut before = trunk.announcements.iter().take(index);
            let fault = if OURS.contains(status) {
                let fault = Fault::new(format!(
                    "no caller hears {status}, which is said about our own request"
                ));
                fault.expected("503, which the caller hears instead")
            } else if before.any(|other| other.on.contains(status)) {
                Fault::new(format!("{status} has a sound already: the first entry counts"))
            } else {
                continue;
            };
            cx.warn(cx.place(&path), &path, fault);
        }
    }
}

/// Keys that do nothing while others are as they are.
fn idle(trunk: &Trunk, path: &str, cx: &mut Cx<'_>) {
    let at = |key: &str| format!("{path}.{key}");
    let mut idle = Vec::new();
    if trunk.transcode == Transcode::Offer && trunk.codecs.is_empty() {
        let fault = Fault::new("offers what `codecs` names, and it names nothing");
        idle.push((
            at("transcode"),
            fault.expected("codecs = [\"PCMU\", \"opus\"], for example"),
        ));
    }
    for key in ["srtp_keying", "srtp_suites"] {
        if trunk.srtp == Srtp::Off && cx.is_written(&at(key)) {
            let fault = Fault::new("does nothing while `srtp` is \"off\"");
            idle.push((
                at(key),
                fault.expected("srtp = \"optional\" or \"required\" beside it"),
            ));
        }
    }
    let events = trunk.codecs.iter().position(|name| name == "telephone-event");
    if let Some(index) = events.filter(|_| matches!(trunk.dtmf, Dtmf::Info | Dtmf::Inband)) {
        let fault = Fault::new("is never offered to it: `dtmf` is \"info\" or \"inband\"");
        idle.push((format!("{}[{index}]", at("codecs")), fault));
    }
    for (path, fault) in idle {
        if !cx.is_bad(&path) {
            cx.warn(cx.place(&path), &path, fault);
        }
    }
}

/// A sound is a tone or a recording.
fn source(sound: &Sound, path: &str, cx: &mut Cx<'_>) {
    let what = match (&sound.tone, &sound.file) {
        (Some(_), None) | (None, Some(_)) => return,
        (Some(_), Some(_)) => "a sound is a `tone` or a `file`, not both",
        (None, None) => "a sound needs a `tone` or a `file`",
    };
    if cx.is_bad(&format!("{path}.tone")) || cx.is_bad(&format!("{path}.file")) {
        return;
    }
    let fault = Fault::new(what).expected("such as tone = \"busy\", or file = \"sounds/closed.wav\"");
    cx.refuse(cx.place(path), path, fault);
}
