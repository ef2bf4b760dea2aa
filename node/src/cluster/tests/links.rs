//! What strangers gain on the bus: little, and for a short time.

use super::*;
use crate::cluster::bus::{
    Body, Extension, FLAG_EXTENSIONS, Gossip, Header, Kind, Message, encode,
};
use crate::cluster::links::gossip_max;
use crate::cluster::node::Flags;
use slotkeeper_topology::Epoch;

const MIB: usize = 1 << 20;

fn header(sender: NodeId, kind: Kind, slots: &SlotSet) -> Header<'_> {
    Header {
        kind,
        port: 7001,
        plain_port: 0,
        bus_port: 17001,
        current_epoch: Epoch(0),
        config_epoch: Epoch(0),
        offset: 0,
        sender,
        slots: slots.as_bitmap(),
        master: None,
        ip: None,
        flags: Flags::MASTER,
        state_fail: false,
        message_flags: [FLAG_EXTENSIONS, 0, 0],
    }
}

/// A PING without gossip.
fn ping(network: &Network, from: usize) -> Vec<u8> {
    let cluster = &network.members[from].cluster;
    let mut header = header(cluster.my_id(), Kind::Ping, cluster.my_slots());
    header.port = network.members[from].config.port;
    header.bus_port = network.members[from].config.bus_port();
    header.ip = Some(network.members[from].ip);
    header.config_epoch = cluster.my_config_epoch();
    let body = Body::Gossip {
        entries: Vec::new(),
        extensions: Vec::new(),
    };
    encode(&Message { header, body })
}

fn publish(sender: NodeId, length: usize) -> Vec<u8> {
    let none = SlotSet::new();
    let message = vec![b'x'; length];
    encode(&Message {
        header: header(sender, Kind::Publish, &none),
        body: Body::Publish {
            channel: b"c",
            message: &message,
        },
    })
}

impl Network {
    fn stranger(&mut self, at: usize) -> LinkId {
        self.next_port += 1;
        let peer = Peer {
            remote: SocketAddr::from(([203, 0, 113, 9], self.next_port)),
            local: SocketAddr::from(([10, 0, 0, 1], 17000)),
        };
        let link = self.members[at].cluster.accept(peer, self.now);
        self.drain(at);
        link
    }

    fn bytes(&mut self, at: usize, link: LinkId, bytes: &[u8]) {
        for piece in bytes.chunks(64 << 10) {
            self.with_facts(at, |cluster, facts, now| {
                cluster.on_link(link, LinkEvent::Bytes(piece), facts, now);
            });
        }
        self.deliver();
    }

    fn has(&self, at: usize, link: LinkId) -> bool {
        self.members[at].cluster.links.get(link).is_some()
    }

    fn inbound(&self, at: usize) -> usize {
        let links = self.members[at].cluster.links.iter();
        links.filter(|(_, link)| !link.outbound).count()
    }

    fn received(&self, at: usize, kind: Kind) -> u64 {
        self.members[at].cluster.stats.received[kind as usize]
    }

    fn logged(&self, at: usize, text: &str) -> usize {
        let log = self.members[at].log.iter();
        log.filter(|line| line.contains(text)).count()
    }
}

#[test]
fn a_strangers_long_message_is_refused_at_its_announcement() {
    let mut network = Network::formed(3, 0);
    for id in [NodeId::from_random([7; 20]), network.id(1)] {
        let link = network.stranger(0);
        let frame = publish(id, MIB);
        network.bytes(0, link, &frame[..16]);
        assert!(!network.has(0, link), "{id}");
    }
    let remote = "Closing the bus link with 203.0.113.9:";
    assert_eq!(network.logged(0, remote), 2, "{:?}", network.members[0].log);
    assert_eq!(network.received(0, Kind::Publish), 0);
}

#[test]
fn nonsense_names_its_address() {
    let mut network = Network::formed(3, 0);
    let link = network.stranger(0);
    network.bytes(0, link, b"INFO\r\n");
    assert!(!network.has(0, link));
    let text = "Closing the bus link with 203.0.113.9:";
    assert_eq!(network.logged(0, text), 1, "{:?}", network.members[0].log);
    let link = network.stranger(0);
    let mut frame = ping(&network, 1);
    frame[9] = 9;
    network.bytes(0, link, &frame);
    let text = "protocol version 9, from 203.0.113.9:";
    assert_eq!(network.logged(0, text), 1, "{:?}", network.members[0].log);
}

#[test]
fn the_largest_gossip_of_a_large_cluster_is_taken_from_anybody() {
    let none = SlotSet::new();
    let id = |n: usize| NodeId::from_random(std::array::from_fn(|i| (n >> (8 * (i % 2))) as u8));
    let entry = |n| Gossip {
        id: id(n),
        ping_sent: 1,
        pong_received: 1,
        ip: Some("10.1.1.1".parse().unwrap()),
        port: 1,
        bus_port: 2,
        flags: Flags::MASTER | Flags::PFAIL,
        plain_port: 0,
    };
    let name = "n".repeat(255);
    let mut extensions = vec![
        Extension::Hostname(&name),
        Extension::HumanName(&name),
        Extension::Shard(id(1)),
    ];
    extensions.extend((0..1000).map(|n| Extension::Forgotten {
        id: id(n + 2000),
        seconds: 60,
    }));
    let body = Body::Gossip {
        entries: (0..1000).map(entry).collect(),
        extensions,
    };
    let header = header(id(1), Kind::Meet, &none);
    let frame = encode(&Message { header, body });
    assert_eq!(frame.len(), gossip_max(1));
    assert!(gossip_max(2000) > gossip_max(1000));
    let mut network = Network::new(1);
    let link = network.stranger(0);
    network.bytes(0, link, &frame);
    assert_eq!(network.received(0, Kind::Meet), 1);
    assert!(network.has(0, link));
}

#[test]
fn a_members_publish_is_taken_up_to_its_bound_and_skipped_beyond() {
    let mut network = Network::formed(3, 0);
    let link = network.stranger(0);
    let ping = ping(&network, 1);
    network.bytes(0, link, &ping);
    for (length, taken) in [(MIB, 1), (31 * MIB, 2), (33 * MIB, 2)] {
        let frame = publish(network.id(1), length);
        network.bytes(0, link, &frame);
        assert_eq!(network.received(0, Kind::Publish), taken, "{length}");
        let cluster = &network.members[0].cluster;
        assert!(cluster.links_memory() < MIB, "given back");
    }
    let before = network.received(0, Kind::Ping);
    network.bytes(0, link, &ping);
    assert_eq!(network.received(0, Kind::Ping), before + 1, "it goes on");
    assert!(network.has(0, link));
}

#[test]
fn long_messages_share_a_bound_and_are_counted() {
    let mut network = Network::formed(5, 0);
    let before = network.members[0].cluster.links_memory();
    for (member, announced) in [(1, 30), (2, 30), (3, 30)] {
        let link = network.stranger(0);
        let ping = ping(&network, member);
        network.bytes(0, link, &ping);
        let frame = publish(network.id(member), announced * MIB);
        network.bytes(0, link, &frame[..10 * MIB]);
    }
    let held = network.members[0].cluster.links_memory() - before;
    assert!((20 * MIB..=40 * MIB).contains(&held), "{held}");
    network.run(TIMEOUT * 2);
    let held = network.members[0].cluster.links_memory();
    assert!(held < MIB, "who does not finish loses the link: {held}");
}

#[test]
fn strangers_have_few_places_and_no_member_loses_one_to_them() {
    let mut network = Network::formed(3, 0);
    let proven: Vec<LinkId> = (network.members[0].cluster.links.iter())
        .filter(|(_, link)| !link.outbound)
        .map(|(id, _)| id)
        .collect();
    assert_eq!(proven.len(), 2);
    let first = network.stranger(0);
    for _ in 0..1000 {
        network.stranger(0);
        assert!(network.inbound(0) <= 2 * 3 + 64);
    }
    assert!(!network.has(0, first), "the oldest goes");
    assert!(proven.iter().all(|&link| network.has(0, link)));
    // One that returns from a new address is known by what it sends.
    let back = network.stranger(0);
    for _ in 0..32 {
        network.stranger(0);
    }
    let ping = ping(&network, 1);
    network.bytes(0, back, &ping);
    for _ in 0..1000 {
        network.stranger(0);
    }
    assert!(network.has(0, back));
}

#[test]
fn a_link_on_which_no_member_speaks_is_closed() {
    let mut network = Network::formed(3, 0);
    let (silent, halting, nobody) = (
        network.stranger(0),
        network.stranger(0),
        network.stranger(0),
    );
    let ping = ping(&network, 1);
    network.bytes(0, halting, &ping[..100]);
    let mut unknown = ping.clone();
    unknown[40..80].copy_from_slice(&[b'e'; 40]);
    network.bytes(0, nobody, &unknown);
    network.run(TIMEOUT + 500);
    assert!(!network.has(0, halting) && !network.has(0, nobody));
    assert!(
        network.has(0, silent),
        "a node that withholds says nothing yet"
    );
    network.run(90_000);
    assert!(!network.has(0, silent));
    assert_eq!(network.inbound(0), 2, "those of the members stay");
}

#[test]
fn one_who_does_not_read_its_answers_is_closed() {
    let mut network = Network::formed(3, 0);
    let link = network.stranger(0);
    let mut unknown = ping(&network, 1);
    unknown[40..80].copy_from_slice(&[b'e'; 40]);
    network.bytes(0, link, &unknown);
    assert!(network.has(0, link));
    network.members[0]
        .cluster
        .on_link_sent(link, 2 * MIB, 2 * MIB);
    network.bytes(0, link, &unknown);
    assert!(!network.has(0, link));
    let info = network.request(0, ClusterRequest::Info);
    assert!(info.contains("total_cluster_links_buffer_limit_exceeded:1\r\n"));
}

#[test]
fn a_limit_for_what_waits_on_a_link_closes_it_sooner() {
    let mut network = Network::formed(2, 0);
    network.members[0].config.cluster_link_sendbuf_limit = 4096;
    let config = network.members[0].config.clone();
    network.with_facts(0, |cluster, _, now| cluster.config_changed(&config, now));
    let id = network.id(1);
    let cluster = &mut network.members[0].cluster;
    let other = cluster.nodes.find(&id).unwrap();
    let link = cluster.nodes[other].outbound.unwrap();
    for (unsent, takes_more) in [(4096, true), (4097, false)] {
        cluster.on_link_sent(link, unsent, unsent);
        assert_eq!(cluster.takes_more(link), takes_more, "{unsent} bytes wait");
        assert_eq!(cluster.links.get(link).is_some(), takes_more);
    }
    let info = network.request(0, ClusterRequest::Info);
    assert!(info.contains("total_cluster_links_buffer_limit_exceeded:1\r\n"));
}

#[test]
fn strangers_that_ask_to_be_known_are_asked_back_a_few_at_a_time() {
    let mut network = Network::formed(3, 0);
    let known = network.members[0].cluster.known_nodes();
    let link = network.stranger(0);
    let none = SlotSet::new();
    for n in 0..1000u32 {
        let mut header = header(NodeId::from_random([7; 20]), Kind::Meet, &none);
        header.ip = Some(Ipv4Addr::from(0xcb00_7100 + n).into());
        let body = Body::Gossip {
            entries: Vec::new(),
            extensions: Vec::new(),
        };
        let frame = encode(&Message { header, body });
        network.members[0].trace.clear();
        network.bytes(0, link, &frame);
        assert!(
            !network.members[0].trace.contains(&"save"),
            "no write for each"
        );
    }
    let asked = network.members[0].cluster.known_nodes() - known;
    assert_eq!(asked, 64);
    network.run(TIMEOUT + 500);
    assert_eq!(network.members[0].cluster.known_nodes(), known);
}

#[test]
fn a_connection_that_hangs_is_dialled_anew_though_the_other_side_speaks() {
    let mut network = Network::formed(2, 0);
    network.kill(0);
    network.partition(&[0]);
    network.restart(0);
    // Only its own connection request is lost, not that of the other.
    network.hangs = true;
    network.with_facts(0, Cluster::on_timer);
    network.hangs = false;
    network.cut.clear();
    network.run(TIMEOUT + 500);
    let cluster = &network.members[0].cluster;
    let other = cluster.nodes.find(&network.id(1)).unwrap();
    assert!(cluster.linked(other));
}

#[test]
fn messages_can_be_passed_over() {
    let (all, none) = (-2, -1);
    let mut network = Network::formed(3, 0);
    let mut failed = |kind| {
        network.members[0].cluster.drop_messages_of(kind);
        network.run(TIMEOUT * 5);
        [(0, 1), (1, 0)].map(|(viewer, about)| network.line(viewer, about).contains("fail"))
    };
    assert_eq!(failed(all), [true, true]);
    assert_eq!(failed(none), [false, false]);
}

#[test]
fn messages_of_one_type_can_be_passed_over() {
    let mut network = Network::new(2);
    let mut meets = |kind| {
        network.members[0].cluster.drop_messages_of(kind);
        network.meet(1, 0);
        network.run(3000);
        let info = network.request(0, ClusterRequest::Info);
        info.contains("cluster_known_nodes:2\r\n")
    };
    assert!(!meets(i64::from(Kind::Meet as u16)));
    assert!(meets(i64::from(Kind::Fail as u16)), "another type");
}
