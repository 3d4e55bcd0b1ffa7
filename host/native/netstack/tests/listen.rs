mod common;

use common::{ACK, CLIENT, From, Net, PORT, RST, SERVER, SYN, flags, has, tuple};
use dobbs_netstack::{Error, EventKind, State};

/// The client's SYNs, taken off the wire.
fn syns(net: &mut Net, ports: std::ops::Range<u16>) -> Vec<Vec<u8>> {
    // So that the client knows where the server is.
    net.connected(30_000);
    net.log.clear();
    net.loses = Box::new(|from, frame| from == From::Client && has(frame, SYN));
    for port in ports {
        net.client.connect(net.at(), tuple(CLIENT, port, SERVER, PORT)).unwrap();
    }
    net.run_for(10);
    net.loses = Box::new(|_, _| false);
    net.log.iter().filter(|(_, frame)| flags(frame) == Some(SYN)).map(|(_, frame)| frame.clone()).collect()
}

#[test]
fn a_burst_of_opens_draws_no_reset() {
    let mut net = Net::new();
    let burst = syns(&mut net, 40_000..40_200);
    assert_eq!(burst.len(), 200);
    for syn in &burst {
        net.hand_over(From::Client, syn);
    }
    assert_eq!(net.server.rows().iter().filter(|row| row.state == State::SynReceived).count(), 200);
    net.run_for(1_000_000);
    assert!(!net.log.iter().any(|(_, frame)| has(frame, RST)));
    assert_eq!(net.server.rows().iter().filter(|row| row.state == State::Established).count(), 201);
}

#[test]
fn a_repeated_syn_makes_one_connection() {
    let mut net = Net::new();
    let burst = syns(&mut net, 40_000..40_001);
    for _ in 0..3 {
        net.hand_over(From::Client, &burst[0]);
    }
    assert_eq!(net.server.rows().len(), 2, "this one, and the one before");
    net.run_for(1_000_000);
    assert!(!net.log.iter().any(|(_, frame)| has(frame, RST)));
    assert!(net.server.rows().iter().all(|row| row.state == State::Established));
    net.hand_over(From::Client, &burst[0]);
    assert_eq!(net.server.rows().len(), 2);
}

#[test]
fn a_repeated_syn_makes_one_connection_when_a_lower_place_is_free() {
    let mut net = Net::new();
    let (old_client, old_server) = net.connected(30_001);
    let burst = syns(&mut net, 40_000..40_001);
    net.hand_over(From::Client, &burst[0]);
    // The old connection's socket makes place, and the next listener takes it.
    net.server.abort(old_server).unwrap();
    net.server.release(old_server).unwrap();
    net.client.release(old_client).unwrap();
    net.run_for(50);
    net.connected(30_002);
    net.log.clear();
    net.hand_over(From::Client, &burst[0]);
    net.connected(30_003);
    let same = tuple(SERVER, PORT, CLIENT, 40_000);
    assert_eq!(net.server.rows().iter().filter(|row| row.tuple == same).count(), 1);
    assert!(!net.log.iter().any(|(_, frame)| has(frame, RST)));
}

#[test]
fn half_open_connections_are_rows_and_not_yet_accepted() {
    let mut net = Net::new();
    let burst = syns(&mut net, 40_000..40_001);
    net.hand_over(From::Client, &burst[0]);
    let row = net.server.rows().pop().unwrap();
    assert_eq!((row.state, row.tuple), (State::SynReceived, tuple(SERVER, PORT, CLIENT, 40_000)));
    assert_eq!(Net::kinds(&net.server_events, row.id), []);
}

#[test]
fn a_half_open_connection_that_is_reset_leaves_without_a_word() {
    let mut net = Net::new();
    let burst = syns(&mut net, 40_000..40_001);
    net.hand_over(From::Client, &burst[0]);
    let id = net.server.rows().pop().unwrap().id;
    let port = |row: &dobbs_netstack::Row| row.tuple.local.1;
    let client = net.client.rows().into_iter().find(|row| port(row) == 40_000).unwrap().id;
    // Once the SYN+ACK is there, the client aborts.
    net.loses = Box::new(|from, frame| from == From::Client && !has(frame, RST));
    net.run_for(150);
    net.client.abort(client).unwrap();
    net.run_for(1_000);
    assert!(net.log.iter().any(|(from, frame)| *from == From::Client && has(frame, RST)));
    assert_eq!(net.server_state(id), None);
    assert_eq!(Net::kinds(&net.server_events, id), []);
    net.loses = Box::new(|_, _| false);
    net.connected(40_001);
}

#[test]
fn a_half_open_connection_without_an_answer_runs_out() {
    let mut net = Net::new();
    let burst = syns(&mut net, 40_000..40_001);
    net.loses = Box::new(|_, _| true);
    net.hand_over(From::Client, &burst[0]);
    let id = net.server.rows().pop().unwrap().id;
    net.run_for(59_000_000);
    assert_eq!(net.server_state(id), Some(State::SynReceived));
    net.run_for(2_000_000);
    assert_eq!(net.server_state(id), None);
    assert!(!net.log.iter().any(|(from, frame)| *from == From::Server && has(frame, RST)));
}

#[test]
fn a_segment_of_an_unknown_connection_draws_a_reset() {
    let mut net = Net::new();
    let (_, server) = net.connected(40_000);
    let segment =
        net.log.iter().rfind(|(from, frame)| *from == From::Client && flags(frame) == Some(ACK)).unwrap().1.clone();
    net.server.abort(server).unwrap();
    net.server.release(server).unwrap();
    net.loses = Box::new(|_, _| true);
    net.run_for(1_000);
    net.log.clear();
    net.hand_over(From::Client, &segment);
    net.run_for(10);
    assert_eq!(net.log.len(), 1);
    assert!(has(&net.log[0].1, RST));
}

#[test]
fn a_syn_to_a_port_without_a_listener_draws_a_reset_and_the_client_is_told() {
    let mut net = Net::new();
    let id = net.client.connect(net.at(), tuple(CLIENT, 40_000, SERVER, PORT + 1)).unwrap();
    net.run_for(10_000);
    assert_eq!(Net::kinds(&net.client_events, id), [EventKind::Reset]);
    assert_eq!(net.client_state(id), Some(State::Closed));
}

#[test]
fn misuse_is_refused() {
    let mut net = Net::new();
    let (id, _) = net.connected(40_000);
    let again = tuple(CLIENT, 40_000, SERVER, PORT);
    assert_eq!(net.client.connect(net.at(), again), Err(Error::Connected(again)));
    let foreign = tuple(SERVER, 40_001, SERVER, PORT);
    assert_eq!(net.client.connect(net.at(), foreign), Err(Error::Endpoint(foreign)));
    let nowhere = tuple(CLIENT, 40_001, SERVER, 0);
    assert_eq!(net.client.connect(net.at(), nowhere), Err(Error::Endpoint(nowhere)));
    assert_eq!(net.server.listen(PORT), Err(Error::Port(PORT)));
    assert_eq!(net.server.listen(0), Err(Error::Port(0)));
    assert_eq!(net.client.send(id + 1, b"x"), Err(Error::UnknownSocket(id + 1)));
}
