//! `tandem credit`: what customers may still spend, and their payments.

use anyhow::Result;
use serde_json::{Value, json};

use super::client::{Client, escaped};
use super::show;
use crate::cli::CreditAction;

/// Lists accounts, shows one, or books a payment.
pub(super) fn run(client: &Client, action: Option<&CreditAction>, json: bool) -> Result<()> {
    let path = |name: &str| format!("/v1/credit/{}", escaped(name));
    match action {
        None => list(&client.get("/v1/credit")?, json),
        Some(CreditAction::Show { name }) => account(&client.get(&path(name))?, json),
        Some(CreditAction::Add {
            name,
            amount,
            reference,
            note,
        }) => {
            let payment = json!({ "amount": amount, "reference": reference, "note": note });
            client.post_json(&path(name), &payment).map(drop)
        }
    }
}

fn list(accounts: &Value, json: bool) -> Result<()> {
    if json {
        return show::lines(accounts);
    }
    let columns = [
        ("CUSTOMER", "customer"),
        ("MAY OWE", "amount"),
        ("BALANCE", "balance"),
        ("RUNNING", "running"),
        ("LEFT", "left"),
        ("CALLS", "calls"),
        ("LOW", "low"),
    ];
    show::table(&columns, &show::rows(accounts))
}

fn account(account: &Value, json: bool) -> Result<()> {
    if json {
        return show::value(account);
    }
    list(&Value::Array(vec![account.clone()]), false)?;
    let payments = show::rows(account.get("payments").unwrap_or(&Value::Null));
    if payments.is_empty() {
        return Ok(());
    }
    show::text("\n")?;
    let columns = [
        ("BOOKED ms", "booked_ms"),
        ("AMOUNT", "amount"),
        ("REFERENCE", "reference"),
        ("NOTE", "note"),
    ];
    show::table(&columns, &payments)
}
