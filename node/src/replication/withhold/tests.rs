//! Which answers of replicas end withholding.

use super::*;

fn at(mono_ms: u64) -> Now {
    Now {
        unix_us: 0,
        mono_us: mono_ms * 1000,
    }
}

fn repl_id(digit: u8) -> ReplId {
    ReplId::from_bits([digit; 20])
}

fn node(digit: u8) -> NodeId {
    NodeId::from_random([digit; 20])
}

fn held() -> Held {
    Held {
        id: repl_id(1),
        offset: 100,
        second: Some((repl_id(2), 50)),
    }
}

#[test]
fn judges_by_history_and_offset() {
    use Verdict::{Newer, NotNewer, Undecided};
    let judge = |has_keys, id, second, offset| {
        let answer = Answer {
            has_keys,
            id: repl_id(id),
            second: repl_id(second),
            offset,
        };
        (
            super::judge(Some(&held()), &answer),
            super::judge(None, &answer),
        )
    };
    assert_eq!(judge(false, 9, 9, 900), (NotNewer, NotNewer), "no key");
    assert_eq!(
        judge(true, 1, 9, 100),
        (NotNewer, Undecided),
        "our history, as far as we"
    );
    assert_eq!(
        judge(true, 1, 9, 101),
        (Newer, Undecided),
        "our history, further than we"
    );
    assert_eq!(
        judge(true, 8, 1, 90),
        (Newer, Undecided),
        "promoted from our history"
    );
    assert_eq!(
        judge(true, 2, 9, 49),
        (NotNewer, Undecided),
        "our history under its old name"
    );
    assert_eq!(
        judge(true, 2, 9, 50),
        (Undecided, Undecided),
        "parted from our history"
    );
    assert_eq!(
        judge(true, 7, 8, 1),
        (Undecided, Undecided),
        "another history"
    );
}

/// Withholding with these replicas, after its first tick.
fn start(replicas: &[NodeId], wait_secs: i64) -> (Withholding, Vec<(NodeId, Option<SocketAddr>)>) {
    let access = Access {
        password: Some(b"secret".to_vec()),
        ..Access::default()
    };
    let mut machine = Withholding::new(Some(held()), access, 7, wait_secs, at(0));
    let address = "10.0.0.1:6379".parse().ok();
    let known: Vec<_> = replicas.iter().map(|id| (*id, address)).collect();
    machine.on_timer(&known, at(0));
    (machine, known)
}

fn number(link: LinkId) -> u64 {
    match link {
        LinkId::Bus(number)
        | LinkId::Master(number)
        | LinkId::Enquiry(number)
        | LinkId::Migrate(number) => number,
    }
}

fn drain(machine: &mut Withholding) -> String {
    let mut lines = Vec::new();
    while let Some(event) = machine.poll_event() {
        lines.push(match event {
            WithholdEvent::Link(link, LinkOp::Send(bytes)) => {
                format!("{} sends {} bytes", number(link), bytes.len())
            }
            WithholdEvent::Link(link, LinkOp::Open { .. }) => format!("{} opens", number(link)),
            WithholdEvent::Link(_, LinkOp::OpenNamed { host, .. }) => format!("{host} opens"),
            WithholdEvent::Link(link, LinkOp::Close) => format!("{} closes", number(link)),
            WithholdEvent::Log(..) => continue,
            WithholdEvent::DeclareFailed => "failed".to_owned(),
            WithholdEvent::End => "end".to_owned(),
        });
    }
    lines.join(", ")
}

fn answer(machine: &mut Withholding, link: u64, loading: u8, offset: u64, keyspace: &str, ms: u64) {
    let local = "10.0.0.2:1000".parse().expect("an address");
    machine.on_link(LinkId::Enquiry(link), &LinkEvent::Opened { local }, at(ms));
    drain(machine);
    let mut text = "+OK\r\n".to_owned();
    for section in [
        format!("# Persistence\r\nloading:{loading}\r\nasync_loading:0\r\n"),
        format!(
            "# Replication\r\nrole:slave\r\nmaster_replid:{}\r\nmaster_replid2:{}\r\n\
             master_repl_offset:{offset}\r\n",
            repl_id(1),
            ReplId::NONE,
        ),
        format!("# Keyspace\r\n{keyspace}"),
    ] {
        text.push_str(&format!("${}\r\n{section}\r\n", section.len()));
    }
    for piece in text.as_bytes().chunks(50) {
        machine.on_link(LinkId::Enquiry(link), &LinkEvent::Bytes(piece), at(ms));
    }
}

#[test]
fn ends_once_all_have_answered_and_none_is_newer() {
    let (mut machine, known) = start(&[node(1), node(2)], 60);
    assert_eq!(drain(&mut machine), "7 opens, 8 opens");
    answer(
        &mut machine,
        7,
        0,
        100,
        "db0:keys=1,expires=0,avg_ttl=0\r\n",
        10,
    );
    assert_eq!(drain(&mut machine), "7 closes");
    answer(&mut machine, 8, 1, 0, "", 20);
    assert_eq!(
        drain(&mut machine),
        "8 closes",
        "a loading replica has not answered"
    );
    machine.on_timer(&known, at(519));
    assert_eq!(drain(&mut machine), "");
    machine.on_timer(&known, at(520));
    assert_eq!(drain(&mut machine), "9 opens");
    answer(&mut machine, 9, 0, 4000, "", 530);
    assert_eq!(drain(&mut machine), "9 closes, end");
}

#[test]
fn declares_itself_failed_once_a_replica_is_newer() {
    let (mut machine, known) = start(&[node(1), node(2)], -1);
    drain(&mut machine);
    answer(
        &mut machine,
        7,
        0,
        101,
        "db0:keys=1,expires=0,avg_ttl=0\r\n",
        10,
    );
    assert_eq!(drain(&mut machine), "7 closes, failed");
    machine.on_timer(&known, at(300));
    assert_eq!(drain(&mut machine), "", "said a moment ago");
    machine.on_timer(&known, at(1100));
    assert!(
        drain(&mut machine).contains("failed"),
        "said again, should it have been missed"
    );
    machine.on_timer(&known, at(1_000_000));
    assert!(!drain(&mut machine).contains("end"), "never by itself");
}

#[test]
fn waits_for_those_that_do_not_answer() {
    let (mut machine, known) = start(&[node(1)], 60);
    drain(&mut machine);
    machine.on_link(
        LinkId::Enquiry(7),
        &LinkEvent::Closed { reason: "refused" },
        at(10),
    );
    machine.on_timer(&known, at(600));
    assert_eq!(drain(&mut machine), "8 opens");
    machine.on_timer(&known, at(2600));
    assert_eq!(drain(&mut machine), "8 closes", "out of patience");
    machine.on_timer(&known, at(60_000));
    assert!(
        drain(&mut machine).ends_with("end"),
        "cluster-empty-master-wait"
    );
}

#[test]
fn a_master_without_replicas_serves_at_once() {
    let (mut machine, _) = start(&[], -1);
    assert_eq!(drain(&mut machine), "end");
}
