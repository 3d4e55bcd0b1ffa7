mod common;

use common::{
    CLIENT, CLIENT_MAC, CLIENT6, From, Net, PORT, SERVER, SERVER_MAC, SERVER6, VIP6, icmpv6_type, is_arp, is_ipv6,
    pattern, stack, tuple,
};
use dobbs_netstack::{Ipv6Address, State};

const SOLICIT: u8 = 135;
const ADVERT: u8 = 136;
/// ff02::1:ff00:0/104, where the last three bytes of who is asked for belong.
const SOLICITED_NODE: Ipv6Address = Ipv6Address::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0);

/// (type, sender's address, target's address) of every neighbour discovery frame of one side.
fn words(net: &Net, side: From) -> Vec<(u8, Ipv6Address, Ipv6Address)> {
    let address = |bytes: &[u8]| Ipv6Address::from(<[u8; 16]>::try_from(bytes).unwrap());
    let sent = net.log.iter().filter(|(from, _)| *from == side);
    sent.filter_map(|(_, frame)| match icmpv6_type(frame)? {
        kind @ (SOLICIT | ADVERT) => Some((kind, address(&frame[22..38]), address(&frame[62..78]))),
        _ => None,
    })
    .collect()
}

/// Sets an ICMPv6 message's checksum, with its pseudo-header (RFC 8200, 8.1).
fn seal(frame: &mut [u8]) {
    frame[56..58].fill(0);
    let length = (frame.len() - 54) as u32;
    let pseudo = [&frame[22..54], &length.to_be_bytes(), &[0, 0, 0, 58], &frame[54..]].concat();
    let mut sum: u32 = pseudo.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    frame[56..58].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

/// A neighbour's word as bytes, to a group or to the client: `option` is 1 (source) or 2 (target link-layer address).
fn word(kind: u8, mac: [u8; 6], from: Ipv6Address, to: Ipv6Address, target: Ipv6Address, option: u8) -> Vec<u8> {
    let [.., a, b, c] = to.octets();
    let mut frame = if to.is_multicast() { vec![0x33, 0x33, 0xff, a, b, c] } else { vec![2, 0, 0, 0, 0, 2] };
    frame.extend(mac);
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 58, 255]);
    frame.extend(from.octets());
    frame.extend(to.octets());
    frame.extend([kind, 0, 0, 0, 0, 0, 0, 0]);
    frame.extend(target.octets());
    frame.extend([option, 1]);
    frame.extend(mac);
    seal(&mut frame);
    frame
}

fn group_of(target: Ipv6Address) -> Ipv6Address {
    let mut octets = SOLICITED_NODE.octets();
    octets[13..].copy_from_slice(&target.octets()[13..]);
    octets.into()
}

fn question(target: Ipv6Address) -> Vec<u8> {
    word(SOLICIT, [2, 0, 0, 0, 0, 2], CLIENT6, group_of(target), target, 1)
}

fn ask(net: &mut Net, frame: &[u8]) {
    net.hand_over(From::Client, frame);
    net.run_for(10);
}

#[test]
fn a_connection_asks_once_and_sends_when_it_knows() {
    let mut net = Net::dual();
    let id = net.client.connect(net.at(), tuple(CLIENT6, 40_000, SERVER6, PORT)).unwrap();
    net.run_for(5_000);
    assert_eq!(net.client_state(id), Some(State::Established));
    assert_eq!(words(&net, From::Client), [(SOLICIT, CLIENT6, SERVER6)]);
    assert_eq!(words(&net, From::Server), [(ADVERT, SERVER6, SERVER6)]);
    assert!(!net.log.iter().any(|(_, frame)| is_arp(frame)));
}

#[test]
fn the_question_goes_to_the_group_of_who_is_asked_for() {
    let mut net = Net::dual();
    let target = Ipv6Address::new(0xfd00, 0, 0, 0, 0, 0, 0x12ab, 0xcdef);
    net.client.connect(net.at(), tuple(CLIENT6, 40_000, target, PORT)).unwrap();
    net.run_for(10);
    let expected = question(target);
    assert_eq!(net.log[0].1, expected);
    assert_eq!(expected[0..6], [0x33, 0x33, 0xff, 0xab, 0xcd, 0xef]);
}

#[test]
fn a_transfer_over_ipv6_is_whole() {
    let mut net = Net::dual();
    net.client.connect(net.at(), tuple(CLIENT6, 40_000, SERVER6, PORT)).unwrap();
    net.run_for(5_000);
    let (client, server) = (net.client.rows()[0].id, net.server.rows()[0].id);
    assert_eq!(net.server.rows()[0].tuple, tuple(SERVER6, PORT, CLIENT6, 40_000));
    let data = pattern(200_000);
    assert_eq!(net.upload(client, server, &data), data);
    assert!(net.log.iter().filter(|(_, frame)| frame.len() > 1_000).all(|(_, frame)| is_ipv6(frame)));
    assert!(net.log.iter().any(|(_, frame)| frame.len() == 1_514), "segments fill the link's MTU");
}

#[test]
fn a_server_with_a_vip_asks_with_its_own_address() {
    // The client never asks for the VIP (the appliance has answered), so the server must find the client itself.
    for vip in ["fd00::100/128", "2001:db8::7/128"] {
        let vip_address: Ipv6Address = vip.split('/').next().unwrap().parse().unwrap();
        let client = stack(CLIENT_MAC, &["fd00::2/64"], 2);
        let mut net = Net::with(client, stack(SERVER_MAC, &["fd00::1/64", vip], 1));
        net.client.connect(net.at(), tuple(CLIENT6, 40_000, vip_address, PORT)).unwrap();
        net.run_for(10);
        let answer = word(ADVERT, [2, 0, 0, 0, 0, 1], vip_address, CLIENT6, vip_address, 2);
        net.hand_over(From::Server, &answer);
        net.run_for(10_000);
        assert_eq!(net.server.rows()[0].state, State::Established, "{vip}");
        assert_eq!(words(&net, From::Server), [(SOLICIT, SERVER6, CLIENT6)], "{vip}");
    }
}

#[test]
fn only_announced_addresses_are_answered() {
    let mut net = Net::dual();
    for target in [SERVER6, VIP6, Ipv6Address::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x77)] {
        ask(&mut net, &question(target));
    }
    assert_eq!(words(&net, From::Server), [(ADVERT, SERVER6, SERVER6)]);
}

#[test]
fn the_first_address_of_each_family_is_announced_whatever_its_prefix() {
    let mut net = Net::with(
        stack(CLIENT_MAC, &["10.0.0.2/32", "fd00::2/128"], 2),
        stack(SERVER_MAC, &["10.0.0.1/32", "fd00::1/128"], 1),
    );
    for tuple in [tuple(CLIENT6, 40_000, SERVER6, PORT), tuple(CLIENT, 40_000, SERVER, PORT)] {
        let id = net.client.connect(net.at(), tuple).unwrap();
        net.run_for(5_000);
        assert_eq!(net.client_state(id), Some(State::Established));
    }
}

#[test]
fn what_a_router_has_passed_on_or_the_wire_has_changed_is_not_believed() {
    let good = question(SERVER6);
    let mut far = good.clone();
    far[21] = 254;
    let mut changed = good.clone();
    changed[80] ^= 1;
    let mut coded = good.clone();
    coded[55] = 1;
    seal(&mut coded);
    let mut unspecified = good.clone();
    unspecified[22..38].fill(0);
    seal(&mut unspecified);
    for (what, frame) in [("far", far), ("changed", changed), ("coded", coded), ("unspecified", unspecified)] {
        let mut net = Net::dual();
        ask(&mut net, &frame);
        assert_eq!(words(&net, From::Server), [], "{what}");
        ask(&mut net, &good);
        assert_eq!(words(&net, From::Server).len(), 1, "{what}");
    }
}

#[test]
fn an_unanswered_question_is_repeated_three_times() {
    let mut net = Net::dual();
    net.loses = Box::new(|_, _| true);
    net.client.connect(net.at(), tuple(CLIENT6, 40_000, Ipv6Address::new(0xfd00, 0, 0, 0, 0, 0, 0, 9), PORT)).unwrap();
    net.run_for(2_900_000);
    assert_eq!(words(&net, From::Client).len(), 3);
    assert_eq!(net.log.len(), 3);
}

#[test]
fn rubbish_is_survived() {
    let mut net = Net::dual();
    net.client.connect(net.at(), tuple(CLIENT6, 40_000, SERVER6, PORT)).unwrap();
    net.run_for(5_000);
    let (client, server) = (net.client.rows()[0].id, net.server.rows()[0].id);
    net.survives_rubbish((client, server), 100);
}
