//! What a restart of a replica costs: with the file that it wrote when it was told to end, and
//! without one, for us and for redis-server.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Options;
use crate::bounds::Verdicts;
use crate::client::Client;
use crate::server::Server;

/// As `--only` names it.
pub const NAME: &str = "restart";

/// So many keys are written while the replica is away.
const WRITES: u32 = 10_000;
/// With the names, 1 million keys are well over 100 MB in a file.
const VALUE_BYTES: usize = 128;
const AT_ONCE: usize = 1000;
const ROUNDS: usize = 3;
/// How long a replica may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// What both servers get; the stream of what is missed fits in.
const SHARED: [&str; 10] = [
    "--save",
    "",
    "--cluster-enabled",
    "yes",
    "--repl-backlog-size",
    "32mb",
    "--shutdown-on-sigterm",
    "save",
    // Neither waits for more replicas before a full sync.
    "--repl-diskless-sync-delay",
    "0",
];

/// The most bytes of a restart with a file, by those of one without.
const BYTES: f64 = 0.05;
/// The highest ratios of our time to theirs.
const WITH_FILE: f64 = 1.0;
const WITHOUT: f64 = 1.5;

/// What one restart took.
#[derive(Clone, Copy, Debug)]
struct Restart {
    /// From SIGTERM to the end of the process, in seconds.
    ending: f64,
    /// From the start of the process until it has all of its master's stream, in seconds.
    starting: f64,
    /// What the master sent it meanwhile.
    bytes: f64,
    /// Full syncs among them.
    full: u64,
}

/// Restarts a replica of ours, and one of redis-server.
pub fn compare(options: &Options, verdicts: &mut Verdicts) -> Result<(), String> {
    let pairs = [
        ("slotkeeper-node", &options.node),
        ("redis-server", &options.reference),
    ];
    println!(
        "\nRestart of a replica with {} keys, {WRITES} of which are written meanwhile",
        options.keys
    );
    println!(
        "{:<17}{:<14}{:>10}{:>12}{:>14}{:>12}",
        "", "data file", "to end, s", "in sync, s", "bytes sent", "full syncs"
    );
    let mut figures = Vec::new();
    for (name, binary) in pairs {
        for (what, has_file) in [("kept", true), ("removed", false)] {
            let restart = measure(options, binary, has_file)?;
            let Restart {
                ending,
                starting,
                bytes,
                full,
            } = restart;
            println!("{name:<17}{what:<14}{ending:>10.2}{starting:>12.2}{bytes:>14.0}{full:>12}");
            figures.push(restart);
        }
    }
    let [with, without, their_with, their_without] = figures[..] else {
        return Err("four kinds of restart are measured".to_owned());
    };
    let name = "bytes of a restart with a file, by those without";
    verdicts.judge(name, with.bytes / without.bytes, BYTES);
    let name = "time of a restart with a file";
    verdicts.judge(name, with.starting / their_with.starting, WITH_FILE);
    let name = "time of a restart without a file";
    verdicts.judge(name, without.starting / their_without.starting, WITHOUT);
    Ok(())
}

/// The median of some restarts, by the time until the replica is in sync.
fn measure(options: &Options, binary: &Path, has_file: bool) -> Result<Restart, String> {
    let master = Server::start_with(binary, options.port, &SHARED)?;
    master.wait_for_slots()?;
    fill(&master, 0..options.keys)?;
    let mut replica = Server::start_with(binary, options.port + 1, &SHARED)?;
    follow(&master, &replica)?;
    until_in_sync(&master, &replica)?;
    let mut restarts = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        replica.terminate()?;
        let ending = began.elapsed().as_secs_f64();
        if !has_file {
            let file = replica.dir().join("dump.rdb");
            fs::remove_file(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        }
        fill(&master, 0..WRITES)?;
        let before = [
            number(&master, "total_net_repl_output_bytes")?,
            number(&master, "sync_full")?,
        ];
        let began = Instant::now();
        replica.start_again(&SHARED)?;
        until_in_sync(&master, &replica)?;
        restarts.push(Restart {
            ending,
            starting: began.elapsed().as_secs_f64(),
            bytes: (number(&master, "total_net_repl_output_bytes")? - before[0]) as f64,
            full: number(&master, "sync_full")? - before[1],
        });
    }
    restarts.sort_by(|one, other| one.starting.total_cmp(&other.starting));
    Ok(restarts[ROUNDS / 2])
}

/// Makes a server a replica of the master; its files say so from then on.
fn follow(master: &Server, replica: &Server) -> Result<(), String> {
    let meet = format!("CLUSTER MEET 127.0.0.1 {}\r\n", master.port());
    replica.ask(&meet)?;
    let id = master.ask("CLUSTER MYID\r\n")?;
    let id = id.lines().last().unwrap_or_default();
    let deadline = Instant::now() + PATIENCE;
    let replicate = format!("CLUSTER REPLICATE {id}\r\n");
    // It has to know its master first.
    while !replica.ask(&replicate)?.starts_with("+OK") {
        if Instant::now() > deadline {
            return Err("no replica of the master".to_owned());
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Writes these keys.
fn fill(server: &Server, keys: std::ops::Range<u32>) -> Result<(), String> {
    let mut client = Client::to(server)?;
    for first in keys.clone().step_by(AT_ONCE) {
        let last = keys.end.min(first + AT_ONCE as u32);
        let names: Vec<String> = (first..last).map(|n| format!("key:{n}")).collect();
        let values: Vec<String> = (first..last).map(value).collect();
        let pairs = names.iter().zip(&values);
        client.send(pairs.map(|(name, value)| vec!["SET", name.as_str(), value.as_str()]))?;
        (0..names.len()).try_for_each(|_| client.expect("+OK"))?;
    }
    Ok(())
}

/// A value that cannot be compressed.
fn value(number: u32) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = u64::from(number) + 1;
    let letter = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from(letters[(state >> 58) as usize])
    };
    (0..VALUE_BYTES).map(letter).collect()
}

/// Waits until the replica has all of its master's stream.
fn until_in_sync(master: &Server, replica: &Server) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let wanted = number(master, "master_repl_offset")?;
        // While it starts, it does not answer, or not with numbers.
        let info = replica.ask("INFO replication\r\n").unwrap_or_default();
        let is_up = info.contains("master_link_status:up");
        if is_up && field(&info, "master_repl_offset").is_some_and(|has| has >= wanted) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err("a replica does not get in sync".to_owned());
        }
        sleep(Duration::from_millis(5));
    }
}

/// A number of INFO.
fn number(server: &Server, name: &str) -> Result<u64, String> {
    for section in ["replication", "stats"] {
        let info = server.ask(&format!("INFO {section}\r\n"))?;
        if let Some(number) = field(&info, name) {
            return Ok(number);
        }
    }
    Err(format!("INFO tells no {name}"))
}

fn field(info: &str, name: &str) -> Option<u64> {
    let mut values = info
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    values.next()?.trim().parse().ok()
}
