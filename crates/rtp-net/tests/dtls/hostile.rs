//! What a stranger may send.

use super::pair::{CLIENT, Dice, Pair, SERVER, identity, setup};
use rtp_proto::dtls::{Association, Engines, Event, Role};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Handshakes to be mutated: all their datagrams.
fn recorded() -> Vec<Vec<u8>> {
    let (client, server) = (identity(), identity());
    let mut pair = Pair::new(&client, &server);
    pair.run(Duration::from_secs(2), |_| vec![Duration::from_millis(5)]);
    assert!(pair.sent.len() >= 6, "{}", pair.sent.len());
    pair.sent
}

fn mutated(dice: &mut Dice, seeds: &[Vec<u8>]) -> Vec<u8> {
    let pick = |dice: &mut Dice| dice.roll(seeds.len() as u64) as usize;
    let mut bytes = seeds[pick(dice)].clone();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(bytes.len().max(1) as u64) as usize;
        match dice.roll(7) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] = dice.roll(256) as u8,
            2 if !bytes.is_empty() => bytes[at] ^= 1 << dice.roll(8),
            // Lengths and counters of a record's and a handshake message's head.
            3 if bytes.len() > 25 => bytes[dice.roll(25) as usize] = dice.roll(256) as u8,
            4 => bytes.extend_from_within(at..),
            5 => {
                let other = &seeds[pick(dice)];
                bytes.splice(at.min(bytes.len()).., other.iter().copied());
            }
            _ => bytes.insert(at.min(bytes.len()), dice.roll(256) as u8),
        }
    }
    bytes.truncate(4000);
    bytes
}

/// Ten thousand datagrams that are almost right, from the peer's own address, at the start and in the middle of a handshake of
/// either role: no panic, no keys, no more kept than the bounds allow; and the real peer is served in the end.
#[test]
fn ten_thousand_mutated_datagrams() {
    let seeds = recorded();
    let (client, server) = (identity(), identity());
    let mut dice = Dice(7);
    let peer = CLIENT.parse().unwrap();
    for role in [Role::Passive, Role::Active] {
        let mut now = Instant::now();
        let fresh = |now| {
            let setup = setup(role, &[client.fingerprint()]);
            Association::new(now, server.clone() as Arc<dyn Engines>, setup, true)
        };
        let mut association = fresh(now);
        let mut buffer = [0; 2048];
        let mut answers = 0;
        for n in 0..5000 {
            association.reach(now, peer);
            let honest = dice.roll(4) == 0;
            let datagram = if honest {
                seeds[dice.roll(4) as usize].clone()
            } else {
                mutated(&mut dice, &seeds)
            };
            association.receive(now, peer, &datagram);
            now += Duration::from_millis(dice.roll(20));
            association.handle_timeout(now);
            while association.poll_transmit(&mut buffer).is_some() {
                answers += 1;
            }
            while let Some(event) = association.poll_event() {
                match event {
                    Event::Keys { .. } => panic!("keys out of nothing"),
                    Event::Failed(_) | Event::Closed => association = fresh(now),
                }
            }
            if n % 500 == 499 {
                association = fresh(now);
            }
        }
        assert!(
            answers > 50,
            "{role:?}: {answers} answers: nothing was taken seriously"
        );
    }
}

/// The same in the midst of a handshake that is under way, and after it.
#[test]
fn a_handshake_survives_what_is_thrown_in() {
    let (client, server) = (identity(), identity());
    let mut done = 0;
    for seed in 0..60 {
        let mut dice = Dice(1000 + seed);
        let mut pair = Pair::new(&client, &server);
        for _ in 0..200 {
            pair.run(Duration::from_millis(10), |_| vec![Duration::from_millis(5)]);
            if dice.roll(4) == 0 {
                // What was said in this very handshake, changed.
                let said = pair.sent.clone();
                let junk = mutated(&mut dice, &said);
                let (index, from) = if dice.roll(2) == 0 {
                    (1, CLIENT)
                } else {
                    (0, SERVER)
                };
                pair.ends[index].receive(pair.now, from.parse().unwrap(), &junk);
            }
        }
        let keys = [0, 1].map(|index| pair.keys(index).cloned());
        if let [Some(client), Some(server)] = keys {
            assert_eq!(client.local, server.remote);
            done += 1;
        }
    }
    // Who can write into the path can prevent a handshake; most get through all the same.
    assert!(done >= 40, "{done} of 60");
}
