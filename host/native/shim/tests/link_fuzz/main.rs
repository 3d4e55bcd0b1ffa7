//! Mutated frames and bundles, by seed, against live listeners, each of them looked at: no frame but a valid one reaches the
//! packet thread, the shim goes on answering, and its memory does not grow. In a process of its own, so that nothing else is in
//! the measured memory. A bad frame ends its connection, a bad bundle in valid frames does not; `tests/shim/fuzz.test.ts` does
//! the same with messages, which mean something to an image only.
//!
//! `DOBBS_FUZZ_SEED` and `DOBBS_FUZZ_FRAMES` change what is run.
#![allow(dead_code)]

#[path = "../link/authority.rs"]
mod authority;
#[path = "../link/bundles.rs"]
mod bundles;
#[path = "../link/client.rs"]
mod client;
#[path = "../link/double.rs"]
mod double;
mod mutate;

use std::collections::HashSet;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use client::{Client, ERROR, FLASH, MESSAGE, tcp};
use double::Double;
use mutate::{Mutant, Random};
use rustls::ClientConfig;

const SEED: u64 = 20_261_124;
const FRAMES: usize = 100_000;
const WARM_UP: usize = 4_000;
const THREADS: usize = 3;
/// Of the whole test, its clients and TLS on both sides included. Thirty bytes lost with each frame would show.
const GROWTH_MAX: usize = 6 << 20;
/// Bundles that are refused on a connection over TLS, before a frame that ends it: the handshakes take the time.
const TLS_BUNDLES: usize = 11;
const GARBAGE: usize = 5_000;

#[test]
fn mutated_frames_change_nothing() {
    let seed = setting("DOBBS_FUZZ_SEED", SEED);
    let frames = setting("DOBBS_FUZZ_FRAMES", FRAMES as u64) as usize;
    eprintln!("seed {seed}, {frames} frames a transport");
    let double = Double::start();
    let config = double.authority.client(Some(&double.authority.issue("manager", "ops")));
    let unix = || Client::unix(&double.folder.socket());
    let tls = || Client::tls(double.port(), config.clone()).expect("the shim lives on");

    let fuzz = Fuzz { double: &double };
    let mut watcher = [double.unix(), double.tls()];
    for round in [WARM_UP, frames] {
        let before = resident_bytes();
        let counts = [fuzz.run(seed, round, 0, &unix), fuzz.run(seed ^ 1, round, TLS_BUNDLES, &tls)];
        fuzz.garbage(seed ^ 2, round.min(GARBAGE), &config);
        watcher.iter_mut().for_each(Client::assert_alive);
        let growth = resident_bytes().saturating_sub(before);
        eprintln!("unix, tls: {counts:?}; {} KiB more resident", growth >> 10);
        assert!(counts.iter().all(|counts| counts.looked_at() >= round));
        assert!(round == WARM_UP || growth < GROWTH_MAX, "{growth} bytes");
    }
    drop(watcher);
    double.wait_for_links(0);
    [double.unix(), double.tls()].iter_mut().for_each(Client::assert_alive);
}

#[derive(Default, Debug)]
struct Counts {
    /// That were refused, each with its connection.
    frames: AtomicUsize,
    /// That ended before they were whole, and so their connections without a word.
    cut_off: AtomicUsize,
    /// That were refused.
    bundles: AtomicUsize,
}

impl Counts {
    fn looked_at(&self) -> usize {
        [&self.frames, &self.cut_off, &self.bundles].iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

struct Fuzz<'a> {
    double: &'a Double,
}

impl Fuzz<'_> {
    /// `count`: mutants that are looked at. `bundles`: as many on each connection.
    fn run(&self, seed: u64, count: usize, bundles: usize, connect: &(impl Fn() -> Client + Sync)) -> Counts {
        let counts = Counts::default();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let counts = &counts;
                scope.spawn(move || {
                    let mut random = Random::new(seed.wrapping_add(thread as u64 * 7919));
                    while counts.looked_at() < count {
                        self.connection(&mut random, bundles, connect(), counts);
                    }
                });
            }
        });
        let mut seen = self.double.seen();
        let strange = seen.messages.iter().filter(|message| !mutate::is_honest(message)).count();
        assert_eq!(strange, 0, "mutated messages were carried out");
        assert_eq!(std::mem::take(&mut seen.others), 0);
        assert!(seen.swaps.is_empty());
        seen.messages.clear();
        counts
    }

    /// One connection: an honest frame or none, bundles that are none, a mutant that ends it.
    fn connection(&self, random: &mut Random, bundles: usize, mut client: Client, counts: &Counts) {
        if random.below(4) == 0 {
            let honest = mutate::honest_message(random);
            assert_eq!(client.ask(MESSAGE, &honest).len(), honest.len());
        }
        for _ in 0..bundles {
            client.send(FLASH, &mutate::flash_payload(random));
            let (kind, payload) = client.receive().expect("a bundle that is refused ends no connection");
            if kind == ERROR {
                assert!(String::from_utf8_lossy(&payload).contains("E_BUNDLE_"));
                counts.bundles.fetch_add(1, Ordering::Relaxed);
            }
        }
        let Mutant { bytes, expected } = mutate::mutant(random, client.sent + 1);
        // It may be refused before it is written to its end.
        let _ = client.write(&bytes);
        client.end();
        let mut codes = HashSet::new();
        while let Ok((kind, payload)) = client.receive() {
            if kind == ERROR {
                let error: serde_json::Value = serde_json::from_slice(&payload).unwrap();
                codes.insert(error["code"].as_str().unwrap().to_owned());
            } else {
                // The honest frame before a replay.
                assert_eq!(kind, MESSAGE);
            }
        }
        let code = codes.iter().next().map(String::as_str);
        assert!(codes.len() <= 1 && code.is_none_or(|code| code.starts_with("E_LINK_")), "{codes:?}");
        assert!(expected.is_none() || code == expected, "{code:?}, and not {expected:?}: {bytes:02x?}");
        let count = if code.is_some() { &counts.frames } else { &counts.cut_off };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// What is no TLS, or was one before it was mutated, at the port.
    fn garbage(&self, seed: u64, count: usize, config: &Arc<ClientConfig>) {
        let mut random = Random::new(seed);
        let mut hello = Vec::new();
        let mut client = rustls::ClientConnection::new(config.clone(), "127.0.0.1".try_into().unwrap()).unwrap();
        client.write_tls(&mut hello).unwrap();
        for _ in 0..count {
            let bytes = match random.below(3) {
                0 => random.bytes(300),
                1 => mutate::flipped(&mut random, &hello),
                _ => mutate::flipped(&mut random, &dobbs_shim::link::frame::encode(MESSAGE, 1, b"in the clear")),
            };
            let mut socket = tcp(self.double.port());
            let _ = socket.write_all(&bytes);
            let _ = socket.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            // An alert, or the handshake's next step to a hello that survived, or nothing.
            let _ = socket.read_to_end(&mut answer);
            assert!(answer.first().is_none_or(|kind| [20, 21, 22].contains(kind)), "{answer:02x?}");
        }
        assert!(self.double.seen().messages.is_empty());
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("RssAnon:")).expect("Linux tells it");
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}
