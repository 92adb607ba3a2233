//! Where the switch is asked and where its records are, by a configuration that may be half edited at this moment.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use config::{Config, Glance, Report, Said};

use super::complain;
use crate::daemon;
use crate::files::SystemFiles;

/// What is at stake should the place be the wrong one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stake {
    /// Nothing: a switch that is not meant has no such call, or has nothing to change.
    Little,
    /// It would take no more calls.
    Service,
}

/// A configuration, or what is left of one.
enum Read {
    Whole(Box<Config>),
    Refused { glance: Glance, why: String },
}

/// Where the API of the switch is that this configuration describes.
pub(crate) fn api(config: Option<&Path>, stake: Stake) -> Result<SocketAddr> {
    let (glance, why) = match read(config)? {
        Read::Whole(config) => return Ok(config.api.bind),
        Read::Refused { glance, why } => (glance, why),
    };
    let bind = match glance.api_bind {
        Said::Is(bind) => bind,
        Said::Perhaps(usual) if stake == Stake::Little => usual,
        Said::Perhaps(usual) => {
            bail!("{why}; it does not say where the API is: say so, such as --api {usual}")
        }
        Said::Unclear => {
            bail!("{why}; where the API is cannot be told from it: say so with --api ADDRESS:PORT")
        }
    };
    complain(&format!(
        "tandem: {why}; the switch is asked at {bind} all the same"
    ));
    Ok(bind)
}

/// Where the records of the switch are that this configuration describes.
pub(crate) fn records(config: Option<&Path>) -> Result<PathBuf> {
    let (glance, why) = match read(config)? {
        Read::Whole(config) => return Ok(daemon::records_path(&config)),
        Read::Refused { glance, why } => (glance, why),
    };
    let (Said::Is(path) | Said::Perhaps(path)) = glance.records else {
        bail!("{why}; where the records are cannot be told from it")
    };
    complain(&format!(
        "tandem: {why}; the records in {} are read all the same",
        path.display()
    ));
    Ok(path)
}

fn read(path: Option<&Path>) -> Result<Read> {
    let Some(path) = path else {
        let config = config::parse(config::defaults(), "defaults");
        return Ok(Read::Whole(Box::new(
            config.map_err(|report| anyhow!("{report}"))?,
        )));
    };
    let mut files = SystemFiles::default();
    Ok(match config::check(path, &mut files) {
        (Some(config), _) => Read::Whole(Box::new(config)),
        (None, report) => Read::Refused {
            glance: config::glance(path, &mut files),
            why: first(&report, path),
        },
    })
}

/// The first error on one line, and how to see the others.
fn first(report: &Report, path: &Path) -> String {
    let told = report.errors.first().map(ToString::to_string).unwrap_or_default();
    match report.errors.len() {
        0 | 1 => told,
        count => format!("{told} (one of {count} errors: tandem check {})", path.display()),
    }
}
