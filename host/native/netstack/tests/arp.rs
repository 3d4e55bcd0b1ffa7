mod common;

use common::{CLIENT, CLIENT_MAC, From, Net, PORT, SERVER, SERVER_MAC, VIP, is_arp, is_ipv4, stack, tuple};
use dobbs_netstack::{Ipv4Address, State};

const REQUEST: u8 = 1;
const REPLY: u8 = 2;

/// (operation, sender's address, target's address) of every ARP frame of one side.
fn arps(net: &Net, side: From) -> Vec<(u8, Ipv4Address, Ipv4Address)> {
    let address = |bytes: &[u8]| Ipv4Address::from_octets(bytes.try_into().unwrap());
    let sent = net.log.iter().filter(|(from, frame)| *from == side && is_arp(frame));
    sent.map(|(_, frame)| (frame[21], address(&frame[28..32]), address(&frame[38..42]))).collect()
}

fn ask(net: &mut Net, target: Ipv4Address) {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 2, 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, REQUEST, 2, 0, 0, 0, 0, 2]);
    frame.extend(CLIENT.octets());
    frame.extend([0; 6]);
    frame.extend(target.octets());
    net.hand_over(From::Client, &frame);
    net.run_for(10);
}

#[test]
fn a_connection_asks_once_and_sends_when_it_knows() {
    let mut net = Net::new();
    net.connected(40_000);
    assert_eq!(arps(&net, From::Client), [(REQUEST, CLIENT, SERVER)]);
    assert_eq!(arps(&net, From::Server), [(REPLY, SERVER, CLIENT)]);
    let first = &net.log[0].1;
    assert_eq!(first.len(), 42);
    assert_eq!(first[0..6], [0xff; 6]);
}

#[test]
fn a_server_with_a_vip_asks_with_its_own_address() {
    // The client never asks for the VIP (the appliance has answered), so the server must find the client itself.
    for vip in ["10.0.0.100/32", "192.0.2.7/32"] {
        let vip_address: Ipv4Address = vip.split('/').next().unwrap().parse().unwrap();
        let client = stack(CLIENT_MAC, &["10.0.0.2/24"], 2);
        let mut net = Net::with(client, stack(SERVER_MAC, &["10.0.0.1/24", vip], 1));
        net.client.connect(net.at(), tuple(CLIENT, 40_000, vip_address, PORT)).unwrap();
        net.run_for(10);
        teach(&mut net, vip_address);
        net.run_for(10_000);
        assert_eq!(net.server.rows()[0].state, State::Established, "{vip}");
        assert_eq!(arps(&net, From::Server), [(REQUEST, SERVER, CLIENT)], "{vip}");
    }
}

/// The appliance's answer to the client: the VIP is at the server's MAC.
fn teach(net: &mut Net, address: Ipv4Address) {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, REPLY, 2, 0, 0, 0, 0, 1];
    frame.extend(address.octets());
    frame.extend([2, 0, 0, 0, 0, 2]);
    frame.extend(CLIENT.octets());
    net.hand_over(From::Server, &frame);
}

#[test]
fn only_announced_addresses_are_answered() {
    let mut net = Net::new();
    ask(&mut net, SERVER);
    ask(&mut net, VIP);
    ask(&mut net, Ipv4Address::new(10, 0, 0, 77));
    assert_eq!(arps(&net, From::Server), [(REPLY, SERVER, CLIENT)]);
}

#[test]
fn a_single_address_of_length_32_is_announced() {
    let client = stack(CLIENT_MAC, &["10.0.0.2/32"], 2);
    let mut net = Net::with(client, stack(SERVER_MAC, &["10.0.0.1/32"], 1));
    net.connected(40_000);
    assert_eq!(arps(&net, From::Client), [(REQUEST, CLIENT, SERVER)]);
}

#[test]
fn many_neighbours_are_asked_for_at_once() {
    let mut net = Net::new();
    for host in 10..110 {
        let remote = Ipv4Address::new(10, 0, 0, host);
        net.client.connect(net.at(), tuple(CLIENT, 40_000, remote, PORT)).unwrap();
    }
    net.run_for(1_000);
    assert_eq!(arps(&net, From::Client).len(), 100);
}

#[test]
fn an_unanswered_question_is_repeated_three_times() {
    let mut net = Net::new();
    net.loses = Box::new(|_, _| true);
    net.client.connect(net.at(), tuple(CLIENT, 40_000, Ipv4Address::new(10, 0, 0, 9), PORT)).unwrap();
    net.run_for(2_900_000);
    assert_eq!(arps(&net, From::Client).len(), 3);
    assert!(!net.log.iter().any(|(_, frame)| is_ipv4(frame)));
}

#[test]
fn a_lost_answer_costs_a_second_and_no_segment() {
    let mut net = Net::new();
    let mut first = true;
    net.loses = Box::new(move |from, _| from == From::Server && std::mem::take(&mut first));
    let id = net.client.connect(net.at(), tuple(CLIENT, 40_000, SERVER, PORT)).unwrap();
    net.run_for(1_010_000);
    assert_eq!(net.client_state(id), Some(State::Established));
}

#[test]
fn an_old_answer_is_used_while_a_new_one_is_asked_for() {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    net.run_for(120_000_000);
    net.log.clear();
    net.client.send(client, b"x").unwrap();
    net.run_for(1_000);
    assert!(is_ipv4(&net.log[0].1), "the segment does not wait");
    assert_eq!(arps(&net, From::Client), [(REQUEST, CLIENT, SERVER)]);
    net.run_for(1_000_000);
    net.client.send(client, b"y").unwrap();
    net.run_for(100_000);
    assert_eq!(arps(&net, From::Client).len(), 1);
    assert_eq!(net.server.receive_data(server, 9).unwrap(), b"xy");
}

#[test]
fn frames_for_others_are_ignored() {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    net.client.send(client, b"x").unwrap();
    net.loses = Box::new(|from, _| from == From::Client);
    net.run_for(1_000);
    let mut frame = net.log.iter().rfind(|(from, _)| *from == From::Client).unwrap().1.clone();
    frame[5] ^= 0xff;
    net.hand_over(From::Client, &frame);
    assert_eq!(net.server.receive_data(server, 9).unwrap(), b"");
    frame[5] ^= 0xff;
    net.hand_over(From::Client, &frame);
    assert_eq!(net.server.receive_data(server, 9).unwrap(), b"x");
}

#[test]
fn rubbish_is_survived() {
    let mut net = Net::new();
    let (client, server) = net.connected(40_000);
    net.survives_rubbish((client, server), 80);
}
