mod common;

use common::{
    CLIENT, CLIENT6, From, Net, PORT, SERVER, SERVER6, VIP, VIP6, icmpv6_type, is_ipv4, is_ipv6, pattern, tuple,
};
use dobbs_netstack::{DATAGRAM_MAX, Datagram, Error, Event, EventKind, IpAddress};

const UDP: u8 = 17;
const ICMP: u8 = 1;
const CLIENT_PORT: u16 = 40_000;

/// Of a family each: client, server, VIP.
const ENDS: [(IpAddress, IpAddress, IpAddress); 2] = [
    (IpAddress::Ipv4(CLIENT), IpAddress::Ipv4(SERVER), IpAddress::Ipv4(VIP)),
    (IpAddress::Ipv6(CLIENT6), IpAddress::Ipv6(SERVER6), IpAddress::Ipv6(VIP6)),
];

fn bound(net: &mut Net) -> (u32, u32) {
    (net.client.bind(CLIENT_PORT).unwrap(), net.server.bind(PORT).unwrap())
}

#[test]
fn a_datagram_and_its_answer_over_each_family() {
    for (client, server, _) in ENDS {
        let mut net = Net::dual();
        let (near, far) = bound(&mut net);
        assert!(
            net.client.send_datagram(net.at(), near, tuple(client, CLIENT_PORT, server, PORT), b"question").unwrap()
        );
        net.run_for(5_000);
        assert_eq!(net.server_events, [Event { id: far, kind: EventKind::Readable }]);
        let came = net.server.receive_datagram(far).unwrap().unwrap();
        assert_eq!(came, Datagram { tuple: tuple(server, PORT, client, CLIENT_PORT), data: b"question".to_vec() });
        assert_eq!(net.server.receive_datagram(far).unwrap(), None);
        assert!(net.server.send_datagram(net.at(), far, came.tuple, b"answer").unwrap());
        net.run_for(5_000);
        assert_eq!(net.client.receive_datagram(near).unwrap().unwrap().data, b"answer");
        assert_eq!(net.client_events.len(), 1);
    }
}

#[test]
fn an_answer_from_the_vip_comes_from_the_vip() {
    for (client, _, vip) in ENDS {
        let mut net = Net::dual();
        let (near, far) = bound(&mut net);
        assert!(net.server.send_datagram(net.at(), far, tuple(vip, PORT, client, CLIENT_PORT), b"hello").unwrap());
        net.run_for(5_000);
        assert_eq!(net.client.receive_datagram(near).unwrap().unwrap().tuple.remote, (vip, PORT));
    }
}

#[test]
fn datagrams_keep_their_order_and_their_ends() {
    let mut net = Net::dual();
    let (near, far) = bound(&mut net);
    for length in [0, 1, 1_400, 7] {
        net.client.send_datagram(net.at(), near, tuple(CLIENT, CLIENT_PORT, SERVER, PORT), &pattern(length)).unwrap();
    }
    net.run_for(5_000);
    for length in [0, 1, 1_400, 7] {
        assert_eq!(net.server.receive_datagram(far).unwrap().unwrap().data, pattern(length));
    }
}

#[test]
fn a_large_datagram_goes_in_fragments() {
    for (client, server, _) in ENDS {
        let mut net = Net::dual();
        let (near, far) = bound(&mut net);
        let data = pattern(20_000);
        assert!(net.client.send_datagram(net.at(), near, tuple(client, CLIENT_PORT, server, PORT), &data).unwrap());
        net.run_for(5_000);
        assert_eq!(net.log.iter().filter(|(_, frame)| frame.len() > 700).count(), 14, "{client}");
        assert!(net.log.iter().all(|(_, frame)| frame.len() <= 1_514), "{client}");
        assert_eq!(net.server.receive_datagram(far).unwrap().unwrap().data, data, "{client}");
        assert_eq!(net.server_events.len(), 1, "{client}");
    }
}

/// The fragments of some datagrams over one family, which have not arrived; and the receiver.
fn fragments(ends: (IpAddress, IpAddress, IpAddress), datagrams: &[Vec<u8>]) -> (Net, u32, Vec<Vec<u8>>) {
    let (client, server, _) = ends;
    let mut net = Net::dual();
    let (near, far) = bound(&mut net);
    let to = tuple(client, CLIENT_PORT, server, PORT);
    net.client.send_datagram(net.at(), near, to, b"who is there").unwrap();
    net.run_for(5_000);
    net.server.receive_datagram(far).unwrap();
    net.log.clear();
    net.loses = Box::new(|_, _| true);
    for data in datagrams {
        net.client.send_datagram(net.at(), near, to, data).unwrap();
    }
    net.run_for(5_000);
    let fragments = net.log.iter().map(|(_, frame)| frame.clone()).collect();
    (net, far, fragments)
}

fn received(net: &mut Net, far: u32) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| net.server.receive_datagram(far).unwrap()).map(|datagram| datagram.data).collect()
}

#[test]
fn fragments_come_in_any_order_and_twice() {
    for ends in ENDS {
        let data = vec![pattern(10_000)];
        let (mut net, far, mut parts) = fragments(ends, &data);
        parts.reverse();
        let copies = parts.clone();
        for frame in parts.iter().chain(&copies[..3]) {
            net.hand_over(From::Client, frame);
        }
        assert_eq!(received(&mut net, far), data);
    }
}

#[test]
fn fragments_of_datagrams_mix() {
    for ends in ENDS {
        let data = vec![pattern(9_000), pattern(8_999), pattern(9_001)];
        let (mut net, far, parts) = fragments(ends, &data);
        assert_eq!(parts.len(), 21);
        for round in 0..7 {
            for datagram in 0..3 {
                net.hand_over(From::Client, &parts[datagram * 7 + round]);
            }
        }
        assert_eq!(received(&mut net, far), data);
    }
}

#[test]
fn a_fragment_that_is_lost_takes_its_datagram_with_it_and_no_other() {
    for ends in ENDS {
        let (mut net, far, parts) = fragments(ends, &[pattern(5_000), pattern(5_001)]);
        for frame in &parts[1..] {
            net.hand_over(From::Client, frame);
        }
        assert_eq!(received(&mut net, far), [pattern(5_001)]);
        net.run_for(31_000_000);
        // Too late: the others are gone.
        net.hand_over(From::Client, &parts[0]);
        assert_eq!(received(&mut net, far), [] as [Vec<u8>; 0]);
    }
}

#[test]
fn fragments_that_overlap_are_not_believed() {
    let (mut net, far, parts) = fragments(ENDS[1], &[pattern(3_000)]);
    let mut other = parts[1].clone();
    // 8 bytes earlier than it should be. The offset is at 2 of the header behind the IPv6 header.
    let place = u16::from_be_bytes([other[56], other[57]]) - 8;
    other[56..58].copy_from_slice(&place.to_be_bytes());
    for frame in [&parts[0], &other, &parts[1], &parts[2]] {
        net.hand_over(From::Client, frame);
    }
    assert_eq!(received(&mut net, far), [] as [Vec<u8>; 0]);
}

#[test]
fn an_atomic_fragment_is_a_whole_packet() {
    let (mut net, far, parts) = fragments(ENDS[1], &[b"whole".to_vec()]);
    let mut frame = parts[0].clone();
    let protocol = std::mem::replace(&mut frame[20], 44);
    frame.splice(54..54, [protocol, 0, 0, 0, 1, 2, 3, 4]);
    frame[19] += 8;
    net.hand_over(From::Client, &frame);
    assert_eq!(received(&mut net, far), [b"whole".to_vec()]);
}

#[test]
fn of_more_datagrams_than_can_wait_the_oldest_goes() {
    let datagrams: Vec<Vec<u8>> = (0..65).map(|i| pattern(2_000 + i)).collect();
    let (mut net, far, parts) = fragments(ENDS[0], &datagrams);
    for half in [0, 1] {
        for frame in parts.iter().skip(half).step_by(2) {
            net.hand_over(From::Client, frame);
            net.run_for(10);
        }
    }
    // The second half of the first one has taken the place of the second one's first half, and so on.
    assert!(received(&mut net, far).len() < 65);
}

#[test]
fn a_port_that_nobody_has_is_unreachable() {
    for (client, server, _) in ENDS {
        let mut net = Net::dual();
        let near = net.client.bind(CLIENT_PORT).unwrap();
        net.client.send_datagram(net.at(), near, tuple(client, CLIENT_PORT, server, 9), b"?").unwrap();
        net.run_for(5_000);
        let answered = net.log.iter().any(|(from, frame)| {
            let icmp = is_ipv4(frame) && frame[23] == ICMP && frame[34..36] == [3, 3];
            *from == From::Server && (icmp || icmpv6_type(frame) == Some(1))
        });
        assert!(answered, "{client}");
    }
}

#[test]
fn a_released_socket_is_gone_and_its_port_is_free() {
    let mut net = Net::dual();
    let (near, far) = bound(&mut net);
    net.server.release(far).unwrap();
    assert_eq!(net.server.receive_datagram(far), Err(Error::UnknownSocket(far)));
    net.client.send_datagram(net.at(), near, tuple(CLIENT, CLIENT_PORT, SERVER, PORT), b"x").unwrap();
    net.run_for(5_000);
    assert_eq!(net.server_events, []);
    assert_ne!(net.server.bind(PORT).unwrap(), far);
}

#[test]
fn more_than_a_queue_holds_is_lost() {
    let mut net = Net::dual();
    let (near, far) = bound(&mut net);
    let to = tuple(CLIENT6, CLIENT_PORT, SERVER6, PORT);
    let taken = (0..1_000).filter(|_| net.client.send_datagram(net.at(), near, to, &[0; 1_000]).unwrap()).count();
    assert!((100..1_000).contains(&taken), "{taken}");
    net.run_for(5_000);
    let got = std::iter::from_fn(|| net.server.receive_datagram(far).unwrap()).count();
    assert!(got > 0 && got <= taken, "{got}");
    assert!(net.client.send_datagram(net.at(), near, to, b"x").unwrap(), "there is room again");
}

#[test]
fn misuse_is_refused() {
    let mut net = Net::dual();
    let (near, _) = bound(&mut net);
    assert_eq!(net.client.bind(CLIENT_PORT), Err(Error::Port(CLIENT_PORT)));
    assert_eq!(net.client.bind(0), Err(Error::Port(0)));
    let wrong = [
        tuple(SERVER, CLIENT_PORT, SERVER, PORT),
        tuple(CLIENT, CLIENT_PORT + 1, SERVER, PORT),
        tuple(CLIENT, CLIENT_PORT, SERVER6, PORT),
        tuple(CLIENT, CLIENT_PORT, SERVER, 0),
    ];
    for tuple in wrong {
        assert_eq!(net.client.send_datagram(net.at(), near, tuple, b"x"), Err(Error::Endpoint(tuple)));
    }
    let long = vec![0; DATAGRAM_MAX + 1];
    let to = tuple(CLIENT, CLIENT_PORT, SERVER, PORT);
    assert_eq!(net.client.send_datagram(net.at(), near, to, &long), Err(Error::TooLong(long.len())));
    assert_eq!(net.client.send_datagram(net.at(), 77, to, b"x"), Err(Error::UnknownSocket(77)));
    assert_eq!(net.client.send(near, b"x"), Err(Error::UnknownSocket(near)));
}

#[test]
fn udp_of_one_family_leaves_tcp_and_the_other_alone() {
    let mut net = Net::dual();
    let (near, far) = bound(&mut net);
    let (client, server) = net.connected(CLIENT_PORT);
    net.client.send_datagram(net.at(), near, tuple(CLIENT6, CLIENT_PORT, SERVER6, PORT), b"datagram").unwrap();
    net.client.send(client, b"stream").unwrap();
    net.run_for(5_000);
    assert_eq!(net.server.receive_data(server, 99).unwrap(), b"stream");
    assert_eq!(net.server.receive_datagram(far).unwrap().unwrap().data, b"datagram");
    assert!(net.log.iter().any(|(_, frame)| is_ipv6(frame) && frame[20] == UDP));
}
