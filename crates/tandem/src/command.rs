//! What each command does.

mod call;
mod client;
mod credit;
mod decks;
mod fraud;
mod place;
mod quality;
mod replay;
mod routes;
mod show;
mod tail;
mod test_calls;
mod trial;
mod whatif;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::CommandFactory;
use records::{Filter, Reader};

use crate::cli::{
    Cli, Command, FraudAction, RecordsArgs, RouteAction, TestCallsAction, TrunkAction, TrunksAction,
};
use crate::snapshot::Refused;
use crate::{daemon, demo, logging, snapshot};
use client::{Client, escaped};
use place::Stake;

/// Exit code for a configuration that was refused.
const REFUSED: u8 = 2;

/// More records than any store holds.
const ALL: usize = u32::MAX as usize;

/// Carries out a command; errors go to standard error.
pub(crate) fn run(cli: Cli) -> ExitCode {
    match dispatch(cli) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("tandem: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Whoever read our output has enough (`tandem records | head`).
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}

fn complain(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn dispatch(cli: Cli) -> Result<ExitCode> {
    let config = cli.config.as_deref();
    let json = cli.json;
    let client = |stake| -> Result<Client> {
        let api = cli.api.map_or_else(|| place::api(config, stake), Ok)?;
        Ok(Client::new(api))
    };
    let ask = || client(Stake::Little);
    match cli.command {
        Command::Run => return start(config),
        Command::Check { file } => return check(file.as_deref().or(config), json),
        Command::Calls { watch } => calls(&ask()?, json, watch)?,
        Command::Call(args) => call::show(&ask()?, config, &args, json)?,
        Command::Hangup { id } => ask()?.delete(&format!("/v1/calls/{}", escaped(&id)))?,
        Command::Trunks { action: None } => show::trunks(&ask()?.get("/v1/trunks")?, json)?,
        Command::Trunks { action: Some(action) } => drop(client(Stake::Service)?.post(&trunk_path(&action))?),
        Command::Trunk {
            action: TrunkAction::Test(args),
        } => return trial::test(&client(Stake::Service)?, &args, json),
        Command::Trunk {
            action: TrunkAction::Quality { name },
        } => quality::show(&ask()?, &name, json)?,
        Command::TestCalls { action: None } => test_calls::show(&ask()?, json)?,
        Command::TestCalls {
            action: Some(TestCallsAction::Run { name, trunk }),
        } => test_calls::run(&client(Stake::Service)?, &name, trunk.as_deref(), json)?,
        Command::Registrations => show::registrations(&ask()?.get("/v1/registrations")?, json)?,
        Command::Bans => show::bans(&ask()?.get("/v1/bans")?, json)?,
        Command::Ban { address, seconds } => {
            let path = format!("/v1/bans?address={address}&seconds={seconds}");
            client(Stake::Service)?.post(&path)?;
        }
        Command::Unban { address } => client(Stake::Service)?.delete(&format!("/v1/bans/{address}"))?,
        Command::Fraud { action: None } => show::fraud(&ask()?.get("/v1/fraud")?, json)?,
        Command::Fraud {
            action: Some(FraudAction::Lift { customer, prefix }),
        } => fraud::lift(&client(Stake::Service)?, &customer, prefix.as_deref())?,
        Command::Records(args) => records(config, args, json)?,
        Command::Route {
            action: RouteAction::Replay(args),
        } => replay::run(config, &args, json)?,
        Command::Route {
            action: RouteAction::Explain(args),
        } => routes::explain(&ask()?, &args, json)?,
        Command::Route {
            action: RouteAction::Shadow(args),
        } => whatif::shadow(&client(Stake::Service)?, &args, json)?,
        Command::Route {
            action: RouteAction::Canary(args),
        } => whatif::canary(&client(Stake::Service)?, &args, json)?,
        Command::Route {
            action: RouteAction::Promote { which },
        } => whatif::promote(&client(Stake::Service)?, which, json)?,
        Command::Tail(args) => tail::follow(&ask()?, &args, json)?,
        Command::Decks { action } => return decks::run(config, &action, json),
        Command::Credit { action } => credit::run(&ask()?, action.as_ref(), json)?,
        Command::Reload => show::reload(&ask()?.post("/v1/reload")?, json)?,
        Command::Drain => drop(client(Stake::Service)?.post("/v1/drain")?),
        Command::Demo(args) => return demo::run(&args),
        Command::Profiles { name } => profiles(name.as_deref(), json)?,
        Command::Defaults => show::text(config::defaults())?,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "tandem", &mut std::io::stdout());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where an action on a trunk is asked for.
fn trunk_path(action: &TrunksAction) -> String {
    match action {
        TrunksAction::Drain { name } => format!("/v1/trunks/{}/drain", escaped(name)),
        TrunksAction::Resume { name } => format!("/v1/trunks/{}/resume", escaped(name)),
    }
}

fn start(config: Option<&Path>) -> Result<ExitCode> {
    logging::start();
    let loaded = match snapshot::load(config) {
        Ok(loaded) => loaded,
        Err(Refused { errors, .. }) => {
            errors.iter().for_each(|error| complain(error));
            return Ok(ExitCode::from(REFUSED));
        }
    };
    daemon::run(config.map(Path::to_owned), loaded)?;
    Ok(ExitCode::SUCCESS)
}

fn check(file: Option<&Path>, json: bool) -> Result<ExitCode> {
    let Some(file) = file else {
        bail!("which file? tandem check FILE")
    };
    let (errors, warnings, notes, advice) = match snapshot::load(Some(file)) {
        Ok(loaded) => (Vec::new(), loaded.warnings, loaded.notes, loaded.advice),
        Err(Refused { errors, .. }) => (errors, Vec::new(), Vec::new(), Vec::new()),
    };
    if json {
        let ok = errors.is_empty();
        show::value(
            &serde_json::json!({ "ok": ok, "errors": errors, "warnings": warnings, "profiles": notes, "advice": advice }),
        )?;
    } else {
        for line in errors.iter().chain(&warnings) {
            complain(line);
        }
        for note in &notes {
            show::text(&format!("{note}\n"))?;
        }
        for line in &advice {
            show::text(&format!("note: {line}\n"))?;
        }
        if errors.is_empty() {
            show::text(&format!("{}: ok\n", file.display()))?;
        }
    }
    Ok(if errors.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(REFUSED)
    })
}

fn calls(client: &Client, json: bool, watch: bool) -> Result<()> {
    loop {
        let calls = client.get("/v1/calls")?;
        if watch && !json {
            // Home and clear, so that the table stays in its place.
            show::text("\x1b[H\x1b[2J")?;
        }
        show::calls(&calls, json)?;
        if !watch {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// The profiles that come with Tandem, or the text of one.
fn profiles(name: Option<&str>, json: bool) -> Result<()> {
    let Some(name) = name else {
        return show::profiles(config::builtin(), json);
    };
    let found = config::builtin().iter().find(|(known, _)| *known == name);
    let Some((_, text)) = found else {
        let names: Vec<&str> = config::builtin().iter().map(|(name, _)| *name).collect();
        bail!("there is no profile {name:?}; there are {}", names.join(", "))
    };
    if json {
        return show::value(&serde_json::json!({ "name": name, "text": text }));
    }
    show::text(text)
}

/// A moment that was written with `--since`, in milliseconds since 1970.
fn since_ms(text: &str) -> Result<u64> {
    let moment = route::deck::moment(text).map_err(|message| anyhow::anyhow!("--since {message}"))?;
    Ok(u64::from(moment) * 1000)
}

/// Reads the store itself, so that it works while the switch is down.
fn records(config: Option<&Path>, args: RecordsArgs, json: bool) -> Result<()> {
    let path = place::records(config)?;
    let filter = Filter {
        number: args.number,
        trunk: args.trunk,
        cause: args.cause,
        id: args.id,
        since_ms: args.since.as_deref().map(since_ms).transpose()?,
        limit: args
            .limit
            .unwrap_or(if json { ALL } else { Filter::DEFAULT_LIMIT }),
        ..Filter::default()
    };
    let reader = Reader::open(&path).with_context(|| format!("the records in {}", path.display()))?;
    show::records(&reader.query(&filter)?, json)
}
