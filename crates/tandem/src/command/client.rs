//! Talks to a running switch over its API.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail};
use percent_encoding::{NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde_json::Value;
use ureq::typestate::WithBody;
use ureq::{Agent, RequestBuilder};

/// The longest answer, bytes: a list of all calls and registrations that there may be.
const LONGEST: u64 = 1 << 30;
/// Longer than the switch's own patience with itself.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long what is to be done may take: a configuration may have decks of millions of rows, which are read before it is answered.
const PATIENCE: Duration = Duration::from_secs(600);

/// A text as a part of a path, or as a value in a query.
pub(crate) fn escaped(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

fn body(response: &mut ureq::http::Response<ureq::Body>) -> ureq::BodyWithConfig<'_> {
    response.body_mut().with_config().limit(LONGEST)
}

/// Waits for long for the answer, but not for somebody who answers.
fn patient(request: RequestBuilder<WithBody>) -> RequestBuilder<WithBody> {
    let config = request.config().timeout_global(Some(PATIENCE));
    config.timeout_connect(Some(TIMEOUT)).build()
}

/// A client of a switch.
pub(crate) struct Client {
    agent: Agent,
    base: String,
}

impl Client {
    /// Of the switch whose API is at this address.
    pub(crate) fn new(api: SocketAddr) -> Self {
        let settings = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .proxy(None)
            .build();
        Self {
            agent: settings.into(),
            base: format!("http://{api}"),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        let response = self.agent.get(self.url(path)).call();
        self.read(response)
    }

    /// As [`Client::get`]; `None`: there is no such thing.
    pub(crate) fn find(&self, path: &str) -> Result<Option<Value>> {
        match self.agent.get(self.url(path)).call() {
            Ok(response) if response.status() == 404 => Ok(None),
            response => self.read(response).map(Some),
        }
    }

    /// A file.
    pub(crate) fn fetch(&self, path: &str) -> Result<Vec<u8>> {
        match self.agent.get(self.url(path)).call() {
            Ok(mut response) if response.status().is_success() => Ok(body(&mut response).read_to_vec()?),
            response => self.read(response).map(|_| Vec::new()),
        }
    }

    /// A body that comes bit by bit and may go on for ever.
    pub(crate) fn stream(&self, path: &str) -> Result<impl std::io::Read + use<>> {
        let request = self.agent.get(self.url(path)).config();
        let endless = request
            .timeout_global(None)
            .timeout_connect(Some(TIMEOUT))
            .build();
        match endless.call() {
            Ok(response) if response.status().is_success() => Ok(response.into_body().into_reader()),
            response => bail!("no events: {}", self.read(response)?),
        }
    }

    pub(crate) fn post(&self, path: &str) -> Result<Value> {
        let response = patient(self.agent.post(self.url(path))).send_empty();
        self.read(response)
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Result<Value> {
        let response = patient(self.agent.post(self.url(path))).send_json(body);
        self.read(response)
    }

    pub(crate) fn delete(&self, path: &str) -> Result<()> {
        let response = self.agent.delete(self.url(path)).call();
        self.read(response).map(drop)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn unanswered(&self, error: ureq::Error) -> anyhow::Error {
        let nobody = matches!(
            error,
            ureq::Error::Io(_)
                | ureq::Error::Timeout(_)
                | ureq::Error::HostNotFound
                | ureq::Error::ConnectionFailed
        );
        let error = anyhow::Error::from(error);
        if nobody {
            let base = &self.base;
            return error.context(format!(
                "no switch answers at {base} (api.bind, or --api); is it running?"
            ));
        }
        error
    }

    fn read(&self, response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value> {
        let mut response = response.map_err(|error| self.unanswered(error))?;
        let status = response.status();
        let text = body(&mut response).read_to_string()?;
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(value);
        }
        let field = |name: &str| {
            value
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let errors = value
            .get("errors")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let listed: Vec<String> = errors
            .iter()
            .filter_map(Value::as_str)
            .map(|e| format!("\n  {e}"))
            .collect();
        bail!("{}: {}{}", field("title"), field("detail"), listed.concat())
    }
}
