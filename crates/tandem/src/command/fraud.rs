//! Blocks of the fraud guard's that an operator lifts.

use anyhow::{Result, bail};
use serde_json::Value;

use super::client::Client;

/// Lifts the blocks of a customer's, or those of one country.
pub(crate) fn lift(client: &Client, customer: &str, prefix: Option<&str>) -> Result<()> {
    let view = client.get("/v1/fraud")?;
    let ids = chosen(&view, customer, prefix);
    if ids.is_empty() {
        let of = prefix.map(|prefix| format!(" to {prefix}")).unwrap_or_default();
        bail!("no calls{of} of trunk {customer:?} are blocked; `tandem fraud` lists what is");
    }
    for id in ids {
        client.delete(&format!("/v1/fraud/blocks/{id}"))?;
    }
    Ok(())
}

/// The numbers of the blocks that are meant.
fn chosen(view: &Value, customer: &str, prefix: Option<&str>) -> Vec<u64> {
    let blocks = view.get("blocks").and_then(Value::as_array);
    let text = |block: &Value, key: &str| block.get(key).and_then(Value::as_str).map(str::to_owned);
    let wanted = prefix.map(|prefix| format!("+{}", prefix.trim_start_matches('+')));
    let fits = |block: &&Value| {
        let scope = text(block, "scope").unwrap_or_default();
        // `+44` is also its numbers of high risk, and not +441.
        let place = scope.split(' ').next().unwrap_or_default();
        text(block, "customer").as_deref() == Some(customer)
            && wanted.as_deref().is_none_or(|wanted| wanted == place)
    };
    let id = |block: &Value| block.get("id").and_then(Value::as_u64);
    blocks.into_iter().flatten().filter(fits).filter_map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn blocks_are_chosen_by_customer_and_country() {
        let view = json!({ "blocks": [
            { "id": 1, "customer": "pbx", "scope": "+252 (high risk)" },
            { "id": 2, "customer": "pbx", "scope": "+25" },
            { "id": 3, "customer": "pbx", "scope": "all calls" },
            { "id": 4, "customer": "other", "scope": "+252" },
        ] });
        assert_eq!(chosen(&view, "pbx", None), [1, 2, 3]);
        assert_eq!(chosen(&view, "pbx", Some("+252")), [1]);
        assert_eq!(chosen(&view, "pbx", Some("252")), [1]);
        assert_eq!(chosen(&view, "pbx", Some("+2")), [0; 0]);
        assert_eq!(chosen(&view, "nobody", None), [0; 0]);
        assert_eq!(chosen(&Value::Null, "pbx", None), [0; 0]);
    }
}
