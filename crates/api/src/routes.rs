//! The paths.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use records::{Booked, Filter, Payment};
use serde::{Deserialize, Serialize};
use switch::record::CallRecord;
use switch::{BanOutcome, BanView, BindingView, CallView, CreditView, EndOutcome, FraudView, GroupFigures};

use crate::backend::{Backend, DrainOutcome, MessageView, PaymentWish, ReloadReport, TrunkView};
use crate::events::events;
use crate::explain::explain;
use crate::feedback::feedback;
use crate::problem::Problem;
use crate::test_calls::{run_test_call, test_calls};
use crate::trial::{TrialReport, TrialStart, TrialWish};
use crate::whatif;

type Shared = Arc<dyn Backend>;

/// Most records in one answer.
const MAX_RECORDS: usize = 1000;

/// All paths, for a server or a test.
pub fn router(backend: Shared) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/v1/calls", get(calls))
        .route("/v1/calls/{id}", get(call).delete(hangup))
        .route("/v1/calls/{id}/ladder", get(ladder))
        .route("/v1/calls/{id}/pcap", get(pcap))
        .route("/v1/calls/{id}/feedback", post(feedback))
        .route("/v1/trunks", get(trunks))
        .route("/v1/trunks/{name}/quality", get(trunk_quality))
        .route("/v1/registrations", get(registrations))
        .route("/v1/trunks/{name}/drain", post(drain_trunk))
        .route("/v1/trunks/{name}/resume", post(resume_trunk))
        .route("/v1/trunks/{name}/test", get(trunk_test).post(test_trunk))
        .route("/v1/bans", get(bans).post(ban))
        .route("/v1/bans/{address}", axum::routing::delete(unban))
        .route("/v1/routes/explain", get(explain))
        .route(
            "/v1/routes/shadow",
            get(whatif::shadow)
                .post(whatif::begin_shadow)
                .delete(whatif::end_shadow),
        )
        .route(
            "/v1/routes/canary",
            get(whatif::canary)
                .post(whatif::begin_canary)
                .delete(whatif::end_canary),
        )
        .route("/v1/routes/promote", post(whatif::promote))
        .route("/v1/events", get(events))
        .route("/v1/credit", get(credit))
        .route("/v1/credit/{customer}", get(credit_of).post(pay))
        .route("/v1/fraud", get(fraud))
        .route("/v1/fraud/blocks/{id}", axum::routing::delete(lift_fraud))
        .route("/v1/test-calls", get(test_calls))
        .route("/v1/test-calls/{name}", post(run_test_call))
        .route("/v1/records", get(records))
        .route("/v1/reload", post(reload))
        .route("/v1/drain", post(drain))
        .fallback(|| async { Problem::new(404, "not found", "there is nothing at this path") })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                405,
                "method not allowed",
                "this path is asked in another way; see Allow",
            )
        })
        .with_state(backend)
}

async fn readyz(State(backend): State<Shared>) -> Response {
    if backend.ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response()
    }
}

async fn metrics(State(backend): State<Shared>) -> Result<Response, Problem> {
    let text = backend.metrics().await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

async fn calls(State(backend): State<Shared>) -> Result<Json<Vec<CallView>>, Problem> {
    backend.calls().await.map(Json)
}

async fn call(State(backend): State<Shared>, Path(id): Path<String>) -> Result<Json<CallView>, Problem> {
    let call = backend.call(id.clone()).await?;
    call.map(Json).ok_or_else(|| Problem::not_found("call", &id))
}

async fn ladder(
    State(backend): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Vec<MessageView>>, Problem> {
    let messages = backend.ladder(id.clone()).await?;
    messages.map(Json).ok_or_else(|| Problem::not_found("call", &id))
}

async fn pcap(State(backend): State<Shared>, Path(id): Path<String>) -> Result<Response, Problem> {
    let file = backend.pcap(id.clone()).await?;
    let file = file.ok_or_else(|| Problem::not_found("call", &id))?;
    let kind = [(header::CONTENT_TYPE, "application/vnd.tcpdump.pcap")];
    Ok((kind, file).into_response())
}

async fn hangup(State(backend): State<Shared>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    match backend.hangup(id.clone()).await? {
        EndOutcome::Ending => Ok(StatusCode::ACCEPTED),
        EndOutcome::Unknown => Err(Problem::not_found("call", &id)),
    }
}

async fn trunks(State(backend): State<Shared>) -> Result<Json<Vec<TrunkView>>, Problem> {
    backend.trunks().await.map(Json)
}

async fn trunk_quality(
    State(backend): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<Vec<GroupFigures>>, Problem> {
    let figures = backend.trunk_quality(name.clone()).await?;
    figures
        .map(Json)
        .ok_or_else(|| Problem::not_found("trunk", &name))
}

async fn registrations(State(backend): State<Shared>) -> Result<Json<Vec<BindingView>>, Problem> {
    backend.registrations().await.map(Json)
}

async fn drain_trunk(State(backend): State<Shared>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    said(backend.drain_trunk(name.clone(), true).await?, &name)
}

async fn resume_trunk(
    State(backend): State<Shared>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    said(backend.drain_trunk(name.clone(), false).await?, &name)
}

fn said(outcome: DrainOutcome, name: &str) -> Result<StatusCode, Problem> {
    match outcome {
        DrainOutcome::Done => Ok(StatusCode::NO_CONTENT),
        DrainOutcome::Configured => Err(Problem::new(
            409,
            "drained by its configuration",
            format!("trunk {name:?} has `drain = true`; take that out and reload"),
        )),
        DrainOutcome::Unknown => Err(Problem::not_found("trunk", name)),
    }
}

/// What may stand in the user part of a URI as it is (RFC 3261 §25.1), and no more than a number or name has.
fn is_callable(number: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+*#-_.".contains(&byte);
    (1..=64).contains(&number.len()) && number.bytes().all(plain)
}

async fn test_trunk(
    State(backend): State<Shared>,
    Path(name): Path<String>,
    query: Result<Query<TrialWish>, axum::extract::rejection::QueryRejection>,
) -> Result<StatusCode, Problem> {
    let Query(wish) = query.map_err(|error| Problem::new(400, "bad query", error.to_string()))?;
    let numbers = [&wish.number, &wish.caller];
    if let Some(bad) = numbers.into_iter().flatten().find(|number| !is_callable(number)) {
        return Err(Problem::new(400, "bad query", format!("{bad:?} is no number")));
    }
    if wish.talk.is_some_and(|talk| !(1..=60).contains(&talk)) {
        return Err(Problem::new(400, "bad query", "talk: 1 to 60 seconds"));
    }
    match backend.test_trunk(name.clone(), wish).await? {
        TrialStart::Begun => Ok(StatusCode::ACCEPTED),
        TrialStart::Running => Err(Problem::new(
            409,
            "being tested",
            format!("trunk {name:?} is being tested already; one test at a time"),
        )),
        TrialStart::Busy => Err(Problem::new(
            503,
            "busy",
            "as many trunks are being tested as can be at once; try again in a minute",
        )),
        TrialStart::Unknown => Err(Problem::not_found("trunk", &name)),
    }
}

async fn trunk_test(
    State(backend): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<TrialReport>, Problem> {
    let report = backend.trunk_test(name.clone()).await?;
    report
        .map(Json)
        .ok_or_else(|| Problem::not_found("test of trunk", &name))
}

async fn bans(State(backend): State<Shared>) -> Result<Json<Vec<BanView>>, Problem> {
    backend.bans().await.map(Json)
}

/// How long a ban by command lasts if it does not say.
const BAN_SECONDS: u64 = 3600;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BanQuery {
    address: String,
    seconds: Option<u64>,
}

async fn ban(
    State(backend): State<Shared>,
    query: Result<Query<BanQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<StatusCode, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(400, "bad query", error.to_string()))?;
    let address = address_of(&query.address)?;
    let time = Duration::from_secs(query.seconds.unwrap_or(BAN_SECONDS));
    match backend.ban(address, time).await? {
        BanOutcome::Done => Ok(StatusCode::NO_CONTENT),
        BanOutcome::Trunk(trunk) => Err(Problem::new(
            409,
            "a trunk's address",
            format!(
                "trunk {trunk:?} has {address} among its sources; take it out there, or switch it off (`enabled = false`)"
            ),
        )),
    }
}

async fn unban(State(backend): State<Shared>, Path(address): Path<String>) -> Result<StatusCode, Problem> {
    if backend.unban(address_of(&address)?).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("ban of", &address))
    }
}

async fn fraud(State(backend): State<Shared>) -> Result<Json<FraudView>, Problem> {
    backend.fraud().await.map(Json)
}

async fn lift_fraud(State(backend): State<Shared>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let Ok(number) = id.parse() else {
        let why = format!("{id:?} is no number of a block; GET /v1/fraud lists them");
        return Err(Problem::new(400, "bad number", why));
    };
    if backend.lift_fraud(number).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("block", &id))
    }
}

fn address_of(text: &str) -> Result<IpAddr, Problem> {
    let why = || format!("{text:?} is no IP address; write 192.0.2.1 or 2001:db8::1");
    text.parse().map_err(|_| Problem::new(400, "bad address", why()))
}

async fn credit(State(backend): State<Shared>) -> Result<Json<Vec<CreditView>>, Problem> {
    backend.credit().await.map(Json)
}

/// A customer's account and its payments.
#[derive(Debug, Serialize)]
struct Account {
    #[serde(flatten)]
    credit: CreditView,
    payments: Vec<Payment>,
}

async fn credit_of(
    State(backend): State<Shared>,
    Path(customer): Path<String>,
) -> Result<Json<Account>, Problem> {
    let views = backend.credit().await?;
    let credit = views.into_iter().find(|view| view.customer == customer);
    let credit = credit.ok_or_else(|| Problem::not_found("credit of customer", &customer))?;
    let payments = backend.payments(customer).await?;
    Ok(Json(Account { credit, payments }))
}

/// Most of a payment, in units.
const MOST_PAID: f64 = 1_000_000_000.0;

/// Characters of a reference or a note.
const LONGEST_TEXT: usize = 200;

async fn pay(
    State(backend): State<Shared>,
    Path(customer): Path<String>,
    wish: Result<Json<PaymentWish>, axum::extract::rejection::JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(wish) = wish.map_err(|error| Problem::new(400, "bad payment", error.to_string()))?;
    if wish.amount == 0.0 || !(-MOST_PAID..=MOST_PAID).contains(&wish.amount) {
        let why = format!(
            "amount: {} is not an amount from -{MOST_PAID} to {MOST_PAID} that is something",
            wish.amount
        );
        return Err(Problem::new(400, "bad payment", why));
    }
    for text in [&wish.reference, &wish.note].into_iter().flatten() {
        let fits = (1..=LONGEST_TEXT).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if !fits {
            let why = format!("reference and note are texts of 1 to {LONGEST_TEXT} characters on one line");
            return Err(Problem::new(400, "bad payment", why));
        }
    }
    match backend.pay(customer.clone(), wish).await? {
        Some(Booked::Now) => Ok(StatusCode::CREATED),
        Some(Booked::Before) => Ok(StatusCode::OK),
        Some(Booked::Otherwise(amount)) => Err(Problem::new(
            409,
            "booked already",
            format!("a payment of {amount} has this reference; give another one another reference"),
        )),
        None => Err(Problem::not_found("customer with credit", &customer)),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordQuery {
    number: Option<String>,
    trunk: Option<String>,
    since_ms: Option<u64>,
    until_ms: Option<u64>,
    cause: Option<String>,
    id: Option<String>,
    limit: Option<usize>,
}

async fn records(
    State(backend): State<Shared>,
    query: Result<Query<RecordQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Vec<CallRecord>>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(400, "bad query", error.to_string()))?;
    let filter = Filter {
        number: query.number,
        trunk: query.trunk,
        since_ms: query.since_ms,
        until_ms: query.until_ms,
        cause: query.cause,
        id: query.id,
        limit: query.limit.unwrap_or(Filter::DEFAULT_LIMIT).min(MAX_RECORDS),
    };
    backend.records(filter).await.map(Json)
}

async fn reload(State(backend): State<Shared>) -> Result<Json<ReloadReport>, Problem> {
    backend.reload().await.map(Json)
}

async fn drain(State(backend): State<Shared>) -> Result<StatusCode, Problem> {
    backend.drain().await.map(|()| StatusCode::ACCEPTED)
}
