//! The configurator against a small fake node.

use std::sync::{Mutex, MutexGuard};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};

use super::*;

const POD: PodIndex = PodIndex {
    shard: 1,
    ordinal: 0,
};

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = pairs
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
    owned.collect()
}

/// The part of a node that a configurator uses. It accepts every directive except `tcp-backlog`.
#[derive(Clone, Default)]
struct Process {
    run_id: String,
    values: Arc<Mutex<BTreeMap<String, String>>>,
    /// The CONFIG SET commands that it got, in order.
    heard: Arc<Mutex<Vec<String>>>,
    /// How many CONFIG SET commands come at a bad time.
    busy: Arc<Mutex<u32>>,
}

impl Process {
    /// Starts with these directives; returns its address.
    async fn start(run_id: &str, values: &[(&str, &str)]) -> (Process, Address) {
        let process = Process {
            run_id: run_id.to_owned(),
            values: Arc::new(Mutex::new(map(values))),
            heard: Arc::default(),
            busy: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address {
            ip: "127.0.0.1".to_owned(),
            port: listener.local_addr().unwrap().port(),
            bus_port: 0,
        };
        let serving = process.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        (process, address)
    }

    async fn serve(self, stream: TcpStream) {
        let (requests, mut replies) = stream.into_split();
        let mut lines = BufReader::new(requests).lines();
        while let Some(request) = request(&mut lines).await {
            let reply = self.answer(&request);
            replies.write_all(reply.as_bytes()).await.unwrap();
        }
    }

    fn answer(&self, request: &[String]) -> String {
        let words: Vec<&str> = request.iter().map(|word| &**word).collect();
        let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
        match words[..] {
            ["INFO", _] => bulk(&format!("# Server\r\nrun_id:{}\r\n", self.run_id)),
            ["CONFIG", "GET", "*"] => {
                let values = lock(&self.values);
                let flat = values.iter().flat_map(|(a, b)| [bulk(a), bulk(b)]);
                format!("*{}\r\n", values.len() * 2) + &flat.collect::<String>()
            }
            ["CONFIG", "SET", name, value] => {
                lock(&self.heard).push(format!("{name} {value}"));
                let mut busy = lock(&self.busy);
                if let Some(left) = busy.checked_sub(1) {
                    *busy = left;
                    return "-BUSY Redis is busy running a command.\r\n".to_owned();
                }
                if name == "tcp-backlog" {
                    return format!(
                        "-ERR CONFIG SET failed (possibly related to argument '{name}') - can't \
                         set immutable config\r\n"
                    );
                }
                lock(&self.values).insert(name.to_owned(), value.to_owned());
                "+OK\r\n".to_owned()
            }
            _ => "+OK\r\n".to_owned(),
        }
    }
}

/// An array of bulk strings without line breaks in them; none at the end.
async fn request(lines: &mut Lines<BufReader<OwnedReadHalf>>) -> Option<Vec<String>> {
    let count = lines.next_line().await.ok()??;
    let count = count.strip_prefix('*')?.parse().ok()?;
    let mut words = Vec::new();
    for _ in 0..count {
        let _length = lines.next_line().await.ok()??;
        words.push(lines.next_line().await.ok()??);
    }
    Some(words)
}

/// A pod with a process at an address.
fn running(uid: &PodUid, address: &Address, values: &[(&str, &str)]) -> Running {
    let pod = PodView {
        uid: uid.clone(),
        phase: PodPhase::Running,
        address: Some(address.clone()),
        ..PodView::default()
    };
    let spec = RedisClusterSpec::default();
    Running::of(&BTreeMap::from([(POD, pod)]), None, map(values), &spec)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn tells_what_differs_and_is_not_the_operators() {
    let has = map(&[("maxmemory", "0"), ("port", "6379"), ("loglevel", "notice")]);
    let values = map(&[
        ("maxmemory", "1048576"),
        ("port", "7000"),
        ("loglevel", "notice"),
        ("not-of-this-node", "1"),
    ]);
    assert_eq!(outdated(&has, &values), [("maxmemory", "1048576")]);
}

#[test]
fn only_pods_whose_process_runs_and_has_an_address_are_told() {
    let pod = |phase, address: Option<Address>| PodView {
        phase,
        address,
        ..PodView::default()
    };
    let pods = [
        pod(PodPhase::Running, Some(Address::default())),
        pod(PodPhase::Running, None),
        pod(PodPhase::Terminated, Some(Address::default())),
    ];
    let pods = (0..)
        .map(|shard| PodIndex::new(shard, 0))
        .zip(pods)
        .collect();
    let running = Running::of(&pods, None, BTreeMap::new(), &RedisClusterSpec::default());
    let told: Vec<PodIndex> = running.nodes.into_keys().collect();
    assert_eq!(told, [PodIndex::new(0, 0)]);
}

#[tokio::test]
async fn a_node_is_told_what_it_has_otherwise_and_what_it_refuses_waits_for_its_restart() {
    let said: Arc<Mutex<Vec<String>>> = Arc::default();
    let hearing = Arc::clone(&said);
    let configurator =
        Configurator::start(move |index, text| lock(&hearing).push(format!("{index}: {text}")));
    let fresh = [
        ("loglevel", "notice"),
        ("maxmemory", "0"),
        ("tcp-backlog", "511"),
    ];
    let (process, address) = Process::start("a", &fresh).await;
    let uid = PodUid("1".to_owned());
    assert_eq!(configurator.restart_for(POD, &uid), None);

    let mut wanted = fresh;
    wanted[1].1 = "1048576";
    wanted[2].1 = "100";
    configurator.update(running(&uid, &address, &wanted));
    configurator.all_applied().await;
    assert_eq!(
        configurator.restart_for(POD, &uid),
        Some(strings(&["tcp-backlog"]))
    );
    let expected = strings(&["maxmemory 1048576", "tcp-backlog 100"]);
    assert_eq!(*lock(&process.heard), expected);
    let expected = strings(&[
        "1-0: maxmemory is now \"1048576\"",
        "1-0: tcp-backlog waits for a restart: can't set immutable config",
    ]);
    assert_eq!(*lock(&said), expected);

    // After the change is taken back, no restart is needed and nothing is applied.
    wanted[2].1 = "511";
    configurator.update(running(&uid, &address, &wanted));
    configurator.all_applied().await;
    assert_eq!(configurator.restart_for(POD, &uid), Some(strings(&[])));
    assert_eq!(lock(&process.heard).len(), 2);

    // The next process starts without the changes.
    let (next, address) = Process::start("b", &fresh).await;
    let next_uid = PodUid("2".to_owned());
    configurator.update(running(&next_uid, &address, &wanted));
    configurator.all_applied().await;
    assert_eq!(configurator.restart_for(POD, &next_uid), Some(strings(&[])));
    assert_eq!(*lock(&next.heard), strings(&["maxmemory 1048576"]));
    assert_eq!(configurator.restart_for(POD, &uid), None);
}

#[test]
fn each_node_follows_the_memory_limit_of_its_own_pod() {
    let pod = |memory_limit| PodView {
        phase: PodPhase::Running,
        address: Some(Address::default()),
        memory_limit,
        ..PodView::default()
    };
    let pods = [Some(1000), Some(2000), None].map(pod);
    let pods = (0..)
        .map(|shard| PodIndex::new(shard, 0))
        .zip(pods)
        .collect();
    let told = |percent| {
        let spec = RedisClusterSpec {
            maxmemory_percent: percent,
            ..RedisClusterSpec::default()
        };
        let running = Running::of(&pods, None, map(&[("maxmemory", "1600")]), &spec);
        let nodes = running.nodes.values();
        let told = nodes.map(|node| running.values_of(node).remove("maxmemory").unwrap());
        told.collect::<Vec<_>>()
    };
    assert_eq!(told(Some(80)), ["800", "1600", "1600"]);
    assert_eq!(told(Some(50)), ["500", "1000", "1600"]);
    assert_eq!(told(None), ["1600"; 3]);
}

#[tokio::test]
async fn a_busy_node_is_told_again_and_needs_no_restart() {
    let configurator = Configurator::start(|_, _| {});
    let (process, address) = Process::start("a", &[("maxmemory", "0")]).await;
    *lock(&process.busy) = 1;
    let uid = PodUid("1".to_owned());
    configurator.update(running(&uid, &address, &[("maxmemory", "1048576")]));
    configurator.all_applied().await;
    assert_eq!(configurator.restart_for(POD, &uid), Some(strings(&[])));
    let expected = strings(&["maxmemory 1048576", "maxmemory 1048576"]);
    assert_eq!(*lock(&process.heard), expected);
}
