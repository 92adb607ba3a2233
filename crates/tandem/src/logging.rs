//! Logs: one line per event on standard error, filtered by `TANDEM_LOG` (default `info`).

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging; as JSON when `TANDEM_LOG_FORMAT=json`.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_env("TANDEM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let json = std::env::var("TANDEM_LOG_FORMAT").is_ok_and(|format| format == "json");
    let started = if json {
        builder.json().try_init()
    } else {
        builder.with_target(false).try_init()
    };
    if let Err(error) = started {
        tracing::warn!(%error, "logging was started before");
    }
}
