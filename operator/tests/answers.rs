//! Nodes that answer what no server should: too much, and with unknown texts.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use slotkeeper::act::Actor;
use slotkeeper::links::Links;
use slotkeeper::model::{
    Address, FailoverMode, Moment, NodeView, PodIndex, PodPhase, PodUid, PodView, Seen, Silence,
    Step, StepOutcome, Target,
};
use slotkeeper::observe::observe;
use slotkeeper::platform::Survey;
use slotkeeper_crds::{RedisCluster, RedisClusterSpec};
use slotkeeper_topology::NodeId;
use tokio::sync::Notify;

#[path = "support/static_platform.rs"]
mod static_platform;

use static_platform::StaticPlatform;

const POD: PodIndex = PodIndex {
    shard: 0,
    ordinal: 0,
};

/// Serves every connection on its own thread until the test ends.
fn serve(converse: impl Fn(TcpStream) + Send + Sync + 'static) -> Survey {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let converse = Arc::new(converse);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let converse = converse.clone();
            std::thread::spawn(move || converse(stream));
        }
    });
    let address = Address {
        ip: "127.0.0.1".to_owned(),
        port,
        bus_port: port,
    };
    let pod = PodView {
        uid: PodUid("1".to_owned()),
        phase: PodPhase::Running,
        address: Some(address),
        ..PodView::default()
    };
    Survey {
        pods: [(POD, pod)].into(),
        ..Survey::default()
    }
}

/// Answers every request by its text; requests come one by one.
fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Survey {
    serve(move |mut stream| {
        let mut request = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut request) {
            let text = String::from_utf8_lossy(&request[..read]);
            if stream.write_all(answer(&text).as_bytes()).is_err() {
                return;
            }
        }
    })
}

fn links() -> Links {
    Links::new(Arc::new(Notify::new()))
}

#[tokio::test]
async fn a_node_that_answers_without_end_is_not_listened_to() {
    let (most, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (sent_most, end) = (most.clone(), ended.clone());
    let survey = serve(move |mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"$500000000\r\n");
        let (chunk, mut sent) = ([b'x'; 65536], 0);
        while let Ok(written @ 1..) = stream.write(&chunk) {
            sent += written;
        }
        sent_most.fetch_max(sent, Ordering::Relaxed);
        end.notify_one();
    });
    let observation = observe(&survey, &links(), &mut Seen::default()).await;
    let view = &observation.nodes[&POD];
    assert!(matches!(view, NodeView::Silent(_)), "{view:?}");
    ended.notified().await;
    // What the kernel buffers counts as well.
    let most = most.load(Ordering::Relaxed);
    assert!(most < 32 << 20, "{most} bytes were taken of one answer");
}

async fn act(survey: &Survey, step: Step) -> StepOutcome {
    act_over(&links(), survey, step, None).await
}

async fn act_over(
    links: &Links,
    survey: &Survey,
    step: Step,
    until: Option<Moment>,
) -> StepOutcome {
    let cluster = RedisCluster::new("it", RedisClusterSpec::default());
    let actor = Actor {
        platform: &StaticPlatform::default(),
        links,
        cluster: &cluster,
        survey,
    };
    match until {
        Some(until) => actor.act_until(&step, until).await,
        None => actor.act(&step).await,
    }
}

fn id(digit: char) -> NodeId {
    digit.to_string().repeat(40).parse().unwrap()
}

fn target() -> Target {
    Target {
        pod: POD,
        uid: PodUid("1".to_owned()),
        id: id('a'),
    }
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// CLUSTER NODES of the node `a`, which knows `b`.
fn nodes(is_master: bool) -> String {
    let (a, b) = (id('a'), id('b'));
    let (mine, its) = match is_master {
        true => ("myself,master -".to_owned(), format!("slave {a}")),
        false => (format!("myself,slave {b}"), "master -".to_owned()),
    };
    bulk(&format!(
        "{a} :1@2 {mine} 0 0 1 connected\n{b} :3@4 {its} 0 0 1 connected\n"
    ))
}

fn failover() -> Step {
    Step::Failover {
        node: target(),
        mode: FailoverMode::Force,
        master: id('b'),
        epoch: None,
    }
}

#[tokio::test]
async fn a_refused_failover_is_none_where_the_node_is_the_master_by_now() {
    let refusal = "-NO the words are any server's own\r\n".to_owned();
    let (asked, words) = (AtomicUsize::new(0), refusal.clone());
    let survey = answering(move |request| match request {
        _ if request.contains("FAILOVER") => {
            asked.store(1, Ordering::Relaxed);
            words.clone()
        }
        _ => nodes(asked.load(Ordering::Relaxed) == 1),
    });
    let outcome = act(&survey, failover()).await;
    assert!(matches!(outcome, StepOutcome::NotSent(_)), "{outcome:?}");
    let stays = answering(move |request| match request {
        _ if request.contains("FAILOVER") => refusal.clone(),
        _ => nodes(false),
    });
    let outcome = act(&stays, failover()).await;
    assert!(matches!(outcome, StepOutcome::Refused(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_refused_forget_is_done_where_the_node_lists_no_such_id() {
    let survey = answering(|request| match request {
        _ if request.contains("FORGET") => "-NO the words are any server's own\r\n".to_owned(),
        _ => nodes(true),
    });
    let forget = |id| Step::Forget {
        id,
        nodes: vec![target()],
    };
    assert_eq!(act(&survey, forget(id('c'))).await, StepOutcome::Done);
    let outcome = act(&survey, forget(id('b'))).await;
    assert!(matches!(outcome, StepOutcome::Refused(_)), "{outcome:?}");
}

/// A replica that answers no request for a vote and says when its connection is closed.
fn tongue_tied(closed: Arc<Notify>) -> Survey {
    serve(move |mut stream| {
        let mut request = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut request) {
            let text = String::from_utf8_lossy(&request[..read]);
            if !text.contains("FAILOVER") && stream.write_all(nodes(false).as_bytes()).is_err() {
                break;
            }
        }
        closed.notify_one();
    })
}

#[tokio::test]
async fn a_request_that_is_given_up_takes_its_connection_with_it() {
    let closed = Arc::new(Notify::new());
    let (links, survey) = (links(), tongue_tied(closed.clone()));
    let outcome = act_over(&links, &survey, failover(), None).await;
    assert!(matches!(outcome, StepOutcome::Unknown(_)), "{outcome:?}");
    let patience = std::time::Duration::from_secs(20);
    let ended = tokio::time::timeout(patience, closed.notified()).await;
    assert!(ended.is_ok(), "the connection is still open");
    drop(links);
}

#[tokio::test]
async fn a_step_whose_time_is_over_is_not_sent() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let survey = answering(move |request| {
        count.fetch_add(usize::from(request.contains("FAILOVER")), Ordering::Relaxed);
        nodes(false)
    });
    let (over, long) = (Moment(0), Moment(u64::MAX));
    let outcome = act_over(&links(), &survey, failover(), Some(over)).await;
    assert!(matches!(outcome, StepOutcome::Unknown(_)), "{outcome:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    act_over(&links(), &survey, failover(), Some(long)).await;
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_unreadable_answer_to_a_vote_is_no_refusal() {
    let survey = answering(|request| match request {
        _ if request.contains("FAILOVER") => "?\r\n".to_owned(),
        _ => nodes(false),
    });
    let outcome = act(&survey, failover()).await;
    assert!(matches!(outcome, StepOutcome::Unknown(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_node_with_a_long_command_is_busy() {
    let busy = "-BUSY Redis is busy running a command. You can only call CLIENT KILL.\r\n";
    let survey = answering(|_| busy.repeat(3));
    let observation = observe(&survey, &links(), &mut Seen::default()).await;
    assert_eq!(observation.silence(POD), Some(&Silence::Busy));
}
