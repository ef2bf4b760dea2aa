//! Leader election: the pure state machine, many random runs, and a fake API server.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::Method;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use serde_json::Value;

use super::elector::{Answer, Elector, Next, Request};
use super::{Candidate, TIMING};
use crate::platform::kubernetes::fake_server;
use crate::run::metrics::Metrics;

/// The Lease on an API server.
#[derive(Default)]
struct Server {
    lease: Option<Lease>,
    version: u64,
}

impl Server {
    fn serve(&mut self, request: Request) -> Answer {
        let Request::Write(mut lease) = request else {
            let found = self.lease.clone();
            return found.map_or(Answer::Absent, |lease| Answer::Found(Box::new(lease)));
        };
        let old = self.lease.as_ref();
        let old = old.and_then(|lease| lease.metadata.resource_version.as_ref());
        match (&lease.metadata.resource_version, old) {
            (Some(_), None) => return Answer::Absent,
            (guard, old) if guard.as_ref() != old => return Answer::Conflict,
            _ => {}
        }
        self.version += 1;
        lease.metadata.resource_version = Some(self.version.to_string());
        self.lease = Some(*lease.clone());
        Answer::Written(lease)
    }

    fn spec(&self) -> LeaseSpec {
        let lease = self.lease.clone().unwrap_or_default();
        lease.spec.unwrap_or_default()
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Sends the requests of the elector until it waits or has lost.
fn run(elector: &mut Elector, server: &mut Server, now: Instant) -> Next {
    loop {
        match elector.next(now) {
            Next::Send(request) => {
                let answer = server.serve(request);
                elector.answered(now, answer, now);
            }
            next => return next,
        }
    }
}

fn elected(identity: &str, server: &mut Server, now: Instant) -> Elector {
    let mut elector = Elector::new(identity, TIMING, now);
    run(&mut elector, server, now);
    assert!(elector.leads_until().is_some(), "{elector:?}");
    elector
}

#[test]
fn the_first_candidate_creates_the_lease_and_renews_it_every_five_seconds() {
    let (mut server, start) = (Server::default(), Instant::now());
    let mut one = elected("one", &mut server, start);
    let spec = server.spec();
    assert_eq!(spec.holder_identity.as_deref(), Some("one"));
    assert_eq!(spec.lease_duration_seconds, Some(15));
    assert_eq!(spec.lease_transitions, Some(0));
    assert_eq!(one.next(start), Next::Wait(start + seconds(5)));
    run(&mut one, &mut server, start + seconds(5));
    assert_eq!(one.leads_until(), Some(start + seconds(15)));
    assert_eq!(server.version, 2);
}

#[test]
fn another_takes_over_once_the_lease_was_unchanged_for_its_duration_and_not_before() {
    let (mut server, start) = (Server::default(), Instant::now());
    elected("one", &mut server, start);
    let mut two = Elector::new("two", TIMING, start);
    // It starts to count when it first sees the Lease, regardless of the times in it.
    for second in 40..55 {
        run(&mut two, &mut server, start + seconds(second));
        assert_eq!(two.leads_until(), None, "second {second}");
    }
    run(&mut two, &mut server, start + seconds(55));
    assert_eq!(two.leads_until(), Some(start + seconds(65)));
    assert_eq!(server.spec().holder_identity.as_deref(), Some("two"));
    assert_eq!(server.spec().lease_transitions, Some(1));
}

#[test]
fn every_renewal_starts_the_wait_anew() {
    let (mut server, start) = (Server::default(), Instant::now());
    let mut one = elected("one", &mut server, start);
    let mut two = Elector::new("two", TIMING, start);
    for second in 0..120 {
        run(&mut one, &mut server, start + seconds(second));
        run(&mut two, &mut server, start + seconds(second));
        assert!(one.leads_until().is_some());
        assert_eq!(two.leads_until(), None);
    }
}

#[test]
fn a_released_lease_is_taken_at_the_next_look() {
    let (mut server, start) = (Server::default(), Instant::now());
    let one = elected("one", &mut server, start);
    let mut two = Elector::new("two", TIMING, start);
    run(&mut two, &mut server, start);
    let release = one.release().unwrap();
    assert!(matches!(server.serve(release), Answer::Written(_)));
    assert_eq!(server.spec().holder_identity, None);
    run(&mut two, &mut server, start + TIMING.retry);
    assert!(two.leads_until().is_some());
}

#[test]
fn a_leader_that_cannot_renew_has_lost_at_the_deadline_and_says_why() {
    let (mut server, start) = (Server::default(), Instant::now());
    let mut one = elected("one", &mut server, start);
    let mut now = start;
    let why = loop {
        match one.next(now) {
            Next::Send(_) => {
                let sent = now;
                now += one.patience(now);
                one.answered(sent, Answer::Failed("connection refused".to_owned()), now);
            }
            Next::Wait(until) => now = until,
            Next::Lost(why) => break why,
        }
    };
    assert_eq!(now, start + TIMING.deadline);
    assert_eq!(
        why,
        "the Lease could not be renewed for 10 s: connection refused"
    );
}

#[test]
fn a_renewal_counts_from_when_it_was_sent() {
    let (mut server, start) = (Server::default(), Instant::now());
    let mut one = Elector::new("one", TIMING, start);
    one.answered(start, Answer::Absent, start);
    let Next::Send(request) = one.next(start) else {
        panic!("{one:?}")
    };
    let answer = server.serve(request);
    one.answered(start, answer, start + seconds(3));
    assert_eq!(one.leads_until(), Some(start + TIMING.deadline));
    let Next::Send(request) = one.next(start + seconds(5)) else {
        panic!("{one:?}")
    };
    let answer = server.serve(request);
    one.answered(start + seconds(5), answer, start + seconds(8));
    assert_eq!(
        one.leads_until(),
        Some(start + seconds(5) + TIMING.deadline)
    );
}

#[test]
fn a_renewal_whose_answer_was_lost_is_found_again() {
    let (mut server, start) = (Server::default(), Instant::now());
    let mut one = elected("one", &mut server, start);
    let later = start + seconds(5);
    let Next::Send(request) = one.next(later) else {
        panic!("{one:?}")
    };
    server.serve(request);
    one.answered(
        later,
        Answer::Failed("no answer in time".to_owned()),
        later + seconds(3),
    );
    run(&mut one, &mut server, later + seconds(4));
    assert_eq!(one.leads_until(), Some(later + seconds(14)));
}

#[test]
fn a_leader_that_sees_another_holder_has_lost_at_once() {
    let (mut server, start) = (Server::default(), Instant::now());
    let mut one = elected("one", &mut server, start);
    let lease = server.lease.as_mut().unwrap();
    lease.metadata.resource_version = Some("77".to_owned());
    lease.spec.as_mut().unwrap().holder_identity = Some("two".to_owned());
    let next = run(&mut one, &mut server, start + seconds(5));
    assert_eq!(next, Next::Lost("the Lease is held by two".to_owned()));
    assert_eq!(one.release(), None);
}

#[test]
fn a_deleted_lease_is_created_again_by_its_holder_and_not_by_a_standby() {
    let (mut server, start) = (Server::default(), Instant::now());
    let mut one = elected("one", &mut server, start);
    let mut two = Elector::new("two", TIMING, start);
    run(&mut two, &mut server, start);
    server.lease = None;
    run(&mut two, &mut server, start + seconds(1));
    assert_eq!(two.leads_until(), None);
    run(&mut one, &mut server, start + seconds(5));
    assert_eq!(one.leads_until(), Some(start + seconds(15)));
    assert_eq!(server.spec().holder_identity.as_deref(), Some("one"));
}

#[test]
fn a_process_of_the_same_name_takes_its_lease_up_at_once() {
    let (mut server, start) = (Server::default(), Instant::now());
    elected("one", &mut server, start);
    elected("one", &mut server, start + seconds(1));
    assert_eq!(server.spec().lease_transitions, Some(0));
}

#[test]
fn labels_of_others_stay() {
    let (mut server, start) = (Server::default(), Instant::now());
    elected("one", &mut server, start);
    let lease = server.lease.as_mut().unwrap();
    let label = ("team".to_owned(), "data".to_owned());
    lease
        .metadata
        .labels
        .get_or_insert_default()
        .insert(label.0.clone(), label.1.clone());
    let mut two = Elector::new("two", TIMING, start);
    run(&mut two, &mut server, start);
    run(&mut two, &mut server, start + seconds(15));
    let labels = server.lease.unwrap().metadata.labels.unwrap();
    assert_eq!(labels.get(&label.0), Some(&label.1));
}

/// A request in flight: when it arrives, if it does, and when its answer is back, if it comes.
struct Flight {
    request: Option<Request>,
    sent: Instant,
    arrives: Option<Instant>,
    gives_up: Instant,
    answer: Option<(Instant, Answer)>,
}

struct Random(u64);

impl Random {
    /// Below that bound (xorshift).
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn ms(&mut self, bound: u64) -> Duration {
        Duration::from_millis(self.below(bound))
    }
}

/// Candidates behind a network that delays and loses requests and answers; they are also frozen and
/// restarted. Two never lead at the same moment, and without trouble one leads.
#[test]
fn two_never_lead_at_once_whatever_is_lost_or_late() {
    let leaders: usize = (1..=300).map(story).sum();
    assert!(leaders > 900, "leadership hardly ever changed: {leaders}");
}

struct Player {
    elector: Elector,
    flight: Option<Flight>,
    frozen_until: Instant,
}

/// How many have led.
fn story(seed: u64) -> usize {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let (mut server, start) = (Server::default(), Instant::now());
    let mut lives = 0;
    let mut born = |now| {
        lives += 1;
        Player {
            elector: Elector::new(&format!("life-{lives}"), TIMING, now),
            flight: None,
            frozen_until: now,
        }
    };
    let mut players: Vec<Player> = (0..3).map(|_| born(start)).collect();
    let mut late: Vec<(Instant, Request)> = Vec::new();
    let mut leaders = BTreeSet::new();
    for step in 0..4000_u64 {
        let now = start + Duration::from_millis(step * 100);
        let troubled = step < 3500;
        late.retain(|(at, request)| {
            let due = *at <= now;
            if due {
                server.serve(request.clone());
            }
            !due
        });
        for player in &mut players {
            if troubled && random.below(700) == 0 {
                player.frozen_until = now + random.ms(30_000);
            }
            let over = matches!(player.elector.next(now), Next::Lost(_));
            if over || (troubled && random.below(1500) == 0) {
                *player = born(now);
            }
            if now >= player.frozen_until {
                play(player, &mut server, &mut late, now, &mut random, troubled);
            }
        }
        let leading: Vec<&Player> = (players.iter())
            .filter(|player| {
                player
                    .elector
                    .leads_until()
                    .is_some_and(|until| now < until)
            })
            .collect();
        assert!(leading.len() <= 1, "seed {seed}, step {step}: two lead");
        leaders.extend(
            leading
                .iter()
                .filter_map(|player| player.elector.holder().map(str::to_owned)),
        );
        assert!(
            step < 3999 || leading.len() == 1,
            "seed {seed}: no candidate leads"
        );
    }
    leaders.len()
}

fn play(
    player: &mut Player,
    server: &mut Server,
    late: &mut Vec<(Instant, Request)>,
    now: Instant,
    random: &mut Random,
    troubled: bool,
) {
    let Some(flight) = &mut player.flight else {
        if let Next::Send(request) = player.elector.next(now) {
            let lost = troubled && random.below(4) == 0;
            let slow = if troubled { 6_000 } else { 200 };
            player.flight = Some(Flight {
                request: Some(request),
                sent: now,
                arrives: (!lost).then(|| now + random.ms(slow)),
                gives_up: now + player.elector.patience(now),
                answer: None,
            });
        }
        return;
    };
    if flight.arrives.is_some_and(|at| at <= now)
        && let Some(request) = flight.request.take()
    {
        let back = now + random.ms(if troubled { 2_000 } else { 200 });
        flight.answer = Some((back, server.serve(request)));
    }
    let answered = flight.answer.as_ref().is_some_and(|(back, _)| *back <= now);
    if !answered && now < flight.gives_up {
        return;
    }
    let flight = player.flight.take().expect("it was there");
    let answer = match flight.answer {
        Some((_, answer)) if answered => answer,
        _ => Answer::Failed("no answer in time".to_owned()),
    };
    // A request that was given up may still arrive.
    if let (Some(request), Some(at)) = (flight.request, flight.arrives) {
        late.push((at, request));
    }
    player.elector.answered(flight.sent, answer, now);
}

/// An API server with one Lease, which may be down.
#[derive(Clone, Default)]
struct Api {
    server: Arc<Mutex<Server>>,
    down: Arc<AtomicBool>,
}

impl Api {
    fn candidate(&self, identity: &str) -> Candidate {
        let api = self.clone();
        let client = fake_server::client(move |method, path, body| api.answer(method, path, body));
        Candidate::new(client, "default", "slotkeeper", identity, Metrics::new())
    }

    fn answer(&self, method: &Method, path: &str, body: Value) -> Result<Value, u16> {
        let leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
        let (by_name, written) = (format!("{leases}/slotkeeper"), serde_json::from_value(body));
        let request = match (method, written) {
            _ if self.down.load(Ordering::Relaxed) => return Err(503),
            (&Method::GET, _) if path == by_name => Request::Read,
            (&Method::PUT, Ok(lease)) if path == by_name => Request::Write(lease),
            (&Method::POST, Ok(lease)) if path == leases => Request::Write(lease),
            _ => return Err(405),
        };
        match self.server.lock().unwrap().serve(request) {
            Answer::Found(lease) | Answer::Written(lease) => Ok(serde_json::json!(lease)),
            Answer::Absent => Err(404),
            Answer::Conflict => Err(409),
            Answer::Failed(_) => Err(500),
        }
    }

    fn spec(&self) -> LeaseSpec {
        self.server.lock().unwrap().spec()
    }
}

#[tokio::test(start_paused = true)]
async fn a_candidate_leads_renews_and_hands_over_to_one_that_stands_by() {
    let api = Api::default();
    let leadership = api.candidate("one").acquire().await;
    let fence = leadership.fence();
    let successor = tokio::spawn(api.candidate("two").acquire());
    tokio::time::sleep(seconds(60)).await;
    assert!(fence.holds());
    assert!(!successor.is_finished());
    let spec = api.spec();
    assert_eq!(spec.holder_identity.as_deref(), Some("one"));
    assert!(spec.acquire_time < spec.renew_time, "{spec:?}");
    let before = tokio::time::Instant::now();
    leadership.release().await;
    assert!(!fence.holds());
    let second = successor.await.unwrap();
    assert!(before.elapsed() <= TIMING.retry, "{:?}", before.elapsed());
    assert!(second.fence().holds());
    assert_eq!(api.spec().holder_identity.as_deref(), Some("two"));
}

#[tokio::test(start_paused = true)]
async fn a_leader_without_an_api_server_loses_within_the_deadline() {
    let api = Api::default();
    let leadership = api.candidate("one").acquire().await;
    let (fence, before) = (leadership.fence(), tokio::time::Instant::now());
    api.down.store(true, Ordering::Relaxed);
    let why = leadership.lost().await;
    assert!(
        before.elapsed() <= TIMING.deadline,
        "{:?}",
        before.elapsed()
    );
    assert!(why.contains("not today"), "{why}");
    assert!(!fence.holds());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_slept_through_its_deadline_knows_it_before_anything_else() {
    let leadership = Api::default().candidate("one").acquire().await;
    // The clock jumps; no task runs in between.
    tokio::time::advance(TIMING.deadline).await;
    let fence = leadership.fence();
    assert!(!fence.holds());
}

#[tokio::test(start_paused = true)]
async fn a_candidate_waits_for_an_api_server_and_then_leads() {
    let api = Api::default();
    api.down.store(true, Ordering::Relaxed);
    let candidate = tokio::spawn(api.candidate("one").acquire());
    tokio::time::sleep(seconds(30)).await;
    assert!(!candidate.is_finished());
    api.down.store(false, Ordering::Relaxed);
    assert!(candidate.await.unwrap().fence().holds());
}
