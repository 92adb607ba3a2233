//! What leaves, and what is left alone.

use super::*;

/// A packet of the flow's source, changed.
fn frame(flow: &Flow, payload: Vec<u8>, change: impl FnOnce(&mut Frame)) -> Vec<u8> {
    let mut frame = Frame::new(flow.from, flow.local, payload);
    change(&mut frame);
    frame.bytes()
}

#[test]
fn what_leaves_has_the_other_legs_addresses_and_right_checksums() {
    for flow in [flow(), flow_v6()] {
        let Some(rig) = Rig::new(flow.clone()) else { return };
        // The marker, odd lengths, a padded packet, another payload type, ECN bits.
        for (type_in, type_out, length, class) in [
            (0, 0, 172, 0),
            (0x80, 0x80, 172, 3),
            (96, 111, 171, 0xb9),
            (0x80 | 96, 0x80 | 111, 13, 2),
            (8, 8, 12, 1),
        ] {
            for sequence in 0..200_u16 {
                let mut payload = rtp(type_in, 0xdead_beef, sequence.wrapping_mul(331));
                payload.truncate(length);
                let sent = frame(&flow, payload.clone(), |frame| frame.class = class);
                let left = rig.relays(&sent, "relayed");
                payload[1] = type_out;
                assert_eq!((left.from, left.to), (flow.via, flow.to));
                assert_eq!((left.ttl, left.class), (63, 46 << 2 | class & 3));
                assert_eq!(left.payload, payload);
            }
        }
    }
}

#[test]
fn a_wrong_checksum_stays_wrong() {
    // By as much as it was: the next to look at it drops the packet.
    for flow in [flow(), flow_v6()] {
        let Some(rig) = Rig::new(flow.clone()) else { return };
        let mut sent = frame(&flow, rtp(96, 1, 1), |_| {});
        let last = sent.len() - 1;
        sent[last] ^= 0x10;
        let (_, left) = rig.run(&sent);
        let left = Frame::parse(&left);
        assert_eq!(left.to, flow.to);
        let check = std::panic::catch_unwind(|| left.check());
        assert!(check.is_err(), "it became right");
    }
}

#[test]
fn a_packet_without_a_checksum_stays_without_where_that_is_allowed() {
    let Some(rig) = Rig::new(flow()) else { return };
    let left = rig.relays(
        &frame(&flow(), rtp(96, 1, 1), |frame| frame.no_checksum = true),
        "IPv4",
    );
    assert!(left.no_checksum);
    let Some(rig) = Rig::new(flow_v6()) else { return };
    rig.is_left(
        &frame(&flow_v6(), rtp(0, 1, 1), |frame| frame.no_checksum = true),
        "IPv6",
    );
}

#[test]
fn what_is_odd_goes_up_as_it_is() {
    let flow = flow();
    let Some(rig) = Rig::new(flow.clone()) else { return };
    let plain = || frame(&flow, rtp(0, 1, 1), |_| {});
    let changed = |change: fn(&mut Frame)| frame(&flow, rtp(0, 1, 1), change);
    rig.is_left(&changed(|frame| frame.options = vec![1; 4]), "options");
    rig.is_left(&changed(|frame| frame.fragment = 0x2000), "the first fragment");
    rig.is_left(&changed(|frame| frame.fragment = 0x0003), "a later fragment");
    rig.is_left(&changed(|frame| frame.ttl = 1), "the last hop");
    rig.is_left(&changed(|frame| frame.from.set_port(4001)), "another port");
    rig.is_left(
        &changed(|frame| frame.from.set_ip([127, 1, 1, 2].into())),
        "another source",
    );
    rig.is_left(&changed(|frame| frame.to.set_port(5001)), "to another port");
    for (at, value, why) in [
        (24, 0x55, "the header's checksum"),
        (17, 0xff, "an IP length beyond the frame"),
        (39, 0xff, "a UDP length beyond the packet"),
        (39, 7, "a UDP length shorter than its header"),
        (12, 0x81, "another protocol: a VLAN tag"),
        (0, 2, "to another host"),
        (23, 6, "TCP"),
    ] {
        let mut frame = plain();
        frame[at] = value;
        if at == 39 {
            frame[38] = 0;
        }
        if value == 0xff {
            frame[at - 1] = 1;
        }
        rig.is_left(&frame, why);
    }
    rig.is_left(&plain()[..40], "cut short");
    rig.relays(&plain(), "the same, unchanged");
    // What is behind the datagram, such as the padding of a short frame, goes along.
    let mut padded = plain();
    padded.extend([0; 18]);
    rig.relays(&padded, "padded");
}

/// The stack or the network card may have put several datagrams together; the socket takes them apart again.
#[test]
fn a_super_packet_is_not_relayed_as_one() {
    let flow = flow();
    let Some(rig) = Rig::new(flow.clone()) else { return };
    let sent = frame(&flow, [rtp(0, 1, 1), rtp(0, 1, 2)].concat(), |_| {});
    // `gso_segs` and `gso_size` of `struct __sk_buff`.
    let mut context = [0; 184];
    context[164] = 2;
    context[176] = 172;
    let result = locked(&rig.path.links)
        .program()
        .test_run(TestRunOptions {
            data_in: Some(&sent),
            ctx_in: Some(&context),
            ..TestRunOptions::new()
        })
        .unwrap();
    assert_eq!((result.return_value, rig.ledger().packets), (NEXT, 0));
}

#[test]
fn ipv6_extension_headers_go_up() {
    let flow = flow_v6();
    let Some(rig) = Rig::new(flow.clone()) else { return };
    for (kind, header) in [(0, [17, 0, 1, 4, 0, 0, 0, 0]), (44, [17, 0, 0, 1, 0, 0, 0, 9])] {
        let sent = frame(&flow, rtp(0, 1, 1), |frame| {
            (frame.extension, frame.options) = (kind, header.to_vec())
        });
        rig.is_left(&sent, "an extension header");
    }
    rig.is_left(&frame(&flow, rtp(0, 1, 1), |frame| frame.ttl = 1), "the last hop");
    rig.relays(&frame(&flow, rtp(0, 1, 1), |_| {}), "without");
}

#[test]
fn a_packet_by_an_interface_that_does_not_lead_to_its_source_goes_up() {
    // An off-path sender on the local network pretends to be a peer on this host, or behind another interface.
    let Some(path) = path() else { return };
    let joints = Joints {
        iif: 7,
        oif: 0,
        types: 0,
    };
    let place = locked(&path.table)
        .insert(&flow(), joints, &Ledger::default())
        .unwrap();
    let sent = frame(&flow(), rtp(0, 1, 1), |_| {});
    assert_eq!(run(&path, &sent), (NEXT, sent));
    assert_eq!(locked(&path.table).remove(&place).unwrap().packets, 0);
}

#[test]
fn numbers_are_rewritten_and_counted_as_they_came() {
    let rewrite = Rewrite {
        of: 1,
        ssrc: 0x0102_0304,
        sequence: 0xfff0,
        timestamp: 0xffff_0000,
    };
    let flow = Flow {
        rewrite: Some(rewrite),
        ..flow()
    };
    let Some(rig) = Rig::new(flow.clone()) else { return };
    for sequence in (0..60).chain([63, 62, 64]) {
        let payload = rtp(96, 1, sequence);
        let left = rig.relays(&frame(&flow, payload.clone(), |_| {}), "of the source");
        let mut expected = payload;
        expected[1] = 111;
        expected[2..4].copy_from_slice(&sequence.wrapping_add(0xfff0).to_be_bytes());
        expected[4..8].copy_from_slice(&(u32::from(sequence) * 160).wrapping_sub(0x1_0000).to_be_bytes());
        expected[8..12].copy_from_slice(&[1, 2, 3, 4]);
        assert_eq!(left.payload, expected);
    }
    let ledger = rig.ledger();
    let run = ledger.run.clone().unwrap();
    assert_eq!((run.ssrc, run.highest, run.unique), (1, 0x1_0000 + 64, 63));
    assert_eq!((ledger.packets, ledger.reordered, ledger.sequence), (63, 1, 64));
    rig.is_left(&frame(&flow, rtp(96, 2, 65), |_| {}), "another source");
    rig.is_left(&frame(&flow, rtp(96, 1, 64 + 3000), |_| {}), "a restart ahead");
    rig.is_left(
        &frame(&flow, rtp(96, 1, 64_u16.wrapping_sub(3001)), |_| {}),
        "a restart behind",
    );
    rig.relays(&frame(&flow, rtp(96, 1, 64 + 2999), |_| {}), "a gap");
}

#[test]
fn a_type_that_is_listened_to_goes_up_counted_and_marked() {
    for flow in [flow(), flow_v6()] {
        let Some(rig) = Rig::new(flow.clone()) else { return };
        rig.relays(&frame(&flow, rtp(0, 1, 1), |_| {}), "audio");
        let event = rtp(101, 1, 2);
        let (said, left) = rig.run(&frame(&flow, event.clone(), |_| {}));
        let left = Frame::parse(&left);
        left.check();
        let mut marked = event;
        marked[0] |= COUNTED;
        assert_eq!((said, left.from, left.to), (NEXT, flow.from, flow.local));
        assert_eq!((left.payload, left.ttl), (marked, 64));
        rig.relays(&frame(&flow, rtp(0, 1, 3), |_| {}), "audio");
        let ledger = rig.ledger();
        assert_eq!(
            (ledger.packets, ledger.up, ledger.forwarded, ledger.refused),
            (3, 1, 2, 0)
        );
        assert_eq!(ledger.run.unwrap().unique, 3, "no gap where the event was");
        let (said, _) = rig.run(&frame(&flow, rtp(9, 1, 4), |_| {}));
        assert_eq!((said, rig.ledger().refused), (SHOT, 1));
    }
}

#[test]
fn fax_is_any_bytes() {
    let flow = Flow {
        kind: StreamKind::Udptl,
        ..flow()
    };
    let Some(rig) = Rig::new(flow.clone()) else { return };
    for length in [1, 6, 11, 12, 200] {
        let payload = vec![0x5a; length];
        let left = rig.relays(&frame(&flow, payload.clone(), |_| {}), "fax");
        assert_eq!((left.to, left.payload), (flow.to, payload));
    }
    let ledger = rig.ledger();
    assert_eq!((ledger.packets, ledger.bytes, ledger.run), (5, 230, None));
    assert!(ledger.last.is_some());
    rig.is_left(
        &frame(&flow, vec![1; 9], |frame| frame.from.set_port(1)),
        "another source",
    );
}

#[test]
fn rtcp_stays_up_where_it_shares_the_port() {
    let mux = Flow { mux: true, ..flow() };
    for (flow, is_muxed) in [(flow(), false), (mux, true)] {
        let Some(rig) = Rig::new(flow.clone()) else { return };
        let feedback = frame(&flow, rtp(206, 1, 1), |_| {});
        if is_muxed {
            rig.is_left(&feedback, "feedback");
        } else {
            // Payload type 78 with the marker, which does not pass.
            assert_eq!(rig.run(&feedback).0, SHOT);
        }
        rig.is_left(&frame(&flow, rtp(200, 1, 1), |_| {}), "a report");
    }
}
