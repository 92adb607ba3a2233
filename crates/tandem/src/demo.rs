//! `tandem demo`: the switch at work, between a simulated PBX and two simulated carriers, on loopback.
//!
//! ```text
//!  pbx 5070 ──► Tandem 5060 ──► carrier-a 5080   first by priority; slow, and refuses every other call
//!                    └────────► carrier-b 5081   gets what carrier-a refused
//! ```
//! The switch is a process of its own, run on the embedded defaults as any other; all else is in this one. Every call carries
//! audio both ways that is compared packet by packet, and ends with a look at its record.

mod audio;
mod caller;
mod carrier;
mod process;
mod sip;
mod stage;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::DemoArgs;
use carrier::Manner;
use process::{Ground, Process};
use sip::Agent;
use stage::{Stage, tell};

/// Seconds between the starts of two calls; fewer where calls are shorter.
const PACE: u32 = 2;
/// How often the end is looked for.
const TICK: Duration = Duration::from_millis(50);

const CARRIER_A: Manner = Manner {
    refuses: 2,
    rings: Duration::from_millis(1000),
    answers: Duration::from_millis(1200),
};
const CARRIER_B: Manner = Manner {
    refuses: 0,
    rings: Duration::from_millis(150),
    answers: Duration::from_millis(700),
};

/// Runs the demo until Ctrl-C, or until so many calls are over.
///
/// # Errors
/// An address in use, a switch that doesn't start or doesn't end as it should.
pub(crate) fn run(args: &DemoArgs) -> Result<ExitCode> {
    let ground = Ground::prepare(args.loopback)?;
    ground.check_ports()?;
    let switch = ground.sip()?;
    let agent = |name| Agent::bind(name, ground.place_of(name)?, switch);
    let (pbx, carrier_a, carrier_b) = (agent("pbx")?, agent("carrier-a")?, agent("carrier-b")?);
    let stage = Stage::new(args.talk);
    let mut process = Process::start(&ground)?;
    introduce(&ground, [&pbx, &carrier_a, &carrier_b]);
    let died = thread::scope(|scope| {
        let stage = &stage;
        let _over = Over(stage);
        scope.spawn(|| close_on_signal(stage));
        scope.spawn(|| pbx.serve(stage.over(), |_, _| {}));
        serve(scope, stage, &carrier_a, &CARRIER_A);
        serve(scope, stage, &carrier_b, &CARRIER_B);
        let outcome = place_calls(scope, args, stage, &pbx, &ground, &mut process);
        stage.end();
        outcome
    });
    died?;
    if stage.is_closing() {
        tell("\nall calls are over; Tandem is told to end");
    }
    let status = process.end()?;
    let bad = summarise(&stage);
    if !status.success() {
        bail!("the switch ended with {status}");
    }
    tell(&format!(
        "Tandem has ended; `{} records{}` still shows the calls.",
        program(),
        ground.option()
    ));
    Ok(if bad == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whatever ends the scope ends those who wait in it.
struct Over<'a>(&'a Stage);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.close();
        self.0.end();
    }
}

/// Places one call after the other, several at once, and waits for the last to end.
fn place_calls<'scope>(
    scope: &'scope Scope<'scope, '_>,
    args: &DemoArgs,
    stage: &'scope Stage,
    pbx: &'scope Agent,
    ground: &Ground,
    process: &mut Process,
) -> Result<()> {
    let mut calls = Vec::new();
    let mut next = Instant::now();
    let pace = Duration::from_secs(args.talk.map_or(PACE, |talk| talk.min(PACE)).into());
    let wanted = args.calls.unwrap_or(u32::MAX);
    let mut placed = 0;
    loop {
        calls.retain(|call: &thread::ScopedJoinHandle<'_, ()>| !call.is_finished());
        let no_more = placed == wanted || stage.is_closing();
        if no_more && calls.is_empty() {
            return Ok(());
        }
        if let Some(status) = process.ended()?.filter(|_| !stage.is_closing()) {
            stage.close();
            bail!("the switch has ended by itself: {status}");
        }
        if !no_more && next <= Instant::now() {
            placed += 1;
            next += pace;
            let (call, records) = (placed, ground.records());
            calls.push(scope.spawn(move || caller::place(stage, pbx, &records, call)));
        }
        thread::sleep(TICK);
    }
}

/// A carrier takes its calls, each in a thread of its own.
fn serve<'scope>(
    scope: &'scope Scope<'scope, '_>,
    stage: &'scope Stage,
    agent: &'scope Agent,
    manner: &'static Manner,
) {
    let taken = AtomicU32::new(0);
    scope.spawn(move || {
        agent.serve(stage.over(), |invite, leg| {
            let count = taken.fetch_add(1, Ordering::Relaxed) + 1;
            let refuse = manner.refuses != 0 && count.is_multiple_of(manner.refuses);
            scope.spawn(move || carrier::take(stage, manner, &invite, &leg, refuse));
        });
    });
}

/// Ctrl-C, the terminal's closing and SIGTERM end the demo; so does its own end.
fn close_on_signal(stage: &Stage) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        while !stage.over().load(Ordering::Relaxed) {
            tokio::select! {
                _ = interrupt.recv() => tell("\nCtrl-C: everybody hangs up"),
                _ = terminate.recv() => tell("\nSIGTERM: everybody hangs up"),
                _ = hangup.recv() => {}
                () = tokio::time::sleep(TICK) => continue,
            }
            stage.close();
        }
        Ok(())
    })
}

fn introduce(ground: &Ground, [pbx, carrier_a, carrier_b]: [&Agent; 3]) {
    let (program, option, api) = (program(), ground.option(), ground.config.api.bind);
    tell(&format!(
        "Tandem is up at {}, between
  {} ({}), which calls out,
  {} ({}), which gets every call first, is slow and refuses every other one, and
  {} ({}), which gets what the first refuses.
Both ends of a call play a tune and check every packet they hear.

From another terminal in this directory:
  {program} calls --watch{option}
  {program} trunks{option}
  {program} records{option}
  curl http://{api}/v1/calls
  curl http://{api}/metrics
Ctrl-C ends it all.
",
        pbx.switch(),
        pbx.name,
        pbx.local,
        carrier_a.name,
        carrier_a.local,
        carrier_b.name,
        carrier_b.local,
    ));
}

/// How this program was called.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "tandem".to_owned())
}

/// Counts up what there was; gives the number of calls that were not as they should be.
fn summarise(stage: &Stage) -> u32 {
    let read = |counter: &AtomicU32| counter.load(Ordering::Relaxed);
    let tally = &stage.tally;
    let (answered, busy, bad) = (read(&tally.answered), read(&tally.busy), read(&tally.bad));
    let cut_short = read(&tally.cut_short);
    tell(&format!(
        "\n{} calls: {answered} answered, their audio identical; {busy} busy; {cut_short} cut short; {bad} with a fault; {} went \
         to a second carrier.",
        answered + busy + cut_short + bad,
        read(&tally.failovers),
    ));
    bad
}

/// What to say of an address that cannot be had.
fn in_use(who: &str, protocol: &str, address: SocketAddr) -> String {
    format!(
        "{who} cannot have {address} ({protocol}): is another demo or switch running? `{} demo --loopback 127.0.0.2` takes \
         other addresses",
        program()
    )
}
