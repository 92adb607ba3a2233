//! From a configuration file to what the switch runs on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use config::{Config, Report};
use route::Tables;
use rtp_net::Identity;
use rtp_proto::dtls::Engines;
use sip_proto::{ListenerId, PeerId};
use switch::{Listener, NetworkIx, Snapshot};

use crate::decks;
use crate::files::SystemFiles;
use crate::streams::LoadedStreams;

/// A configuration that passed every check, ready to be put in force.
pub(crate) struct Loaded {
    pub(crate) snapshot: Snapshot,
    /// Certificates and limits of connections.
    pub(crate) streams: LoadedStreams,
    pub(crate) warnings: Vec<String>,
    /// What profiles give to trunks.
    pub(crate) notes: Vec<String>,
    /// What is missing that most would want.
    pub(crate) advice: Vec<String>,
    /// Files that it was read from, decks included, and the patterns of its includes.
    pub(crate) files: Vec<PathBuf>,
}

/// A configuration that did not.
pub(crate) struct Refused {
    /// Every error that there is, one per line.
    pub(crate) errors: Vec<String>,
    /// As [`Loaded::files`], as far as it came.
    pub(crate) files: Vec<PathBuf>,
}

/// Reads, checks and compiles the configuration; the embedded defaults when there is no file.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn load(path: Option<&Path>) -> Result<Loaded, Refused> {
    let mut files = SystemFiles::default();
    let read = read(path, &mut files);
    let files = files.seen;
    match read {
        Ok(loaded) => Ok(Loaded { files, ..loaded }),
        Err(errors) => Err(Refused { errors, files }),
    }
}

fn read(path: Option<&Path>, files: &mut SystemFiles) -> Result<Loaded, Vec<String>> {
    let (config, report) = match path {
        Some(path) => config::check(path, files),
        None => match config::parse(config::defaults(), "defaults") {
            Ok(config) => (Some(config), Report::default()),
            Err(report) => (None, report),
        },
    };
    let lines = |problems: &[config::Problem]| problems.iter().map(ToString::to_string).collect::<Vec<_>>();
    let Some(config) = config else {
        return Err(lines(&report.errors));
    };
    let decks = decks::load(&config, &mut files.seen)?;
    let tables = Tables::build_in(&config, decks.bought, &crate::pages::advise)
        .and_then(|tables| tables.selling(decks.sold, &decks.exchange))
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let sounds = switch::sounds(&config, |path| {
        files.seen.push(path.to_path_buf());
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        let clip = audio::Clip::from_wav(&bytes).map_err(|error| error.to_string())?;
        Ok((clip.share(), clip.rate()))
    })?;
    let stir = switch::stir(&config, |path| {
        files.seen.push(path.to_path_buf());
        std::fs::read(path).map_err(|error| error.to_string())
    })?;
    let lookup_roots = switch::lookup_roots(&config, |path| {
        files.seen.push(path.to_path_buf());
        std::fs::read(path).map_err(|error| error.to_string())
    })?;
    let mut warnings = lines(&report.warnings);
    warnings.extend(expiry(&config, &stir));
    let listeners = listeners(&config);
    let peers = switch::peers(&config, peer_number);
    let streams = LoadedStreams::read(&config, &peers, &mut files.seen, &mut warnings)?;
    Ok(Loaded {
        streams,
        snapshot: Snapshot {
            media: switch::media_addresses(&config),
            config,
            tables,
            listeners,
            peers,
            dtls: certificate(),
            sounds,
            stir: Arc::new(stir),
            lookup_roots: lookup_roots.map(Arc::new),
        },
        notes: report.notes,
        advice: report.advice,
        warnings,
        files: Vec::new(),
    })
}

/// What is to be said of our certificate for signing, if it is not good for long. Calls go on without signatures once it is over.
fn expiry(config: &Config, stir: &switch::Stir) -> Option<String> {
    let (from, until) = stir.validity()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    let what = if until < now {
        "has expired: nothing is signed".to_owned()
    } else if from > now {
        "is not valid yet: nothing is signed until it is".to_owned()
    } else if until - now < SOON {
        format!("expires in {} days", (until - now) / 86_400)
    } else {
        return None;
    };
    let path = config.stir.certificate.as_deref()?;
    Some(format!(
        "{}: stir.certificate: the certificate {what}",
        path.display()
    ))
}

/// Seconds before its end from which a certificate is spoken of.
const SOON: u64 = 14 * 86_400;

/// The certificate for DTLS-SRTP: one for the life of the process.
fn certificate() -> Option<Arc<dyn Engines>> {
    static CERTIFICATE: OnceLock<Option<Arc<Identity>>> = OnceLock::new();
    let made = CERTIFICATE.get_or_init(|| match Identity::generate() {
        Ok(identity) => Some(Arc::new(identity)),
        Err(error) => {
            tracing::error!(%error, "offers of DTLS-SRTP are refused");
            None
        }
    });
    made.clone().map(|identity| identity as Arc<dyn Engines>)
}

/// The number of a trunk's peer, or of one of its targets': the same for the life of the process, so that a call that began before
/// a reload still has its trunk's name and certificates. Those that there is no number left for share the last.
fn peer_number(trunk: &str, host: Option<&config::Host>) -> PeerId {
    static KNOWN: Mutex<BTreeMap<(String, Option<String>), u16>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let next = u16::try_from(known.len() + 1).unwrap_or(u16::MAX);
    let key = (trunk.to_owned(), host.map(ToString::to_string));
    PeerId(*known.entry(key).or_insert(next))
}

fn listeners(config: &Config) -> Vec<Listener> {
    let listener = |(index, listen): (usize, &config::Listen)| Listener {
        id: ListenerId(u16::try_from(index).unwrap_or(u16::MAX)),
        transport: switch::transport(listen.transport),
        network: NetworkIx::named(config, listen.network.as_deref()),
        bind: listen.bind,
        advertise: listen.advertise.unwrap_or(listen.bind),
    };
    config.listen.iter().enumerate().map(listener).collect()
}
