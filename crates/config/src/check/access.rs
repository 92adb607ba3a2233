//! Users, and registrations of ours.

use crate::document::Cx;
use crate::model::{Auth, Challenge, Config, Target, Trunk};
use crate::report::{Fault, quote};
use std::collections::HashMap;
use std::sync::Arc;

/// Judges `users` and `register`, and fills in what follows from them.
pub(super) fn complete(config: &mut Config, cx: &mut Cx<'_>) {
    users(config, cx);
    for (index, trunk) in config.trunks.iter_mut().enumerate() {
        let path = cx.entry("trunk", index);
        let written = cx.is_written(&format!("{path}.challenge"));
        if trunk.challenge == Challenge::Elsewhere
            && (trunk.users.is_empty() || trunk.sources.is_empty())
            && written
        {
            let at = format!("{path}.challenge");
            let fault = Fault::new("says nothing without both `users` and `sources`");
            cx.warn(cx.place(&at), &at, fault);
        }
        register(trunk, &path, cx);
    }
    let registrar = &config.registrar;
    if registrar.min_expires > registrar.max_expires && !cx.is_bad("registrar") {
        let at = "registrar.min_expires";
        let fault = Fault::new("is above `max_expires`").expected("at most `max_expires`");
        cx.refuse(cx.place(at), at, fault);
    }
}

/// Each name and each number belongs to one user.
fn users(config: &Config, cx: &mut Cx<'_>) {
    let mut names: HashMap<&str, String> = HashMap::new();
    let mut numbers: HashMap<(&str, bool), String> = HashMap::new();
    for (at, trunk) in config.trunks.iter().enumerate() {
        for (index, user) in trunk.users.iter().enumerate() {
            let path = format!("{}.users[{index}]", cx.entry("trunk", at));
            let owner = format!("{} of trunk {}", quote(&user.username), quote(&trunk.name));
            if let Some(other) = names.insert(&user.username, owner.clone()) {
                let key = format!("{path}.username");
                let fault = Fault::new(format!("there is a user {other} already"));
                cx.refuse(
                    cx.place(&key),
                    &key,
                    fault.expected("a name that no other user has"),
                );
            }
            for (number, pattern) in user.numbers.iter().enumerate() {
                let digits = (pattern.digits.as_str(), pattern.prefix);
                if let Some(other) = numbers.insert(digits, owner.clone()) {
                    let key = format!("{path}.numbers[{number}]");
                    let fault = Fault::new(format!("is a number of user {other} already"));
                    cx.refuse(cx.place(&key), &key, fault.expected("each number at one user"));
                }
            }
        }
    }
}

fn register(trunk: &mut Arc<Trunk>, path: &str, cx: &mut Cx<'_>) {
    let Some(register) = &trunk.register else { return };
    let own = register.username.clone().zip(register.password.clone());
    let refused = ["auth", "register"].map(|key| cx.is_bad(&format!("{path}.{key}")));
    if own.is_none() && trunk.auth.is_none() && refused == [false; 2] {
        let at = format!("{path}.register");
        let fault = Fault::new("has no `username` and `password`");
        cx.refuse(cx.place(&at), &at, fault.expected("both, here or in `auth`"));
        return;
    }
    let target = Target {
        region: None,
        uri: register.uri.clone(),
        priority: 1,
        weight: 1,
        host: register.host.clone(),
        port: register.port,
        transport: register.transport,
        sips: false,
    };
    // The registrar's credentials are the carrier's: it asks for them at calls too.
    if let Some((username, password)) = own.filter(|_| trunk.auth.is_none()) {
        Arc::make_mut(trunk).auth = Some(Auth {
            username,
            password,
            realm: None,
        });
    }
    if trunk.targets.is_empty() {
        Arc::make_mut(trunk).targets = vec![target];
    }
}
