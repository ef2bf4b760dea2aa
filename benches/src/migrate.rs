//! MIGRATE: how fast keys move from one of ours to another of ours, and from one redis-server to
//! another.

use std::time::Instant;

use crate::Options;
use crate::bounds::Verdicts;
use crate::client::Client;
use crate::server::{Program, Server};

/// As `--only` names it.
pub const NAME: &str = "migrate";

/// So many small strings move in a round ...
const KEYS: usize = 20_000;
/// ... so many with one MIGRATE: as `redis-cli --cluster reshard` does it, and with
/// `--cluster-pipeline 100`.
const AT_ONCE: [usize; 2] = [10, 100];
/// A hash of so many fields.
const FIELDS: usize = 1_000_000;
const VALUE: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
/// The highest ratio of our time to theirs: who sends waits for who receives, and with us others
/// are served meanwhile.
const KEYS_TIME: f64 = 1.5;
const HASH_TIME: f64 = 2.0;

/// Moves keys there and back.
pub fn compare(options: &Options, verdicts: &mut Verdicts) -> Result<(), String> {
    let pair = |binary, program, port| -> Result<[Server; 2], String> {
        let start = |port| Server::start(binary, program, port);
        Ok([start(port)?, start(port + 1)?])
    };
    let ours = pair(&options.node, Program::Node, options.port)?;
    let theirs = pair(&options.reference, Program::Redis, options.port + 2)?;
    println!(
        "\nKeys that move in a second, from node to node and from redis-server to redis-server"
    );
    for at_once in AT_ONCE {
        let rounds = options.rounds.div_ceil(2).max(1);
        let (mut rates, mut ratios) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let [mine, other] = [strings(&ours, at_once)?, strings(&theirs, at_once)?];
            rates.push((KEYS as f64 / mine, KEYS as f64 / other));
            ratios.push(mine / other);
        }
        rates.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (mine, other) = rates[rounds / 2];
        println!("small strings, {at_once} with each MIGRATE: {mine:.0}, redis-server {other:.0}");
        let what = format!("time of MIGRATE, {at_once} small strings at once");
        verdicts.judge(&what, median(ratios), KEYS_TIME);
    }
    let [mine, other] = [hash(&ours)?, hash(&theirs)?];
    println!("a hash of {FIELDS} fields: {mine:.3} s, redis-server {other:.3} s");
    verdicts.judge(
        "time of MIGRATE, a hash of a million",
        mine / other,
        HASH_TIME,
    );
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How long many small strings take, in seconds.
fn strings(pair: &[Server; 2], at_once: usize) -> Result<f64, String> {
    let [source, target] = pair;
    let mut client = Client::to(source)?;
    let names: Vec<String> = (0..KEYS).map(|n| format!("{{moved}}key:{n}")).collect();
    for names in names.chunks(100) {
        client.send(names.iter().map(|name| vec!["SET", name, VALUE]))?;
        (0..names.len()).try_for_each(|_| client.expect("+OK"))?;
    }
    let port = target.port().to_string();
    let started = Instant::now();
    for names in names.chunks(at_once) {
        let mut words = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "60000", "KEYS"];
        words.extend(names.iter().map(String::as_str));
        client.send([words])?;
        client.expect("+OK")?;
    }
    let took = started.elapsed().as_secs_f64();
    empty(target)?;
    Ok(took)
}

/// How long a big hash takes, in seconds.
fn hash(pair: &[Server; 2]) -> Result<f64, String> {
    let [source, target] = pair;
    let mut client = Client::to(source)?;
    for first in (0..FIELDS).step_by(1000) {
        let fields: Vec<String> = (first..first + 1000)
            .map(|n| format!("field:{n}"))
            .collect();
        let mut words = vec!["HSET", "hash"];
        words.extend(fields.iter().flat_map(|field| [field.as_str(), "value"]));
        client.send([words])?;
        client.expect(":1000")?;
    }
    let port = target.port().to_string();
    let started = Instant::now();
    client.send([vec!["MIGRATE", "127.0.0.1", &port, "hash", "0", "60000"]])?;
    client.expect("+OK")?;
    let took = started.elapsed().as_secs_f64();
    empty(target)?;
    Ok(took)
}

fn empty(server: &Server) -> Result<(), String> {
    let mut client = Client::to(server)?;
    client.send([vec!["FLUSHALL"]])?;
    client.expect("+OK")
}
