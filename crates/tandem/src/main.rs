//! Tandem, the one binary: the daemon (`tandem run`) and the command line.

mod cli;
mod command;
mod daemon;
mod decks;
mod demo;
mod files;
mod logging;
mod pages;
mod snapshot;
mod streams;

use std::process::ExitCode;

use clap::Parser;

/// Many small allocations per call, freed from other threads than they were made on: jemalloc keeps the heap from growing over days.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Before anything that could ask for one.
    sip_net::tls::install_provider();
    command::run(cli::Cli::parse())
}
