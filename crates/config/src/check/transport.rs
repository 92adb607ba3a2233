//! Transports: certificates where they are needed, and a listener for everything that is sent.

use crate::document::Cx;
use crate::model::{ClientCertificate, Config, Listen, ListenTls, Transport, Trunk};
use crate::report::Fault;
use crate::values::Host;

pub(crate) fn complete(config: &Config, cx: &mut Cx<'_>) {
    for (index, listen) in config.listen.iter().enumerate() {
        certificates(listen, &cx.entry("listen", index), cx);
    }
    for (index, trunk) in config.trunks.iter().enumerate() {
        let path = cx.entry("trunk", index);
        client_certificate(trunk, &path, cx);
        for (number, target) in trunk.targets.iter().enumerate() {
            reachable(
                config,
                trunk,
                (&target.host, target.transport),
                &format!("{path}.targets[{number}].uri"),
                cx,
            );
        }
        if let Some(register) = &trunk.register {
            let registrar = (&register.host, register.transport);
            reachable(config, trunk, registrar, &format!("{path}.register.uri"), cx);
        }
    }
}

fn certificates(listen: &Listen, path: &str, cx: &mut Cx<'_>) {
    let key = format!("{path}.tls");
    if cx.is_bad(&key) || cx.is_bad(&format!("{path}.transport")) {
        return;
    }
    match (listen.transport, &listen.tls) {
        (Transport::Tls | Transport::Wss, None) => {
            let fault = Fault::new(format!("a {} listener needs a certificate", listen.transport))
                .expected("tls = { certificate = \"cert.pem\", key = \"key.pem\" }");
            cx.refuse(cx.place(path), path, fault);
        }
        (Transport::Udp | Transport::Tcp | Transport::Ws, Some(_)) => {
            let fault = Fault::new(format!("a {} listener has no certificate", listen.transport))
                .expected("transport = \"tls\" or \"wss\", or the key left out");
            cx.refuse(cx.place(&key), &key, fault);
        }
        (Transport::Tls | Transport::Wss, Some(tls)) => pairs(tls, &key, cx),
        (Transport::Udp | Transport::Tcp | Transport::Ws, None) => {}
    }
}

fn pairs(tls: &ListenTls, path: &str, cx: &mut Cx<'_>) {
    if tls.certificate.len() != tls.key.len() || tls.certificate.is_empty() {
        let fault = Fault::new(format!(
            "{} certificates and {} keys",
            tls.certificate.len(),
            tls.key.len()
        ))
        .expected("a key for each certificate, in the same order");
        cx.refuse(cx.place(path), path, fault);
    }
    match (tls.client, &tls.client_ca) {
        (ClientCertificate::Optional | ClientCertificate::Required, None) => {
            let fault = Fault::new("clients' certificates cannot be told good from bad")
                .expected("client_ca = \"clients.pem\" beside it");
            let key = format!("{path}.client");
            cx.refuse(cx.place(&key), &key, fault);
        }
        (ClientCertificate::None, Some(_)) => {
            let key = format!("{path}.client_ca");
            let fault = Fault::new("clients are not asked for certificates")
                .expected("client = \"optional\" or \"required\" beside it");
            cx.refuse(cx.place(&key), &key, fault);
        }
        (ClientCertificate::None, None)
        | (ClientCertificate::Optional | ClientCertificate::Required, Some(_)) => {}
    }
}

fn client_certificate(trunk: &Trunk, path: &str, cx: &mut Cx<'_>) {
    let Some(tls) = &trunk.tls else { return };
    let missing = match (&tls.certificate, &tls.key) {
        (Some(_), None) => "key",
        (None, Some(_)) => "certificate",
        (Some(_), Some(_)) | (None, None) => "",
    };
    let path = format!("{path}.tls");
    if !missing.is_empty() && !cx.is_bad(&path) {
        let fault = Fault::new(format!("there is no `{missing}`")).expected("both or none of the two");
        cx.refuse(cx.place(&path), &path, fault);
    }
    if !tls.verify {
        let key = format!("{path}.verify");
        cx.warn(
            cx.place(&key),
            &key,
            Fault::new("anybody on the way can pass for this trunk"),
        );
    }
}

/// What is sent says in its Via where the answer finds us (RFC 3261 §18.1.1): there has to be somebody listening.
fn reachable(config: &Config, trunk: &Trunk, place: (&Host, Option<Transport>), path: &str, cx: &mut Cx<'_>) {
    if cx.is_bad("listen") || config.listen.is_empty() {
        return;
    }
    let Some(transport) = place.1.filter(|transport| *transport != Transport::Udp) else {
        return;
    };
    let family = |listen: &&Listen| match place.0 {
        Host::Ip(ip) => ip.is_ipv4() == listen.bind.is_ipv4(),
        Host::Name(_) => true,
    };
    let found = config
        .listen
        .iter()
        .filter(|listen| listen.network == trunk.network)
        .filter(family)
        .any(|listen| listen.transport == transport);
    if !found && cx.is_written(path) {
        let fault = Fault::new(format!(
            "is reached by {transport}, and its network has no {transport} listener for its kind of address"
        ))
        .expected(format!(
            "a [[listen]] with transport = \"{transport}\": answers come to it"
        ));
        cx.refuse(cx.place(path), path, fault);
    }
}
