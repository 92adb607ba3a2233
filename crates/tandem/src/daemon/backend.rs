//! The daemon as the API sees it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api::{
    Answer, Backend, DrainOutcome, Events, FeedbackWish, Given, MessageView, PaymentWish, Problem, Promotion,
    ReloadReport, TestCallView, TestRun, TrialReport, TrialStart, TrialWish, TrunkView, TryReport, TryWish,
};
use metrics_exporter_prometheus::PrometheusHandle;
use records::{Accounts, Booked, Filter, Payment, Reader, StoreError};
use sip_net::capture::Shot;
use switch::record::{Balance, CallRecord};
use switch::{
    BanOutcome, BanView, BindingView, CallView, CanaryView, CreditView, EndOutcome, Explanation, FraudView,
    GroupFigures, NoAnswer, Question, ShadowView, Snapshot, Trying,
};
use tokio::sync::{Mutex, Notify, oneshot};

use super::attic;
use super::figures;
use super::ladder;
use super::news::News;
use super::rounds::Rounds;
use super::shard::{Ask, Figures, Queue, ShardInput, Traced, TrunkState};
use super::trial::{Bench, Order};
use super::whatif::Beside;
use crate::snapshot::{self, Refused};
use crate::streams::LoadedStreams;

/// How long the shard may take to answer an operator.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a drain looks whether calls are left.
const DRAIN_POLL: Duration = Duration::from_millis(100);

/// What the API and the signal handlers work on.
pub(crate) struct Daemon {
    pub(crate) config: Option<PathBuf>,
    /// The configuration in force; held while another one is put in its place, so that reloads come one by one.
    pub(crate) running: Mutex<Arc<Snapshot>>,
    /// The one that the process began with, whose keys hold that are read at the start only.
    pub(crate) started: Arc<Snapshot>,
    pub(crate) files: std::sync::Mutex<Vec<PathBuf>>,
    pub(crate) records: PathBuf,
    pub(crate) queue: Queue,
    pub(crate) news: News,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) ready: AtomicBool,
    /// Tests of trunks.
    pub(crate) bench: Bench,
    /// Tests by the clock.
    pub(crate) rounds: Arc<Rounds>,
    /// What is tried out beside the configuration in force. Whoever holds both takes `running` first.
    pub(crate) beside: Mutex<Beside>,
    /// Other files are to be watched from now on.
    pub(crate) rewatch: Notify,
}

impl Daemon {
    pub(super) async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.queue.send(ShardInput::Ask(ask(reply))).await.ok()?;
            answer.await.ok()
        };
        tokio::time::timeout(PATIENCE, asked)
            .await
            .ok()
            .flatten()
            .ok_or_else(Problem::busy)
    }

    pub(super) async fn read_records(&self, filter: Filter) -> Result<Vec<CallRecord>, Problem> {
        let path = self.records.clone();
        let read = move || Reader::open(&path)?.query(&filter);
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(records)) => Ok(records),
            Ok(Err(error)) => Err(Problem::new(500, "records unreadable", error.to_string())),
            Err(error) => Err(Problem::new(500, "records unreadable", error.to_string())),
        }
    }

    /// Does something with customers' accounts, beside the calls.
    async fn with_accounts<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Accounts) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let path = self.records.clone();
        let done = tokio::task::spawn_blocking(move || act(&mut Accounts::open(&path)?)).await;
        let refused = |error: String| Problem::new(500, "accounts unusable", error);
        match done {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(refused(error.to_string())),
            Err(error) => Err(refused(error.to_string())),
        }
    }

    /// Books a payment; once it is on the disk it counts for the customer's calls.
    async fn pay_now(&self, customer: String, wish: PaymentWish) -> Result<Option<Booked>, Problem> {
        let views = self.ask(Ask::Credit).await?;
        if !views.iter().any(|view| view.customer == customer) {
            return Ok(None);
        }
        let booked_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis());
        let payment = Payment {
            customer: customer.clone(),
            booked_ms: u64::try_from(booked_ms).unwrap_or(u64::MAX),
            amount: Balance::from_units(wish.amount),
            reference: wish.reference,
            note: wish.note,
        };
        let amount = payment.amount;
        let booked = self
            .with_accounts(move |accounts| accounts.book(&payment))
            .await?;
        if booked == Booked::Now {
            tracing::info!(customer, %amount, "a payment is booked");
            self.ask(|reply| Ask::Paid(customer, amount, reply)).await?;
        }
        Ok(Some(booked))
    }

    /// The messages of a call, up or over.
    async fn shots(&self, id: String) -> Result<Option<Vec<Shot>>, Problem> {
        let traced = self.ask(|reply| Ask::Trace(id.clone(), reply)).await?;
        let Some(Traced { call_ids, view }) = traced else {
            let why = "messages are not kept; set capture.memory and start again";
            return Err(Problem::new(409, "no capture", why));
        };
        let call_ids = match call_ids {
            Some(call_ids) => call_ids,
            None => {
                let one = Filter {
                    id: Some(id),
                    limit: 1,
                    ..Filter::default()
                };
                let records = self.read_records(one).await?;
                let Some(record) = records.into_iter().next() else {
                    return Ok(None);
                };
                ladder::call_ids(&record)
            }
        };
        let search = move || {
            let call_ids: Vec<&[u8]> = call_ids.iter().map(AsRef::as_ref).collect();
            view.of(&call_ids)
        };
        let found = tokio::task::spawn_blocking(search).await;
        found.map(Some).map_err(|_| Problem::busy())
    }

    /// The files that a change of which is a reason to reload.
    pub(crate) fn watched(&self) -> Vec<PathBuf> {
        self.files.lock().map(|files| files.clone()).unwrap_or_default()
    }

    /// A configuration was refused: once one of its files has changed it may be right, whether the one in force knows that file or not.
    fn watch_too(&self, refused: Vec<PathBuf>) {
        if let Ok(mut files) = self.files.lock() {
            files.extend(refused);
            files.sort();
            files.dedup();
        }
    }

    /// Resolves once no call is up.
    pub(crate) async fn no_calls(&self) {
        while self.ask(Ask::Calls).await.map_or(true, |calls| !calls.is_empty()) {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    }

    /// Reads the configuration again; puts it in force whole, or leaves the one in force as it is.
    pub(crate) async fn reload_now(&self) -> Result<ReloadReport, Problem> {
        let mut running = self.running.lock().await;
        let path = self.config.clone();
        let loaded = tokio::task::spawn_blocking(move || snapshot::load(path.as_deref())).await;
        let loaded = match loaded {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(Refused { errors, files })) => {
                self.watch_too(files);
                return Err(refused(errors));
            }
            Err(error) => return Err(refused(vec![error.to_string()])),
        };
        let mut next = loaded.snapshot;
        // Sockets stay as they were bound; what else needs a restart is not read after the start.
        next.stay_bound(&running);
        let missing = next.out_of_reach();
        if !missing.is_empty() {
            self.watch_too(loaded.files);
            return Err(refused(missing));
        }
        self.end_what_differs(&next.config).await?;
        let report = self
            .put_in_force(&mut running, Arc::new(next), &loaded.streams, loaded.warnings)
            .await?;
        if let Ok(mut files) = self.files.lock() {
            *files = loaded.files;
        }
        Ok(report)
    }

    /// Makes a configuration the one in force that has passed every check.
    pub(super) async fn put_in_force(
        &self,
        running: &mut Arc<Snapshot>,
        next: Arc<Snapshot>,
        streams: &LoadedStreams,
        warnings: Vec<String>,
    ) -> Result<ReloadReport, Problem> {
        let changes = running.config.diff(&next.config);
        let setup = Box::new(streams.setup(&next));
        let pause = self
            .ask(|reply| Ask::Reload(Arc::clone(&next), setup, reply))
            .await?;
        metrics::gauge!("tandem_config_reload_pause_seconds").set(pause);
        attic::put(std::mem::replace(running, next));
        metrics::counter!("tandem_config_reloads_total").increment(1);
        for change in &changes {
            tracing::info!(restart = change.needs_restart, "configuration: {change}");
        }
        let pending = self.started.config.diff(&running.config);
        let needs_restart = pending.iter().filter(|change| change.needs_restart);
        Ok(ReloadReport {
            needs_restart: needs_restart.map(ToString::to_string).collect(),
            changes: changes.iter().map(ToString::to_string).collect(),
            warnings,
        })
    }
}

fn refused(errors: Vec<String>) -> Problem {
    metrics::counter!("tandem_config_reload_failed_total").increment(1);
    for error in &errors {
        tracing::error!("configuration refused: {error}");
    }
    Problem {
        errors,
        ..Problem::new(
            422,
            "configuration refused",
            "nothing was changed; mend the file and reload again",
        )
    }
}

impl Backend for Daemon {
    fn calls(&self) -> Answer<'_, Vec<CallView>> {
        Box::pin(self.ask(Ask::Calls))
    }

    fn call(&self, id: String) -> Answer<'_, Option<CallView>> {
        Box::pin(self.call_now(id))
    }

    fn ladder(&self, id: String) -> Answer<'_, Option<Vec<MessageView>>> {
        Box::pin(async {
            let shots = self.shots(id).await?;
            Ok(shots.map(|shots| shots.iter().map(ladder::message).collect()))
        })
    }

    fn pcap(&self, id: String) -> Answer<'_, Option<Vec<u8>>> {
        Box::pin(async {
            let shots = self.shots(id).await?;
            Ok(shots.map(|shots| sip_net::capture::pcap(&shots)))
        })
    }

    fn explain(&self, question: Question) -> Answer<'_, Result<Explanation, NoAnswer>> {
        Box::pin(self.ask(|reply| Ask::Explain(Box::new(question), reply)))
    }

    fn shadow(&self) -> Answer<'_, Option<ShadowView>> {
        Box::pin(async { Ok(self.ask(Ask::Shadow).await?.map(|view| *view)) })
    }

    fn canary(&self) -> Answer<'_, Option<CanaryView>> {
        Box::pin(async { Ok(self.ask(Ask::Canary).await?.map(|view| *view)) })
    }

    fn try_out(&self, way: Trying, wish: TryWish) -> Answer<'_, TryReport> {
        Box::pin(self.try_out_now(way, wish))
    }

    fn stop_trying(&self, way: Trying) -> Answer<'_, bool> {
        Box::pin(self.stop_trying_now(way, "by command"))
    }

    fn promote(&self, which: Option<Trying>) -> Answer<'_, Promotion> {
        Box::pin(self.promote_now(which))
    }

    fn events(&self, after: Option<u64>, calls: bool) -> Events {
        Box::pin(self.news.follow(after, calls))
    }

    fn give_feedback(&self, id: String, wish: FeedbackWish) -> Answer<'_, Given> {
        Box::pin(self.feedback(id, wish))
    }

    fn hangup(&self, id: String) -> Answer<'_, EndOutcome> {
        Box::pin(self.ask(|reply| Ask::Hangup(id, reply)))
    }

    fn trunks(&self) -> Answer<'_, Vec<TrunkView>> {
        Box::pin(async {
            let states = self.ask(Ask::Trunks).await?;
            let snapshot = Arc::clone(&*self.running.lock().await);
            let drained = !self.ready();
            let views = snapshot.config.trunks.iter().map(|trunk| {
                let mut view = view(trunk, &states);
                view.draining |= drained;
                view.tests = self.rounds.of_trunk(&trunk.name);
                view
            });
            Ok(views.collect())
        })
    }

    fn trunk_quality(&self, name: String) -> Answer<'_, Option<Vec<GroupFigures>>> {
        Box::pin(self.ask(|reply| Ask::Quality(name, reply)))
    }

    fn registrations(&self) -> Answer<'_, Vec<BindingView>> {
        Box::pin(self.ask(Ask::Registrations))
    }

    fn drain_trunk(&self, name: String, drained: bool) -> Answer<'_, DrainOutcome> {
        Box::pin(async move {
            let running = Arc::clone(&*self.running.lock().await);
            let configured = running.config.trunk(&name).is_some_and(|trunk| trunk.drain);
            let known = self.ask(|reply| Ask::DrainTrunk(name, drained, reply)).await?;
            Ok(match (known, configured && !drained) {
                (false, _) => DrainOutcome::Unknown,
                (true, true) => DrainOutcome::Configured,
                (true, false) => DrainOutcome::Done,
            })
        })
    }

    fn test_trunk(&self, name: String, wish: TrialWish) -> Answer<'_, TrialStart> {
        Box::pin(async move {
            let running = Arc::clone(&*self.running.lock().await);
            let states = self.ask(Ask::Trunks).await?;
            let registration = states
                .into_iter()
                .find(|state| state.name == name)
                .and_then(|state| state.registration);
            let order = Order {
                trunk: name,
                wish,
                registration,
                errand: None,
            };
            Ok(self.bench.begin(&self.queue, &running, order).await)
        })
    }

    fn trunk_test(&self, name: String) -> Answer<'_, Option<TrialReport>> {
        Box::pin(async move { Ok(self.bench.report(&name)) })
    }

    fn test_calls(&self) -> Answer<'_, Vec<TestCallView>> {
        Box::pin(async move { Ok(self.rounds.views()) })
    }

    fn run_test_call(&self, name: String, trunk: Option<String>) -> Answer<'_, TestRun> {
        Box::pin(self.test_now(name, trunk))
    }

    fn bans(&self) -> Answer<'_, Vec<BanView>> {
        Box::pin(self.ask(Ask::Bans))
    }

    fn ban(&self, address: IpAddr, time: Duration) -> Answer<'_, BanOutcome> {
        Box::pin(self.ask(move |reply| Ask::Ban(address, time, reply)))
    }

    fn unban(&self, address: IpAddr) -> Answer<'_, bool> {
        Box::pin(self.ask(move |reply| Ask::Unban(address, reply)))
    }

    fn credit(&self) -> Answer<'_, Vec<CreditView>> {
        Box::pin(self.ask(Ask::Credit))
    }

    fn payments(&self, customer: String) -> Answer<'_, Vec<Payment>> {
        Box::pin(self.with_accounts(move |accounts| accounts.payments(&customer)))
    }

    fn pay(&self, customer: String, wish: PaymentWish) -> Answer<'_, Option<Booked>> {
        Box::pin(self.pay_now(customer, wish))
    }

    fn fraud(&self) -> Answer<'_, FraudView> {
        Box::pin(self.ask(Ask::Fraud))
    }

    fn lift_fraud(&self, id: u64) -> Answer<'_, bool> {
        Box::pin(self.ask(move |reply| Ask::LiftFraud(id, reply)))
    }

    fn records(&self, filter: Filter) -> Answer<'_, Vec<CallRecord>> {
        Box::pin(self.read_records(filter))
    }

    fn reload(&self) -> Answer<'_, ReloadReport> {
        Box::pin(self.reload_now())
    }

    fn drain(&self) -> Answer<'_, ()> {
        Box::pin(async {
            if self.ready.swap(false, Ordering::Relaxed) {
                tracing::info!("an operator drains the switch: no new calls until it is started again");
            }
            self.queue
                .send(ShardInput::Ask(Ask::Drain))
                .await
                .map_err(|_| Problem::busy())
        })
    }

    fn ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    fn metrics(&self) -> Answer<'_, String> {
        Box::pin(async {
            let figures: Box<Figures> = self.ask(Ask::Figures).await?;
            figures::publish(&figures);
            let live = figures::of_trunks(&figures.trunks)
                + &figures::of_quality(&figures.trunks)
                + &figures::of_credit(&figures.credit)
                + &figures::of_limits(&figures.limits);
            Ok(self.metrics.render() + &live)
        })
    }
}

fn view(trunk: &config::Trunk, states: &[TrunkState]) -> TrunkView {
    let state = states.iter().find(|state| state.name == trunk.name);
    TrunkView {
        name: trunk.name.clone(),
        role: match trunk.role {
            config::Role::Customer => "customer",
            config::Role::Carrier => "carrier",
        },
        enabled: trunk.enabled,
        draining: state.is_some_and(|state| state.drains),
        network: trunk.network.clone(),
        calls: state.map_or(0, |state| state.calls),
        max_calls: trunk.max_calls,
        max_cps: trunk.max_cps,
        above_alert: state.is_some_and(|state| state.above_alert),
        targets: state.map(|state| state.targets.clone()).unwrap_or_default(),
        registration: state.and_then(|state| state.registration.clone()),
        quality: state.and_then(|state| state.figures),
        tests: None,
    }
}
