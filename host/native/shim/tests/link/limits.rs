//! Peers that are too many, too slow, or say nothing: nobody else notices.

use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use dobbs_shim::link::{MEMBERS_MAX, frame};

use crate::client::{Client, MESSAGE, is_patience_over, tcp};
use crate::double::{Double, NO_ANSWER};

#[test]
fn the_seventeenth_connection_is_refused_until_another_goes() {
    let double = Double::start();
    let mut members: Vec<Client> =
        (0..MEMBERS_MAX).map(|number| if number % 2 == 0 { double.unix() } else { double.tls() }).collect();
    members.iter_mut().for_each(Client::assert_alive);
    assert_eq!((members.len(), double.links()), (16, 16));
    assert_eq!(double.unix().last_error(), "E_LINK_FULL");
    assert_eq!(double.tls().last_error(), "E_LINK_FULL");
    members.iter_mut().for_each(Client::assert_alive);
    members.remove(3);
    double.wait_for_links(15);
    double.tls().assert_alive();
}

#[test]
fn a_flood_of_silent_strangers_keeps_nobody_out() {
    let double = Double::start();
    let mut member = double.tls();
    member.assert_alive();
    let mut strangers = Vec::new();
    for number in 0..300 {
        strangers.push(tcp(double.port()));
        if number % 50 == 49 {
            double.tls().assert_alive();
            double.unix().assert_alive();
        }
    }
    member.assert_alive();
}

/// All at once, since each takes its time-out.
#[test]
fn slow_peers_are_closed_and_block_nobody() {
    let double = Double::start();
    let mut waiting = double.unix();
    waiting.send(MESSAGE, NO_ANSWER);
    let mut unfinished = double.tls();
    unfinished.write(&frame::encode(MESSAGE, 1, b"half of it")[..20]).unwrap();
    let mut idle = double.tls();
    idle.assert_alive();
    let silent = tcp(double.port());

    thread::scope(|scope| {
        let closed: Vec<_> = [
            scope.spawn(|| assert_eq!(unfinished.last_error(), "E_LINK_TIMEOUT")),
            scope.spawn(|| drip(double.unix())),
            scope.spawn(|| drip(double.tls())),
            scope.spawn(|| never_read(double.unix())),
            scope.spawn(|| never_read(double.tls())),
            scope.spawn(|| {
                let ended = (&silent).read(&mut [0; 1]);
                assert!(!matches!(&ended, Err(error) if is_patience_over(error)), "{ended:?}");
            }),
        ]
        .into();
        let mut healthy = [double.unix(), double.tls()];
        for _ in 0..50 {
            healthy.iter_mut().for_each(Client::assert_alive);
        }
        let slow = closed.iter().filter(|thread| !thread.is_finished()).count();
        assert_eq!(slow, 6, "the healthy were not answered before the slow were closed");
        for thread in closed {
            thread.join().unwrap();
        }
        healthy.iter_mut().for_each(Client::assert_alive);
    });
    assert_eq!(waiting.error(), "E_LINK_BUSY");
    waiting.assert_alive();
    idle.assert_alive();
}

/// One byte now and then: each comes soon after the one before, and the frame never ends.
fn drip(mut client: Client) {
    let whole = frame::encode(MESSAGE, 1, &[0; 100]);
    for byte in whole.chunks(1) {
        if client.write(byte).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(200));
    }
    panic!("a frame may take {} s", whole.len() / 5);
}

/// Asks, and takes no answer: in the end the shim takes no question either.
fn never_read(mut client: Client) {
    let mut ended: io::Result<()> = Ok(());
    while ended.is_ok() {
        client.sent += 1;
        ended = client.write(&frame::encode(MESSAGE, client.sent, &[0; 100_000]));
    }
    assert!(!is_patience_over(&ended.unwrap_err()), "the shim neither reads nor closes");
}
