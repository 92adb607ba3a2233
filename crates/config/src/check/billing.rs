//! Decks and credit: keys that need or exclude one another.

use crate::document::Cx;
use crate::model::{DeckRow, Role, Trunk, Unpriced};
use crate::report::Fault;

/// Judges what a trunk asks and pays.
pub(super) fn complete(trunk: &Trunk, path: &str, cx: &mut Cx<'_>) {
    let sides = [
        ("deck", trunk.deck.is_some(), "rates", &trunk.rates),
        (
            "sell_deck",
            trunk.sell_deck.is_some(),
            "sell_rates",
            &trunk.sell_rates,
        ),
    ];
    for (file, has_file, inline, rows) in sides {
        let at = format!("{path}.{inline}");
        if has_file && !rows.is_empty() {
            let fault = Fault::new(format!("`{file}` has prices too")).expected("one of the two");
            cx.refuse(cx.place(&at), &at, fault);
        }
        for (index, row) in rows.iter().enumerate() {
            self::row(row, &format!("{at}[{index}]"), cx);
        }
    }
    let wrong = match trunk.role {
        Role::Customer => ("rates", &trunk.rates),
        Role::Carrier => ("sell_rates", &trunk.sell_rates),
    };
    if let (key, [_, ..]) = (wrong.0, wrong.1.as_slice()) {
        let at = format!("{path}.{key}");
        let fault = Fault::new(format!("a {} has no `{key}`", trunk.role));
        cx.refuse(cx.place(&at), &at, fault.expected("the key left out"));
    }
    let sells = trunk.sell_deck.is_some() || !trunk.sell_rates.is_empty();
    let refused = ["sell_deck", "sell_rates"]
        .iter()
        .any(|key| cx.is_bad(&format!("{path}.{key}")));
    let says = [
        ("credit", trunk.credit.is_some() && trunk.role == Role::Customer),
        ("unpriced", trunk.unpriced == Unpriced::Free),
    ];
    for (key, _) in says.into_iter().filter(|(_, says)| *says && !sells && !refused) {
        let at = format!("{path}.{key}");
        let fault = Fault::new("says nothing of who pays nothing");
        cx.refuse(
            cx.place(&at),
            &at,
            fault.expected("`sell_deck` or `sell_rates` beside it"),
        );
    }
}

/// A row says what it costs, in one way.
fn row(row: &DeckRow, path: &str, cx: &mut Cx<'_>) {
    let fault = match (row.rate, row.surcharge) {
        (Some(_), Some(_)) => Fault::new("has both `rate` and `surcharge`").expected("one of the two"),
        (None, None) if !row.blocked => {
            Fault::new("has no price").expected("rate = 0.0125, or blocked = true")
        }
        (None, Some(_)) if row.origin.is_none() => Fault::new("has a `surcharge` and no `origin`")
            .expected("the prefix of the numbers that pay it: origin = \"1\""),
        (None, Some(_)) if row.hours.is_some() || row.jurisdiction.is_some() => {
            Fault::new("is about a surcharge").expected("`hours` and `jurisdiction` left out")
        }
        (Some(_) | None, None) | (None, Some(_)) => return,
    };
    cx.refuse(cx.place(path), path, fault);
}
