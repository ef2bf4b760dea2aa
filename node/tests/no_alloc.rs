//! A GET, hit or miss, allocates nothing once everything has its size.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use slotkeeper_node::config::Config;
use slotkeeper_node::engine::{Boot, Engine, NoHeartbeat};
use slotkeeper_node::io::{DiskEvent, DiskOp, Output, Peer, SessionId, SessionState};
use slotkeeper_node::resp::Reply;
use slotkeeper_node::time::{Now, Stopwatch};

struct Counting;

thread_local! {
    /// Of this thread alone: that of the test harness allocates when it likes.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that ends has no such variable any more.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

#[expect(
    unsafe_code,
    reason = "an allocator that counts can be had in no other way"
)]
// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Still;

impl Stopwatch for Still {
    fn nanos(&self) -> u64 {
        0
    }
}

fn node(cluster_enabled: bool) -> (Engine, SessionId, Now) {
    let now = Now {
        unix_us: 1_700_000_000_000_000,
        mono_us: 1,
    };
    let config = Config {
        cluster_enabled,
        ..Config::default()
    };
    let boot = Boot {
        nodes_conf: None,
        config_file: None,
        config_text: None,
        run_id: [b'a'; 40],
        hash_key: [1, 2],
        random_seed: 1,
        pid: 1,
        executable: String::new(),
        os: String::new(),
    };
    let mut engine = Engine::start(config, boot, Box::new(Still), now).expect("a fresh node");
    engine.on_disk(DiskEvent::LoadEnd, now);
    let address = ([127, 0, 0, 1], 1).into();
    let peer = Peer {
        remote: address,
        local: address,
    };
    let session = engine.open(peer, now).expect("this machine is admitted");
    (engine, session, now)
}

fn run(engine: &mut Engine, session: SessionId, now: Now, input: &[u8], reply: &mut Reply) {
    reply.clear();
    engine.look_ahead([(session, input); 2].into_iter());
    let progress = engine.on_bytes(session, input, now, reply, &mut NoHeartbeat);
    assert_eq!(progress.state, SessionState::NeedInput);
    assert_eq!(progress.consumed, input.len());
}

fn get_allocates_nothing(cluster_enabled: bool) {
    let (mut engine, session, mut now) = node(cluster_enabled);
    let mut reply = Reply::new();
    if cluster_enabled {
        let all = b"CLUSTER ADDSLOTSRANGE 0 16383\r\n";
        // It waits for nodes.conf; its reply comes with that of the next request.
        engine.on_bytes(session, all, now, &mut reply, &mut NoHeartbeat);
        while let Some(output) = engine.poll_output() {
            if matches!(output, Output::Disk(DiskOp::SaveNodesConf(_))) {
                engine.on_disk(DiskEvent::NodesConfSaved, now);
            }
        }
        for _ in 0..100 {
            now.mono_us += 100_000;
            engine.on_timer(now);
        }
    }
    let set = b"SET key 0123456789012345678901234567890123456789\r\n";
    run(&mut engine, session, now, set, &mut reply);
    while engine.poll_output().is_some() {}
    let gets = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n*2\r\n$3\r\nGET\r\n$2\r\nno\r\n".repeat(40);
    run(&mut engine, session, now, &gets, &mut reply);
    let expected = "$40\r\n0123456789012345678901234567890123456789\r\n$-1\r\n".repeat(40);
    assert_eq!(String::from_utf8_lossy(&reply.bytes()), expected);
    let before = ALLOCATIONS.get();
    for _ in 0..100 {
        run(&mut engine, session, now, &gets, &mut reply);
        engine.on_turn(now);
    }
    let after = ALLOCATIONS.get();
    assert!(before > 0, "the node has allocated when it started");
    assert_eq!(after - before, 0, "cluster_enabled {cluster_enabled}");
}

#[test]
fn a_write_that_is_refused_for_memory_allocates_nothing() {
    let (mut engine, session, now) = node(false);
    let mut reply = Reply::new();
    let limit = b"CONFIG SET maxmemory 1\r\n";
    run(&mut engine, session, now, limit, &mut reply);
    let sets = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1\r\n1\r\n".repeat(40);
    run(&mut engine, session, now, &sets, &mut reply);
    let refused = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    assert_eq!(String::from_utf8_lossy(&reply.bytes()), refused.repeat(40));
    let before = ALLOCATIONS.get();
    for _ in 0..100 {
        run(&mut engine, session, now, &sets, &mut reply);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn a_get_allocates_nothing() {
    get_allocates_nothing(false);
    get_allocates_nothing(true);
}
