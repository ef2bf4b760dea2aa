//! Queues of lists, at random: pushes, pops, moves and clients that wait, against a simple model.

use std::collections::{BTreeMap, VecDeque};

use super::{Client, Node};
use crate::random::Random;

const KEYS: [&str; 4] = ["a", "b", "c", "d"];

/// One who waits, as the model has it.
struct Waiter {
    client: Client,
    keys: Vec<usize>,
    /// Where the element goes, and from which ends.
    to: Option<usize>,
    left: bool,
}

/// The lists, and who waits for them in the order of waiting.
#[derive(Default)]
struct Model {
    lists: [VecDeque<u64>; KEYS.len()],
    waiters: Vec<Waiter>,
    /// Whether the client of that number was served, and with what.
    served: BTreeMap<u64, String>,
    /// Elements that clients have got.
    taken: Vec<u64>,
}

impl Model {
    /// Where an element was taken, and the reply.
    fn take(&mut self, keys: &[usize], to: Option<usize>, left: bool) -> Option<(usize, String)> {
        let key = *keys.iter().find(|key| !self.lists[**key].is_empty())?;
        let list = &mut self.lists[key];
        let element = if left {
            list.pop_front()
        } else {
            list.pop_back()
        }?;
        let text = element.to_string();
        let bulk = format!("${}|{text}", text.len());
        let reply = match to {
            Some(to) => {
                self.lists[to].push_front(element);
                bulk
            }
            None => {
                self.taken.push(element);
                format!("*2|$1|{}|{bulk}", KEYS[key])
            }
        };
        Some((key, reply))
    }

    /// Serves those who wait, until there is nothing for anybody: key by key in the order in which
    /// they changed, and each key's clients in the order of waiting.
    fn serve(&mut self, changed: usize) {
        let mut ready = VecDeque::from([changed]);
        let changes = |ready: &mut VecDeque<usize>, key| {
            if !ready.contains(&key) {
                ready.push_back(key);
            }
        };
        while let Some(key) = ready.pop_front() {
            let mut next = 0;
            while next < self.waiters.len() && !self.lists[key].is_empty() {
                if !self.waiters[next].keys.contains(&key) {
                    next += 1;
                    continue;
                }
                let waiter = self.waiters.remove(next);
                let reply = self.take(&waiter.keys, waiter.to, waiter.left);
                let (from, reply) = reply.expect("there is something at one of its keys");
                self.served.insert(waiter.client.session.number(), reply);
                waiter.to.into_iter().for_each(|to| changes(&mut ready, to));
                changes(&mut ready, from);
            }
        }
    }
}

struct World {
    node: Node,
    model: Model,
    random: Random,
    pushed: u64,
    idle: Vec<Client>,
}

impl World {
    fn below(&mut self, end: usize) -> usize {
        self.random.below(end as u64) as usize
    }

    fn client(&mut self) -> Client {
        self.idle.pop().unwrap_or_else(|| self.node.client())
    }

    /// A client that takes or moves an element; it waits if there is none.
    fn take(&mut self) {
        let mut client = self.client();
        let keys: Vec<usize> = (0..1 + self.below(3))
            .map(|_| self.below(KEYS.len()))
            .collect();
        let left = self.below(2) == 0;
        let to = (self.below(3) == 0).then(|| self.below(KEYS.len()));
        let keys = if to.is_some() {
            keys[..1].to_vec()
        } else {
            keys
        };
        let names: Vec<_> = keys.iter().map(|key| KEYS[*key]).collect();
        let request = match to {
            Some(to) => {
                let from = if left { "LEFT" } else { "RIGHT" };
                format!("BLMOVE {} {} {from} LEFT 0", names[0], KEYS[to])
            }
            None => {
                let name = if left { "BLPOP" } else { "BRPOP" };
                format!("{name} {} 0", names.join(" "))
            }
        };
        let reply = self.node.ask(&mut client, &request);
        let reply = reply.trim_end().replace("\r\n", "|");
        match self.model.take(&keys, to, left) {
            Some((_, wanted)) => {
                assert_eq!(reply, wanted, "{request}");
                if let Some(to) = to {
                    self.model.serve(to);
                }
                self.idle.push(client);
            }
            None => {
                assert_eq!(reply, "", "{request}");
                let waiter = Waiter {
                    client,
                    keys,
                    to,
                    left,
                };
                self.model.waiters.push(waiter);
            }
        }
    }

    fn push(&mut self) {
        let mut client = self.client();
        let key = self.below(KEYS.len());
        let elements: Vec<u64> = (0..1 + self.below(3))
            .map(|_| {
                self.pushed += 1;
                self.pushed
            })
            .collect();
        let words: Vec<_> = elements.iter().map(u64::to_string).collect();
        self.node.ask(
            &mut client,
            &format!("RPUSH {} {}", KEYS[key], words.join(" ")),
        );
        self.model.lists[key].extend(elements);
        self.model.serve(key);
        self.idle.push(client);
    }

    fn leave(&mut self) {
        if !self.model.waiters.is_empty() {
            let one = self.below(self.model.waiters.len());
            let waiter = self.model.waiters.remove(one);
            self.node.engine.close(waiter.client.session, self.node.now);
        }
    }

    /// Everybody whom the model has served got just that, and nobody else got anything.
    fn compare(&mut self, waiting: &mut Vec<Client>) {
        let mut served = std::mem::take(&mut self.model.served);
        for mut client in std::mem::take(waiting) {
            let reply = self.node.got(&mut client);
            let wanted = served.remove(&client.session.number());
            assert_eq!(reply, wanted.clone().unwrap_or_default());
            if wanted.is_some() {
                self.idle.push(client);
            }
        }
        assert!(served.is_empty());
        let mut client = self.client();
        for (key, list) in KEYS.iter().zip(&self.model.lists) {
            let reply = self.node.ask(&mut client, &format!("LRANGE {key} 0 -1"));
            let elements = reply.split("\r\n").skip(2).step_by(2);
            let elements: Vec<u64> = elements.filter_map(|word| word.parse().ok()).collect();
            assert!(
                elements.iter().eq(list),
                "{key}: {elements:?}, not {list:?}"
            );
        }
        self.idle.push(client);
    }
}

#[test]
fn no_element_is_lost_or_given_twice_and_the_order_of_waiting_is_kept() {
    for seed in 0..20 {
        let mut world = World {
            node: Node::standalone(),
            model: Model::default(),
            random: Random::new(seed),
            pushed: 0,
            idle: Vec::new(),
        };
        for _ in 0..150 {
            // Copies of those that wait before the step: the model forgets those that it serves.
            let mut waiting: Vec<Client> = (world.model.waiters.iter())
                .map(|waiter| Client {
                    session: waiter.client.session,
                    unread: Vec::new(),
                    state: waiter.client.state,
                })
                .collect();
            match world.below(10) {
                0..5 => world.take(),
                5..9 => world.push(),
                _ => {
                    world.leave();
                    let left =
                        |client: &Client| world.node.engine.sessions.get(client.session).is_some();
                    waiting.retain(left);
                }
            }
            world.compare(&mut waiting);
        }
        let mut all = world.model.taken;
        all.extend(world.model.lists.iter().flatten());
        all.sort_unstable();
        assert_eq!(all, (1..=world.pushed).collect::<Vec<_>>(), "seed {seed}");
    }
}
