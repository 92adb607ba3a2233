//! Header rules, pass lists and what of the SDP is left out.

use super::*;

/// Header rules of both trunks in both directions, the pass list both ways, and what of the SDP is left out.
#[test]
fn rules_change_what_a_trunk_sends_and_gets() {
    let bed = quick(|setup| {
        let rules = r#"headers = [
            { action = "add", name = "X-Call", value = "{caller} to {called} by {trunk}" },
            { action = "remove", name = "User-Agent" },
            { action = "rewrite", name = "X-Account", match = "^(\\d+)$", value = "acct-$1" },
            { action = "set", name = "X-Echo", value = "changed", direction = "from", on = "answers" },
            { action = "add", name = "X-Ended", value = "{call_id}", on = ["requests"] },
        ]"#;
        let own = r#"headers = [
            { action = "add", name = "X-Account", value = "7", direction = "from" },
            { action = "remove", name = "X-Debug", match = "^on$", direction = "from" },
            { action = "add", name = "X-Seen", value = "yes", on = "answers" },
        ]"#;
        setup
            .sip("user_agent = \"Tandem\"")
            .key("b1", rules)
            .key(
                "b1",
                "sdp = { remove_attributes = [\"ssrc\"], remove_bandwidth = true, ptime = 30 }",
            )
            .key("pbx", own)
            .key("pbx", "pass_headers = [\"X-Account\", \"X-Debug\", \"X-Echo\"]")
    });
    let (alice, bob) = (bed.peer_a(), bed.peer_b1());
    let offer =
        sdp::offer(bed.places.rtp_a).replace("t=0 0\r\n", "b=AS:64\r\nt=0 0\r\n") + "a=ssrc:1 cname:x\r\n";
    let headers = [("X-Debug", "on"), ("X-Debug", "off"), ("X-Other", "stays here")];
    let call = alice.invite_with(support::NUMBER, &headers, Some(&offer));
    let leg = bob.incoming();
    let invite = invite_of(&leg);
    let named = |message: &Message, name: &str| text(message.header_named(name).unwrap_or_default());
    assert_eq!(
        named(&invite, "X-Call"),
        format!("+442071838750 to {} by b1", support::NUMBER)
    );
    assert_eq!(
        (named(&invite, "X-Account"), named(&invite, "User-Agent")),
        ("acct-7".to_owned(), String::new())
    );
    assert_eq!(
        (named(&invite, "X-Debug"), named(&invite, "X-Other")),
        ("off".to_owned(), String::new())
    );
    let body = text(&invite.body());
    assert!(
        body.contains("a=ptime:30") && !body.contains("a=ptime:20"),
        "{body}"
    );
    assert!(!body.contains("a=ssrc") && !body.contains("b=AS"), "{body}");
    leg.reply_with(180, &[("X-Echo", "as it was")], None);
    let ringing = call.expect(180);
    assert_eq!(
        (named(&ringing, "X-Echo"), named(&ringing, "X-Seen")),
        ("changed".to_owned(), "yes".to_owned())
    );
    leg.answer(&sdp::offer(bed.places.rtp_b1));
    let ok = call.expect(200);
    assert_eq!(
        (named(&ok, "X-Echo"), named(&ok, "X-Seen")),
        ("changed".to_owned(), "yes".to_owned())
    );
    let body = text(&ok.body());
    assert!(body.contains("a=ptime:20"), "{body}");
    call.ack();
    leg.expect_request("ACK");
    call.bye();
    let bye = leg.ok("BYE");
    call.expect(200);
    let record = &bed.finish(1)[0];
    assert_eq!(named(&bye, "X-Ended"), record.text("id"));
    assert_eq!(named(&invite, "X-Ended"), record.text("id"));
}
