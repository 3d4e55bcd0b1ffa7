mod common;

use common::{ACK, CLIENT, From, Net, PORT, SYN, VIP, flags, has, pattern, tuple};
use dobbs_netstack::{EventKind, MTU, State};

#[test]
fn a_connection_opens_and_both_ends_are_told() {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    assert_eq!(Net::kinds(&net.client_events, client), [EventKind::Connected]);
    assert_eq!(Net::kinds(&net.server_events, server), [EventKind::Accepted]);
    assert_eq!(net.client_state(client), Some(State::Established));
    assert_eq!(net.server_state(server), Some(State::Established));
}

#[test]
fn a_connection_to_the_further_address_is_answered_from_it() {
    let mut net = Net::new();
    // Nobody answers ARP for that address: the appliance does.
    net.client.connect(net.at(), tuple(CLIENT, 40_000, VIP, PORT)).unwrap();
    net.run_for(1_000);
    assert!(!net.log.iter().any(|(_, frame)| has(frame, SYN)));
    let mut answer = vec![0; 42];
    answer[0..6].copy_from_slice(&[2, 0, 0, 0, 0, 2]);
    answer[6..12].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    answer[12..22].copy_from_slice(&[0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2]);
    answer[22..28].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    answer[28..32].copy_from_slice(&VIP.octets());
    answer[32..38].copy_from_slice(&[2, 0, 0, 0, 0, 2]);
    answer[38..42].copy_from_slice(&CLIENT.octets());
    net.hand_over(From::Server, &answer);
    net.run_for(5_000);
    let row = &net.server.rows()[0];
    assert_eq!((row.state, row.tuple), (State::Established, tuple(VIP, PORT, CLIENT, 40_000)));
}

#[test]
fn a_transfer_arrives_whole_in_frames_of_full_size() {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    let data = pattern(1_000_000);
    assert!(net.upload(client, server, &data) == data);
    let longest = net.log.iter().map(|(_, frame)| frame.len()).max();
    assert_eq!(longest, Some(MTU + 14));
}

#[test]
fn a_transfer_survives_loss_in_both_directions() {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    let mut count = 0;
    net.loses = Box::new(move |_, _| {
        count += 1;
        count % 13 == 0
    });
    let data = pattern(300_000);
    assert!(net.upload(client, server, &data) == data);
    assert_eq!(net.client_state(client), Some(State::Established));
}

#[test]
fn a_lost_handshake_segment_is_sent_again() {
    for lost in [SYN, SYN | ACK, ACK] {
        let mut net = Net::new();
        let mut left = 1;
        net.loses = Box::new(move |_, frame| {
            let hit = flags(frame) == Some(lost) && left > 0;
            left -= i32::from(hit);
            hit
        });
        let id = net.client.connect(net.at(), tuple(CLIENT, 40_000, common::SERVER, PORT)).unwrap();
        net.run_for(10_000_000);
        assert_eq!(net.client_state(id), Some(State::Established), "without {lost}");
        assert_eq!(net.server_state(net.server.rows()[0].id), Some(State::Established), "without {lost}");
    }
}

#[test]
fn a_cut_send_is_followed_by_writable() {
    let mut net = Net::new();
    let (client, _) = net.connected(40_000);
    let room = net.client.send_room(client).unwrap();
    assert_eq!(room, 65_536);
    assert_eq!(net.client.send(client, &pattern(70_000)).unwrap(), room);
    assert_eq!(net.client.send_room(client).unwrap(), 0);
    net.run_for(100_000);
    assert!(Net::kinds(&net.client_events, client).contains(&EventKind::Writable));
    assert!(net.client.send_room(client).unwrap() > 0);
}

#[test]
fn a_whole_send_is_not_followed_by_writable() {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    net.client.send(client, &pattern(1_000)).unwrap();
    net.run_for(100_000);
    assert_eq!(Net::kinds(&net.client_events, client), [EventKind::Connected]);
    assert_eq!(Net::kinds(&net.server_events, server), [EventKind::Accepted, EventKind::Readable]);
}

#[test]
fn the_same_calls_give_the_same_frames() {
    let run = || {
        let mut net = Net::new();
        let (client, server) = net.connected(40_000);
        net.upload(client, server, &pattern(50_000));
        net.log
    };
    assert!(run() == run());
}

#[test]
fn the_seed_makes_the_sequence_numbers() {
    let first_syn = |seed| {
        let client = common::stack(common::CLIENT_MAC, &["10.0.0.2/24"], seed);
        let mut net = Net::with(client, common::stack(common::SERVER_MAC, &["10.0.0.1/24"], 1));
        net.connected(40_000);
        net.log.iter().find(|(_, frame)| has(frame, SYN)).unwrap().1[38..42].to_vec()
    };
    assert_eq!(first_syn(7), first_syn(7));
    assert_ne!(first_syn(7), first_syn(8));
}
