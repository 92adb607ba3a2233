//! Classes of service: the carriers that they name, and what no carrier can give them.

use super::refer;
use crate::document::Cx;
use crate::model::{Class, Config, Role, Trunk};
use crate::report::{Fault, nearest, quote};

/// Judges a class.
pub(super) fn complete(class: &Class, path: &str, config: &Config, cx: &mut Cx<'_>) {
    carriers(class, path, config, cx);
    jurisdictions(class, path, config, cx);
    numbers_kept(class, path, config, cx);
    floors(class, path, cx);
    let objective = format!("{path}.objective");
    if class.objective.price == 0.0 && class.objective.quality == 0.0 && !cx.is_bad(&objective) {
        let fault = Fault::new("nothing counts: both weights are 0").expected("at least one above 0");
        cx.refuse(cx.place(&objective), &objective, fault);
    }
}

fn carriers(class: &Class, path: &str, config: &Config, cx: &mut Cx<'_>) {
    for (key, names) in [("trunks", &class.trunks), ("excluded", &class.excluded)] {
        let at = |index: usize| format!("{path}.{key}[{index}]");
        refer(
            names
                .iter()
                .enumerate()
                .map(|(index, name)| (at(index), name.as_str())),
            "trunk",
            cx,
        );
        for (index, name) in names.iter().enumerate() {
            if config
                .trunk(name)
                .is_some_and(|trunk| trunk.role == Role::Customer)
            {
                let fault =
                    Fault::new(format!("{} is a customer", quote(name))).expected("names of carriers");
                cx.refuse(cx.place(&at(index)), &at(index), fault);
            }
        }
    }
    for (index, name) in class.excluded.iter().enumerate() {
        if class.trunks.contains(name) {
            let at = format!("{path}.excluded[{index}]");
            let fault = Fault::new(format!("{} is in `trunks` too", quote(name)));
            cx.refuse(
                cx.place(&at),
                &at,
                fault.expected("each carrier in one of the two lists"),
            );
        }
    }
}

/// What classes ask carriers for is nothing to say of a customer.
pub(super) fn of_carriers_only(trunk: &Trunk, path: &str, cx: &mut Cx<'_>) {
    let said = [
        ("caller_id", !trunk.caller_id),
        ("jurisdictions", !trunk.jurisdictions.is_empty()),
    ];
    for (key, _) in said
        .iter()
        .filter(|(_, said)| *said && trunk.role == Role::Customer)
    {
        let at = format!("{path}.{key}");
        let fault = Fault::new(format!("a {} has no `{key}`", trunk.role));
        cx.refuse(cx.place(&at), &at, fault.expected("the key left out"));
    }
}

/// Those that the class may choose, as far as its lists go.
fn choice<'c>(class: &'c Class, config: &'c Config) -> impl Iterator<Item = &'c Trunk> + Clone {
    let is_listed = |trunk: &&Trunk| {
        trunk.role == Role::Carrier
            && !class.excluded.contains(&trunk.name)
            && (class.trunks.is_empty() || class.trunks.contains(&trunk.name))
    };
    config.trunks.iter().map(|trunk| &**trunk).filter(is_listed)
}

/// A jurisdiction that no carrier is in is a slip of the pen.
fn jurisdictions(class: &Class, path: &str, config: &Config, cx: &mut Cx<'_>) {
    for (index, wanted) in class.jurisdictions.iter().enumerate() {
        let mut known = choice(class, config).flat_map(|trunk| &trunk.jurisdictions);
        if known.clone().any(|name| name == wanted) {
            continue;
        }
        let at = format!("{path}.jurisdictions[{index}]");
        let meant = nearest(wanted, known.by_ref().map(String::as_str)).map(quote);
        let wrong = format!("no carrier that the class may choose is in {}", quote(wanted));
        let fault = Fault::new(wrong).expected(format!("jurisdictions = [{}] in one of them", quote(wanted)));
        cx.warn(cx.place(&at), &at, fault.meant(meant));
    }
}

fn numbers_kept(class: &Class, path: &str, config: &Config, cx: &mut Cx<'_>) {
    let mut choice = choice(class, config).peekable();
    if class.keep_caller_id && choice.peek().is_some() && !choice.any(|trunk| trunk.caller_id) {
        let at = format!("{path}.keep_caller_id");
        let wrong =
            "no carrier that the class may choose passes the caller's number on, so its calls have no route";
        cx.warn(
            cx.place(&at),
            &at,
            Fault::new(wrong).expected("a carrier without `caller_id = false`"),
        );
    }
}

/// Every call that is answered has reached the called party.
fn floors(class: &Class, path: &str, cx: &mut Cx<'_>) {
    if let (Some(asr), Some(ner)) = (class.floors.asr, class.floors.ner)
        && ner < asr
    {
        let at = format!("{path}.floors.ner");
        let fault =
            Fault::new("`ner` is below `asr`, and says nothing: no carrier's is ever lower than that");
        cx.warn(cx.place(&at), &at, fault.expected("`ner` above `asr`"));
    }
}
