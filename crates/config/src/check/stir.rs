//! Keys of STIR/SHAKEN that go together.

use crate::document::Cx;
use crate::model::{Config, IdentityHeaders, Role, Sign, Trunk, Verify};
use crate::report::Fault;

pub(crate) fn complete(config: &Config, cx: &mut Cx<'_>) {
    if cx.is_bad("stir") {
        return;
    }
    key(config, cx);
    if config.stir.cache_min > config.stir.cache_max {
        let fault = Fault::new("is longer than `cache_max`");
        cx.refuse(cx.place("stir.cache_min"), "stir.cache_min", fault);
    }
    for (index, trunk) in config.trunks.iter().enumerate() {
        let path = format!("{}.stir", cx.entry("trunk", index));
        trunk_keys(config, trunk, &path, cx);
    }
}

/// A key, its certificate and where that is found: all of them or none.
fn key(config: &Config, cx: &mut Cx<'_>) {
    let stir = &config.stir;
    let keys = [
        ("private_key", stir.private_key.is_some()),
        ("certificate", stir.certificate.is_some()),
        ("certificate_url", stir.certificate_url.is_some()),
    ];
    let Some((written, _)) = keys.iter().find(|(_, written)| *written) else {
        return;
    };
    for (missing, _) in keys.iter().filter(|(_, written)| !written) {
        let wrong = format!("`{written}` needs `{missing}` beside it");
        cx.refuse(cx.place(&format!("stir.{written}")), "stir", Fault::new(wrong));
    }
}

fn trunk_keys(config: &Config, trunk: &Trunk, path: &str, cx: &mut Cx<'_>) {
    let (own, stir) = (&trunk.stir, &config.stir);
    if own.sign != Sign::Off && stir.private_key.is_none() {
        let at = format!("{path}.sign");
        let fault = Fault::new("there is no key to sign with");
        let expected = "private_key, certificate and certificate_url in [stir]";
        cx.refuse(cx.place(&at), &at, fault.expected(expected));
    }
    if own.verify != Verify::Off && stir.trust_anchors.is_none() {
        let at = format!("{path}.verify");
        let fault = Fault::new("nobody is trusted: every signature would fail");
        cx.refuse(cx.place(&at), &at, fault.expected("trust_anchors in [stir]"));
    }
    let verified = config.trunks.iter().any(|trunk| trunk.stir.verify != Verify::Off);
    if !own.verstat.is_empty() && !verified {
        let at = format!("{path}.verstat");
        let fault = Fault::new("no trunk's calls are verified, so there is nothing to tell");
        cx.warn(
            cx.place(&at),
            &at,
            fault.expected("verify = \"annotate\" in a carrier's `stir`"),
        );
    }
    if trunk.role == Role::Customer && own.sign != Sign::Off && own.identity == IdentityHeaders::Strip {
        let at = format!("{path}.sign");
        let fault = Fault::new("signs calls to a customer, who is no other network");
        cx.warn(cx.place(&at), &at, fault.expected("`sign` at the carriers"));
    }
}
