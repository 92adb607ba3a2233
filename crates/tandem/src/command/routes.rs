//! `tandem route`: how calls are routed.

use anyhow::{Result, anyhow};
use serde_json::Value;

use super::client::{Client, escaped};
use super::show;
use crate::cli::ExplainArgs;

/// Says what would become of a call.
pub(super) fn explain(client: &Client, args: &ExplainArgs, json: bool) -> Result<()> {
    let mut query = vec![format!("called={}", escaped(&args.to))];
    let trunk = match &args.trunk {
        Some(trunk) => Some(trunk.clone()),
        None => is_trunk(client, &args.from)?.then(|| args.from.clone()),
    };
    if trunk.as_ref() != Some(&args.from) {
        query.push(format!("caller={}", escaped(&args.from)));
    }
    for (key, value) in [("trunk", &trunk), ("class", &args.class)] {
        if let Some(value) = value {
            query.push(format!("{key}={}", escaped(value)));
        }
    }
    if let Some(at) = &args.at {
        let moment = route::deck::moment(at).map_err(|message| anyhow!("--at {message}"))?;
        query.push(format!("at={moment}"));
    }
    if let Some(draw) = args.draw {
        query.push(format!("draw={draw}"));
    }
    let explanation = client.get(&format!("/v1/routes/explain?{}", query.join("&")))?;
    if json {
        return show::value(&explanation);
    }
    let lines = explanation.get("lines").and_then(Value::as_array);
    for line in lines.into_iter().flatten().filter_map(Value::as_str) {
        show::text(&format!("{}\n", show::word(line)))?;
    }
    match explanation.get("status").and_then(Value::as_u64) {
        Some(status) => show::text(&format!("the caller hears {status}\n")),
        None => {
            let limit = explanation
                .get("limit")
                .and_then(Value::as_u64)
                .unwrap_or_default();
            show::text(&format!("{limit} of them may be tried\n"))
        }
    }
}

/// Whether a trunk has this name.
fn is_trunk(client: &Client, name: &str) -> Result<bool> {
    let trunks = client.get("/v1/trunks")?;
    let names = trunks.as_array().into_iter().flatten();
    Ok(names
        .into_iter()
        .any(|trunk| trunk.get("name").and_then(Value::as_str) == Some(name)))
}
