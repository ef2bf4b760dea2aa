//! What eviction is worth and what it costs: how often a key is still there on a Zipf load, and writes
//! at the limit.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::Options;
use crate::bounds::Verdicts;
use crate::load::{self, Workload};
use crate::rounds::Rounds;
use crate::server::Server;

/// As `--only` names it.
pub const NAME: &str = "eviction";

/// The highest ratio of their hit rate to ours, on all loads together.
const HITS: f64 = 1.0;
/// What the loads begin with.
const SEEDS: [u64; 3] = [0x5DEE_CE66, 77, 123_456_789];
/// The highest ratio of CPU time of a write that costs another key.
const WRITE: f64 = 0.9;
/// How many times the keys that there is room for are asked for.
const KEYS_PER_PLACE: u64 = 10;
/// The exponent of the distribution.
const EXPONENT: f64 = 0.99;
const PIPELINE: usize = 64;
const VALUE: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// Compares the policies, on fresh servers for each load.
pub fn compare(options: &Options, verdicts: &mut Verdicts) -> Result<(), String> {
    let places = u64::from(options.keys / 8).max(1000);
    for policy in ["allkeys-lru", "allkeys-lfu"] {
        compare_hits(options, verdicts, policy, places)?;
        compare_writes(options, verdicts, policy, places)?;
    }
    Ok(())
}

/// How often a key is still there.
fn compare_hits(
    options: &Options,
    verdicts: &mut Verdicts,
    policy: &str,
    places: u64,
) -> Result<(), String> {
    println!("\nHit rate, {policy}, of loads with other seeds, and the keys that are there then");
    let mut sums = [0.0; 2];
    for seed in SEEDS {
        let (ours, theirs) = Server::start_both(options)?;
        for server in [&ours, &theirs] {
            fill(server, places, policy)?;
        }
        let rates = hit_rates([&ours, &theirs], places, 8 * places, seed)?;
        let keys = |server: &Server| {
            let reply = server.ask("DBSIZE\r\n");
            reply.map(|reply| reply.trim().to_owned())
        };
        println!(
            "  {:.4} {}, redis-server {:.4} {}",
            rates[0],
            keys(&ours)?,
            rates[1],
            keys(&theirs)?
        );
        for (sum, rate) in sums.iter_mut().zip(rates) {
            *sum += rate;
        }
    }
    let what = format!("hit rate of redis-server to ours, {policy}");
    verdicts.judge(&what, sums[1] / sums[0], HITS);
    Ok(())
}

/// What a write costs that adds a key, without a limit, and at the limit, where another key goes.
fn compare_writes(
    options: &Options,
    verdicts: &mut Verdicts,
    policy: &str,
    places: u64,
) -> Result<(), String> {
    let (ours, theirs) = Server::start_both(options)?;
    let range = u32::try_from(places * KEYS_PER_PLACE).unwrap_or(u32::MAX);
    let workload = |name: &str| Workload {
        name: name.to_owned(),
        words: ["SET", "key:__rand_int__", VALUE].map(str::to_owned).into(),
        pipeline: 16,
        requests: options.requests,
        range,
    };
    let count = options.rounds.div_ceil(2);
    let adding = workload("SET, no limit");
    let added = Rounds::take(count, &ours, &theirs, |server| {
        server.ask("FLUSHALL\r\n")?;
        load::run(server, &adding)
    })?;
    for server in [&ours, &theirs] {
        server.ask("FLUSHALL\r\n")?;
        fill(server, places, policy)?;
    }
    let evicting = workload("SET at limit");
    let evicted = Rounds::take(count, &ours, &theirs, |server| load::run(server, &evicting))?;
    Rounds::print_titles(&format!("Writes that add a key, {policy}"));
    added.print(&adding.name);
    evicted.print(&evicting.name);
    let [cost, their_cost] = [0, 1].map(|at| evicted.cpu_us()[at] - added.cpu_us()[at]);
    println!("  An eviction costs {cost:.3} us a write, redis-server's {their_cost:.3} us");
    let what = format!("SET at the limit CPU, {policy}");
    verdicts.judge(&what, evicted.cpu_ratio(), WRITE);
    Ok(())
}

/// Fills a server with so many keys, and lets it hold no more.
fn fill(server: &Server, places: u64, policy: &str) -> Result<(), String> {
    let mut client = Client::to(server)?;
    let all: Vec<u64> = (0..places).collect();
    for ranks in all.chunks(PIPELINE) {
        client.set(ranks)?;
    }
    let info = server.ask("INFO memory\r\n")?;
    let used = (info.lines())
        .find_map(|line| line.strip_prefix("used_memory:"))
        .ok_or("INFO memory tells no used_memory")?;
    let limit = format!("CONFIG SET maxmemory {used} maxmemory-policy {policy}\r\n");
    let reply = server.ask(&limit)?;
    match reply.starts_with("+OK") {
        true => Ok(()),
        false => Err(reply),
    }
}

/// Asks both for the same keys at the same time, since recency is counted in seconds, and sets those
/// that are not there. The share of those that are, in the second half.
fn hit_rates(
    servers: [&Server; 2],
    places: u64,
    requests: u64,
    seed: u64,
) -> Result<[f64; 2], String> {
    let [ours, theirs] = servers;
    let mut clients = [Client::to(ours)?, Client::to(theirs)?];
    let mut zipf = Zipf::new(places * KEYS_PER_PLACE, seed);
    let (mut asked, mut counted, mut hits) = (0, 0, [0; 2]);
    while asked < requests {
        let ranks: Vec<u64> = (0..PIPELINE).map(|_| zipf.rank()).collect();
        asked += PIPELINE as u64;
        let counts = asked > requests / 2;
        counted += if counts { PIPELINE } else { 0 };
        for (client, hits) in clients.iter_mut().zip(&mut hits) {
            let missing = client.missing(&ranks)?;
            client.set(&missing)?;
            *hits += if counts { PIPELINE - missing.len() } else { 0 };
        }
    }
    Ok(hits.map(|hits| hits as f64 / counted as f64))
}

/// Ranks from 0 on; the lower, the more frequent.
struct Zipf {
    /// The integral of the distribution, up to its last rank.
    total: f64,
    random: u64,
}

impl Zipf {
    fn new(ranks: u64, seed: u64) -> Zipf {
        Zipf {
            total: (ranks as f64).powf(1.0 - EXPONENT) - 1.0,
            random: seed,
        }
    }

    fn rank(&mut self) -> u64 {
        self.random = (self.random)
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let part = (self.random >> 11) as f64 / (1u64 << 53) as f64;
        let rank = (part * self.total + 1.0).powf(1.0 / (1.0 - EXPONENT));
        rank as u64 - 1
    }
}

/// A connection with pipelines.
struct Client {
    stream: BufReader<TcpStream>,
    out: Vec<u8>,
    line: String,
}

impl Client {
    fn to(server: &Server) -> Result<Client, String> {
        let stream = TcpStream::connect(("127.0.0.1", server.port())).map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        Ok(Client {
            stream: BufReader::new(stream),
            out: Vec::new(),
            line: String::new(),
        })
    }

    /// Which of the keys are not there.
    fn missing(&mut self, ranks: &[u64]) -> Result<Vec<u64>, String> {
        self.send(ranks, |rank| {
            vec!["GET".to_owned(), format!("key:{rank:012}")]
        })?;
        let mut missing = Vec::new();
        for &rank in ranks {
            match self.reply()?.as_str() {
                "$-1" => missing.push(rank),
                length => {
                    let length = length.strip_prefix('$').and_then(|it| it.parse().ok());
                    let length: usize = length.ok_or(format!("a reply to GET: {}", self.line))?;
                    let mut value = vec![0; length + 2];
                    (self.stream.read_exact(&mut value)).map_err(|e| e.to_string())?;
                }
            }
        }
        Ok(missing)
    }

    fn set(&mut self, ranks: &[u64]) -> Result<(), String> {
        self.send(ranks, |rank| {
            vec![
                "SET".to_owned(),
                format!("key:{rank:012}"),
                VALUE.to_owned(),
            ]
        })?;
        for _ in ranks {
            let reply = self.reply()?;
            if reply != "+OK" {
                return Err(reply);
            }
        }
        Ok(())
    }

    fn send(&mut self, ranks: &[u64], words: impl Fn(u64) -> Vec<String>) -> Result<(), String> {
        self.out.clear();
        for &rank in ranks {
            let words = words(rank);
            self.out.extend(format!("*{}\r\n", words.len()).bytes());
            for word in words {
                self.out
                    .extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
            }
        }
        let stream = self.stream.get_mut();
        stream.write_all(&self.out).map_err(|e| e.to_string())
    }

    fn reply(&mut self) -> Result<String, String> {
        self.line.clear();
        (self.stream.read_line(&mut self.line)).map_err(|e| e.to_string())?;
        Ok(self.line.trim_end().to_owned())
    }
}
