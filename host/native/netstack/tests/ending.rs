mod common;

use common::{ACK, CLIENT, FIN, From, Net, PORT, RST, SERVER, flags, has, tuple};
use dobbs_netstack::{EventKind, GIVE_UP, State};

const TIME_WAIT_US: i64 = 10_000_000;

fn closed_in_order() -> (Net, u32, u32) {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    net.client.close(client).unwrap();
    net.run_for(10_000);
    assert_eq!(net.server_state(server), Some(State::CloseWait));
    net.server.close(server).unwrap();
    net.run_for(10_000);
    (net, client, server)
}

#[test]
fn both_ends_of_an_orderly_end_are_told_closed() {
    let (net, client, server) = closed_in_order();
    use EventKind::*;
    assert_eq!(Net::kinds(&net.client_events, client), [Connected, PeerClosed, Closed]);
    assert_eq!(Net::kinds(&net.server_events, server), [Accepted, PeerClosed, Closed]);
    assert_eq!(net.server_state(server), Some(State::Closed));
}

#[test]
fn time_wait_is_a_row_until_it_ends() {
    let (mut net, client, _) = closed_in_order();
    net.client.release(client).unwrap();
    assert_eq!(net.client_state(client), Some(State::TimeWait));
    net.run_for(TIME_WAIT_US - 1_000_000);
    assert_eq!(net.client_state(client), Some(State::TimeWait));
    net.run_for(1_100_000);
    assert_eq!(net.client_state(client), None);
    assert_eq!(Net::kinds(&net.client_events, client).len(), 3, "no word when it ends");
}

#[test]
fn a_closed_socket_stays_until_it_is_released() {
    let (mut net, _, server) = closed_in_order();
    net.run_for(2 * TIME_WAIT_US);
    assert_eq!(net.server_state(server), Some(State::Closed));
    net.server.release(server).unwrap();
    assert_eq!(net.server_state(server), None);
}

#[test]
fn data_is_read_before_and_after_the_peer_has_closed() {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    net.client.send(client, b"all of it").unwrap();
    net.client.close(client).unwrap();
    net.run_for(100_000);
    use EventKind::*;
    assert_eq!(Net::kinds(&net.server_events, server), [Accepted, Readable, PeerClosed]);
    assert_eq!(net.server.receive_data(server, 3).unwrap(), b"all");
    net.server.close(server).unwrap();
    net.run_for(100_000);
    assert_eq!(net.server_state(server), Some(State::Closed));
    assert_eq!(net.server.receive_data(server, usize::MAX).unwrap(), b" of it");
    assert_eq!(net.server.receive_data(server, usize::MAX).unwrap(), b"");
    assert_eq!(net.server.send(server, b"more").unwrap(), 0);
}

#[test]
fn a_lost_fin_is_sent_again() {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    let mut left = 2;
    net.loses = Box::new(move |_, frame| {
        let hit = has(frame, FIN) && left > 0;
        left -= i32::from(hit);
        hit
    });
    net.client.close(client).unwrap();
    net.server.close(server).unwrap();
    net.run_for(5_000_000);
    assert_eq!(Net::kinds(&net.client_events, client).last(), Some(&EventKind::Closed));
    assert_eq!(Net::kinds(&net.server_events, server).last(), Some(&EventKind::Closed));
}

#[test]
fn the_peers_reset_is_told_and_the_own_is_not() {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    net.client.abort(client).unwrap();
    net.run_for(10_000);
    assert_eq!(Net::kinds(&net.client_events, client), [EventKind::Connected]);
    assert_eq!(Net::kinds(&net.server_events, server), [EventKind::Accepted, EventKind::Reset]);
    assert_eq!(net.server_state(server), Some(State::Closed));
}

#[test]
fn a_reset_in_place_of_the_last_ack_is_a_reset() {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    net.client.close(client).unwrap();
    net.run_for(10_000);
    net.client.abort(client).unwrap();
    net.run_for(10_000);
    net.server.close(server).unwrap();
    net.run_for(10_000);
    assert_eq!(Net::kinds(&net.server_events, server).last(), Some(&EventKind::Reset));
}

#[test]
fn a_reset_that_does_not_fit_changes_nothing() {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    let mut forged =
        net.log.iter().rfind(|(from, frame)| *from == From::Client && flags(frame) == Some(ACK)).unwrap().1.clone();
    forged[47] |= RST;
    net.hand_over(From::Client, &forged);
    assert_eq!(net.server_state(server), Some(State::Established), "its checksum is wrong");
    assert_eq!(Net::kinds(&net.server_events, server), [EventKind::Accepted]);
    assert_eq!(net.client_state(client), Some(State::Established));
}

#[test]
fn a_connection_gives_up_on_a_silent_peer() {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    net.loses = Box::new(|_, _| true);
    net.client.send(client, b"anybody there?").unwrap();
    net.run_for(GIVE_UP.total_micros() as i64 - 1_000_000);
    assert_eq!(net.client_state(client), Some(State::Established));
    net.run_for(2_000_000);
    assert_eq!(Net::kinds(&net.client_events, client).last(), Some(&EventKind::Reset));
    assert_eq!(net.server_state(server), Some(State::Established), "it has nothing to send");
}

#[test]
fn an_idle_connection_lives_for_ever() {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    net.run_for(3_600_000_000);
    net.client.send(client, b"still here").unwrap();
    net.run_for(100_000);
    assert_eq!(net.server.receive_data(server, usize::MAX).unwrap(), b"still here");
}

#[test]
fn an_open_without_an_answer_gives_up() {
    let mut net = Net::new();
    net.connected(30_000);
    net.loses = Box::new(|_, _| true);
    let id = net.client.connect(net.at(), tuple(CLIENT, 40_000, SERVER, PORT)).unwrap();
    net.run_for(GIVE_UP.total_micros() as i64 + 1_000_000);
    assert_eq!(Net::kinds(&net.client_events, id), [EventKind::Reset]);
}

#[test]
fn a_released_connection_closes_by_itself() {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    net.client.release(client).unwrap();
    net.run_for(10_000);
    assert_eq!(Net::kinds(&net.server_events, server), [EventKind::Accepted, EventKind::PeerClosed]);
    assert_eq!(net.client_state(client), Some(State::FinWait2));
    net.run_for(GIVE_UP.total_micros() as i64 + 1_000_000);
    assert_eq!(net.client_state(client), None, "the peer never closed");
    assert_eq!(Net::kinds(&net.client_events, client), [EventKind::Connected]);
}

#[test]
fn a_new_syn_ends_time_wait() {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    net.server.close(server).unwrap();
    net.run_for(10_000);
    net.client.close(client).unwrap();
    net.run_for(10_000);
    assert_eq!(net.server_state(server), Some(State::TimeWait));
    net.client.release(client).unwrap();
    let (_, second) = net.connected(40_000);
    assert_ne!(second, server);
    assert_eq!(net.server_state(second), Some(State::Established));
    assert_eq!(net.server_state(server), Some(State::Closed));
}

#[test]
fn the_rows_of_ended_connections_do_not_disturb_new_ones_of_the_same_numbers() {
    let mut net = Net::new();
    let (first, _) = net.connected(40_000);
    net.client.abort(first).unwrap();
    net.run_for(10_000);
    let (second, accepted) = net.connected(40_000);
    net.run_for(1_000_000);
    net.client.send(second, b"hello").unwrap();
    net.run_for(100_000);
    assert_eq!(net.server.receive_data(accepted, 10).unwrap(), b"hello");
}
