//! The command line's words.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// A SIP softswitch and session border controller with its own media relay.
#[derive(Debug, Parser)]
#[command(name = "tandem", version, about, propagate_version = true)]
pub(crate) struct Cli {
    /// Configuration file; without it the embedded defaults hold (loopback only).
    #[arg(long, short, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the API of the running switch is; by default at api.bind of the configuration file.
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    pub(crate) api: Option<SocketAddr>,
    /// Print JSON: one object per line for lists.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the switch.
    Run,
    /// Check a configuration file and print every error at once.
    Check {
        /// The file; by default that of --config.
        file: Option<PathBuf>,
    },
    /// List the calls that are up.
    Calls {
        /// Print again every second.
        #[arg(long)]
        watch: bool,
    },
    /// Show a call, up or over: what is known of it and the ladder of its messages.
    Call(CallArgs),
    /// End a call.
    Hangup {
        /// The call's id.
        id: String,
    },
    /// List trunks with their load and health.
    Trunks {
        /// Another thing to do than to list them.
        #[command(subcommand)]
        action: Option<TrunksAction>,
    },
    /// Look into a single trunk.
    Trunk {
        /// What to do with it.
        #[command(subcommand)]
        action: TrunkAction,
    },
    /// List where users are registered.
    Registrations,
    /// List the addresses, ports and users that are banned.
    Bans,
    /// Drop all that comes from an address, until the time is over or the switch starts again.
    Ban {
        /// The address; of IPv6 its /64.
        address: IpAddr,
        /// For so many seconds.
        #[arg(long = "for", value_name = "SECONDS", default_value_t = 3600)]
        seconds: u64,
    },
    /// Lift the bans of an address.
    Unban {
        /// The address.
        address: IpAddr,
    },
    /// List what the fraud guard blocks and what it has found.
    Fraud {
        /// Another thing to do than to list it.
        #[command(subcommand)]
        action: Option<FraudAction>,
    },
    /// Print records of finished calls.
    Records(RecordsArgs),
    /// Make the running switch read its configuration again.
    Reload,
    /// Make the running switch take no new calls, for good: only a new start ends that.
    Drain,
    /// Show the switch at work between a simulated PBX and two simulated carriers, until Ctrl-C.
    Demo(DemoArgs),
    /// List the profiles of trunks that come with Tandem, or print one: what `profile = "NAME"` gives to a trunk.
    Profiles {
        /// The profile's name.
        name: Option<String>,
    },
    /// Print the embedded default configuration.
    Defaults,
    /// Print a completion script for a shell.
    Completions {
        /// bash, zsh, fish, elvish or powershell.
        shell: clap_complete::Shell,
    },
}

/// Which call, and what of it.
#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    /// The call's id.
    pub(crate) id: String,
    /// Print its messages whole.
    #[arg(long)]
    pub(crate) messages: bool,
    /// Write its messages to a file that Wireshark reads, and print nothing.
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
}

/// What to do with a trunk.
#[derive(Debug, Subcommand)]
pub(crate) enum TrunksAction {
    /// Take no new calls to and from a trunk, until it is resumed or the switch starts again; those that are up go on.
    Drain {
        /// The trunk's name.
        name: String,
    },
    /// Take new calls to and from a trunk again.
    Resume {
        /// The trunk's name.
        name: String,
    },
}

/// What to do with what the fraud guard blocks.
#[derive(Debug, Subcommand)]
pub(crate) enum FraudAction {
    /// Lift the blocks of a customer, and let what they were for go on untold for an hour.
    Lift {
        /// The trunk's name.
        customer: String,
        /// Only those of a country: +252.
        prefix: Option<String>,
    },
}

/// What to look into.
#[derive(Debug, Subcommand)]
pub(crate) enum TrunkAction {
    /// See what works with a trunk, what does not, and which key helps: OPTIONS, transports, then a real call.
    Test(TestArgs),
}

/// How a trunk is tested.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// The trunk's name.
    pub(crate) name: String,
    /// The number to call; without it that of the trunk's key test_number, and no call if there is none.
    #[arg(long)]
    pub(crate) number: Option<String>,
    /// The number that calls; without it the called one.
    #[arg(long)]
    pub(crate) caller: Option<String>,
    /// Seconds that the call talks, instead of four.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u8).range(1..=60))]
    pub(crate) talk: Option<u8>,
}

/// Which records.
#[derive(Debug, Args)]
pub(crate) struct RecordsArgs {
    /// Calling or called number; a trailing * makes it a prefix.
    #[arg(long)]
    pub(crate) number: Option<String>,
    /// A trunk that the call used.
    #[arg(long)]
    pub(crate) trunk: Option<String>,
    /// Cause word or final SIP status.
    #[arg(long)]
    pub(crate) cause: Option<String>,
    /// One call by its id.
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// At most so many, the latest first; without it 100 in a table and all of them with --json.
    #[arg(long)]
    pub(crate) limit: Option<usize>,
}

/// How the demo is run.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// End after so many calls; the exit code tells whether all were good.
    #[arg(long, value_name = "N")]
    pub(crate) calls: Option<u32>,
    /// Seconds that each call talks, instead of five to eight.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) talk: Option<u32>,
    /// The loopback address that everybody is on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) loopback: std::net::Ipv4Addr,
}
