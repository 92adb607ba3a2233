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
    /// List the test calls that are made by the clock, and what came of the last ones.
    TestCalls {
        /// Another thing to do than to list them.
        #[command(subcommand)]
        action: Option<TestCallsAction>,
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
    /// Look into how calls are routed.
    Route {
        /// What about it.
        #[command(subcommand)]
        action: RouteAction,
    },
    /// Follow what happens: targets that go down and come back, bans, registrations; until Ctrl-C.
    Tail(TailArgs),
    /// Read, compare and look into price decks.
    Decks {
        /// What to do.
        #[command(subcommand)]
        action: DecksAction,
    },
    /// List what customers may still spend.
    Credit {
        /// Another thing to do than to list it.
        #[command(subcommand)]
        action: Option<CreditAction>,
    },
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

/// What to do with test calls.
#[derive(Debug, Subcommand)]
pub(crate) enum TestCallsAction {
    /// Make the next call of a schedule now.
    Run {
        /// The schedule's name.
        name: String,
        /// The trunk, instead of the one whose turn it is.
        #[arg(long)]
        trunk: Option<String>,
    },
}

/// What to look into.
#[derive(Debug, Subcommand)]
pub(crate) enum TrunkAction {
    /// See what works with a trunk, what does not, and which key helps: OPTIONS, transports, then a real call.
    Test(TestArgs),
    /// Show what was learned of a trunk: answers, delays, sound and tests, for each group of destinations.
    Quality {
        /// The trunk's name.
        name: String,
    },
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
    /// Calls that came at or after this: seconds since 1970, 2026-02-01 or 2026-02-01T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// At most so many, the latest first; without it 100 in a table and all of them with --json.
    #[arg(long)]
    pub(crate) limit: Option<usize>,
}

/// What about routes.
#[derive(Debug, Subcommand)]
pub(crate) enum RouteAction {
    /// Say what would become of a call now, and why, without making one.
    Explain(ExplainArgs),
    /// Plan past calls again by the configuration of --config, and say what that changes.
    Replay(ReplayArgs),
    /// Plan calls by another configuration as well, or show what that has shown.
    Shadow(ShadowArgs),
    /// Make a share of new calls by another configuration, or compare what came of both.
    Canary(CanaryArgs),
    /// Put in force what is tried out.
    Promote {
        /// Where there are both: shadow or canary.
        which: Option<Which>,
    },
}

/// What is put in force.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Which {
    /// What is in shadow.
    Shadow,
    /// The canary.
    Canary,
}

/// Which calls are planned again.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Records as `tandem records --json` prints them; - for standard input. Without it those of the configuration's own store.
    pub(crate) file: Option<PathBuf>,
    /// Calls that came at or after this: seconds since 1970, 2026-02-01 or 2026-02-01T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// The prices in force then, in place of those when each call came.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
}

/// What is put in shadow.
#[derive(Debug, Args)]
pub(crate) struct ShadowArgs {
    /// The configuration file; without it what the shadow has shown is printed.
    #[arg(conflicts_with = "off")]
    pub(crate) file: Option<PathBuf>,
    /// End it.
    #[arg(long)]
    pub(crate) off: bool,
}

/// What becomes a canary.
#[derive(Debug, Args)]
pub(crate) struct CanaryArgs {
    /// The configuration file; without it what came of both is printed.
    #[arg(conflicts_with = "off", requires = "share")]
    pub(crate) file: Option<PathBuf>,
    /// How much of the new calls, per cent.
    #[arg(long, value_name = "PERCENT", requires = "file")]
    pub(crate) share: Option<f64>,
    /// End it: all new calls go by the configuration in force.
    #[arg(long)]
    pub(crate) off: bool,
}

/// Which call.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The calling number, or the name of the trunk that the call comes from.
    pub(crate) from: String,
    /// The called number.
    pub(crate) to: String,
    /// The trunk that the call comes from; without it FROM, or the only customer.
    #[arg(long)]
    pub(crate) trunk: Option<String>,
    /// A class of service in place of the trunk's.
    #[arg(long)]
    pub(crate) class: Option<String>,
    /// The prices in force then: seconds since 1970, 2026-02-01 or 2026-02-01T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// The random number that decides among equals, as a record has it.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) draw: Option<u64>,
}

/// What is followed.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// Begin with all events that the switch still remembers, a thousand at most, instead of those that come.
    #[arg(long)]
    pub(crate) all: bool,
    /// Calls too, as they end.
    #[arg(long)]
    pub(crate) calls: bool,
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

/// What to do with decks.
#[derive(Debug, Subcommand)]
pub(crate) enum DecksAction {
    /// Read a deck as carriers write it, tell of every bad row, and write it with our own columns.
    Import(ImportArgs),
    /// Compare two decks: what is new and gone, what became dearer and cheaper, and from when on.
    Diff(DiffArgs),
    /// Show what a trunk's deck says, or what a number costs by it and why.
    Show(ShowArgs),
}

/// How a deck's file is written, as far as it does not show that.
#[derive(Debug, Args)]
pub(crate) struct FormatArgs {
    /// The trunk whose deck_format holds where the others say nothing.
    #[arg(long, value_name = "NAME")]
    pub(crate) trunk: Option<String>,
    /// What its codes are: auto, international, or us (area codes and exchanges).
    #[arg(long)]
    pub(crate) layout: Option<String>,
    /// A column that its header does not make known: our name for it, and what stands over it.
    #[arg(long = "column", value_name = "NAME=HEADER")]
    pub(crate) columns: Vec<String>,
    /// What comes first in 03/04/2026: day-first or month-first.
    #[arg(long)]
    pub(crate) dates: Option<String>,
    /// What stands before decimals: . or ,
    #[arg(long)]
    pub(crate) decimal: Option<String>,
    /// The clock that its dates and hours are read by: UTC, +01:00, Europe/Berlin.
    #[arg(long)]
    pub(crate) timezone: Option<String>,
    /// The currency of amounts that name none: EUR.
    #[arg(long)]
    pub(crate) currency: Option<String>,
}

/// What is imported.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The carrier's file; it may be compressed (gzip).
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    /// Where to write it; - for standard output. Without it nothing is written.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write the rows that are good though others are not.
    #[arg(long)]
    pub(crate) skip_bad: bool,
}

/// What is compared.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The deck before.
    pub(crate) old: PathBuf,
    /// The deck after.
    pub(crate) new: PathBuf,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    /// Print how many of each kind there are, and no rows.
    #[arg(long)]
    pub(crate) summary: bool,
}

/// What is looked up.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The trunk's name: a carrier, or a customer that has prices.
    pub(crate) trunk: String,
    /// The called number.
    pub(crate) number: Option<String>,
    /// The calling number.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) from: Option<String>,
    /// When, instead of now: 2026-02-01, 2026-02-01T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
}

/// What to do with customers' credit.
#[derive(Debug, Subcommand)]
pub(crate) enum CreditAction {
    /// Show a customer's account and its payments.
    Show {
        /// The customer's trunk.
        name: String,
    },
    /// Book a payment of a customer's.
    Add {
        /// The customer's trunk.
        name: String,
        /// In the base currency; less than nothing: it is taken back.
        #[arg(allow_negative_numbers = true)]
        amount: f64,
        /// What tells this payment from others: it is booked once, however often this is said.
        #[arg(long)]
        reference: Option<String>,
        /// What it is for.
        #[arg(long)]
        note: Option<String>,
    },
}
