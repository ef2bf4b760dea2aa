//! Random requests, made out of the arguments that the command table describes.

use std::collections::BTreeSet;

use slotkeeper_node::command::{Command, all_commands};
use slotkeeper_node::spec::{Argument, ArgumentKind, Spec};

use crate::draw::Draw;
use crate::values::{self, Bounds};
use crate::{Request, differences, exclusions, mistakes};

/// How often commands of a group are drawn. Groups that are not here are drawn as often as the
/// first: a new group is tested without further ado.
const WEIGHTS: [(&str, usize); 9] = [
    ("string", 30),
    ("generic", 25),
    ("transactions", 1),
    ("connection", 2),
    ("server", 2),
    ("cluster", 0),
    ("pubsub", 0),
    ("scripting", 0),
    ("module", 0),
];

/// Makes requests.
pub struct Generator {
    draw: Draw,
    groups: Vec<(usize, Vec<&'static Command>)>,
    /// How many of a hundred requests have a mistake.
    mistakes: usize,
}

impl Generator {
    /// Of a seed, for the commands that the other server knows.
    pub fn new(seed: u64, known: &BTreeSet<String>) -> Generator {
        let mut groups: Vec<(&'static str, Vec<&'static Command>)> = Vec::new();
        let usable = |command: &&Command| {
            known.contains(command.spec.name)
                && command.subcommands().is_empty()
                && exclusions::why(command.spec.name).is_none()
        };
        for command in all_commands().iter().filter(usable) {
            let name = command.spec.group.name();
            match groups.iter_mut().find(|(group, _)| *group == name) {
                Some((_, commands)) => commands.push(command),
                None => groups.push((name, vec![command])),
            }
        }
        let weight = |group: &str| {
            let listed = WEIGHTS.iter().find(|(name, _)| *name == group);
            listed.map_or(WEIGHTS[0].1, |(_, weight)| *weight)
        };
        let groups = groups.into_iter();
        let mut draw = Draw::new(seed);
        Generator {
            mistakes: draw.one(&[4, 4, 60]),
            draw,
            groups: groups.map(|(name, all)| (weight(name), all)).collect(),
        }
    }

    /// So many requests, transactions among them.
    pub fn requests(&mut self, count: usize) -> Vec<Request> {
        let mut requests = Vec::new();
        while requests.len() < count {
            if self.draw.percent(2) {
                self.transaction(&mut requests);
            } else {
                let request = self.request();
                requests.extend(consumer_of_claim(&request));
                requests.push(request);
            }
        }
        requests
    }

    /// The generator itself, for what else a run draws.
    pub fn draw(&mut self) -> &mut Draw {
        &mut self.draw
    }

    fn transaction(&mut self, requests: &mut Vec<Request>) {
        let word = |text: &str| vec![text.as_bytes().to_vec()];
        if self.draw.percent(30) {
            let key = values::key(&mut self.draw, "string", false);
            requests.push(vec![b"WATCH".to_vec(), key]);
        }
        requests.push(word("MULTI"));
        for _ in 0..self.draw.below(5) {
            let request = self.request();
            if !differences::is_newer(&request) {
                requests.extend(consumer_of_claim(&request));
                requests.push(request);
            }
        }
        let end = self.draw.one(&["EXEC", "EXEC", "EXEC", "DISCARD"]);
        requests.push(word(end));
    }

    fn request(&mut self) -> Request {
        let weights = self.groups.iter().map(|(weight, _)| *weight);
        let group = self.draw.weighted(weights);
        let commands = &self.groups[group].1;
        let command = commands[self.draw.below(commands.len())];
        let mut words = Words::new(&mut self.draw, command.spec);
        words.list(command.spec.arguments);
        let (mut request, alike) = (words.request, words.alike);
        if !alike && self.draw.percent(self.mistakes) {
            mistakes::make(&mut self.draw, command.spec, &mut request);
        }
        request
    }
}

/// A request that is being made.
struct Words<'a> {
    draw: &'a mut Draw,
    spec: &'static Spec,
    request: Request,
    /// What ranges of sorted sets are of, in this request.
    bounds: Bounds,
    /// It is about sorted sets whose members have one score: those alone have ranges by name.
    alike: bool,
    /// Where the number of keys is that follow.
    number: Option<usize>,
    /// How many keys came last.
    keys: usize,
}

impl<'a> Words<'a> {
    fn new(draw: &'a mut Draw, spec: &'static Spec) -> Words<'a> {
        let upper = draw.percent(50);
        let name = spec.name.split('|').map(|word| match upper {
            true => word.to_ascii_uppercase().into_bytes(),
            false => word.as_bytes().to_vec(),
        });
        let request = name.collect();
        let bounds = values::bounds(draw, spec);
        Words {
            request,
            bounds,
            alike: bounds == Bounds::Lex || (spec.name == "zadd" && draw.percent(30)),
            draw,
            spec,
            number: None,
            keys: 0,
        }
    }

    fn list(&mut self, arguments: &[Argument]) {
        for argument in arguments {
            self.argument(argument);
        }
    }

    fn argument(&mut self, argument: &Argument) {
        let newer = argument.since.is_some_and(is_newer_than_redis);
        if newer || (argument.optional && !self.wants(argument)) {
            return;
        }
        if let Some(token) = argument.token {
            self.request.push(token.as_bytes().to_vec());
        }
        let times = self.times(argument);
        for _ in 0..times {
            self.once(argument);
        }
        if let ArgumentKind::Key(_) = argument.kind {
            self.keys = times;
            if let Some(number) = self.number.take()
                && !self.draw.percent(3)
            {
                self.request[number] = times.to_string().into_bytes();
            }
        }
    }

    /// Whether an optional argument is given. Words that say what a range is of go with the range.
    fn wants(&mut self, argument: &Argument) -> bool {
        match argument.name {
            "sortby" => self.bounds != Bounds::Index,
            // It would make the scores different.
            "increment" => !self.alike && self.draw.percent(30),
            _ => self.draw.percent(30),
        }
    }

    fn times(&mut self, argument: &Argument) -> usize {
        if !argument.multiple {
            return 1;
        }
        if argument.name == "id" && self.spec.name.starts_with("xread") {
            return self.keys;
        }
        let many = match argument.kind {
            ArgumentKind::Key(_) => 4,
            _ => 300,
        };
        match self.draw.below(100) {
            0..50 => 1,
            50..75 => 2,
            75..88 => 3,
            88..97 => 1 + self.draw.below(many.min(40)),
            _ => 1 + self.draw.below(many),
        }
    }

    fn once(&mut self, argument: &Argument) {
        match argument.kind {
            ArgumentKind::PureToken => {}
            ArgumentKind::Block => self.list(argument.arguments),
            ArgumentKind::OneOf => {
                let at = match (argument.name, self.bounds) {
                    ("sortby", Bounds::Score) => 0,
                    ("sortby", _) => 1,
                    _ => self.draw.below(argument.arguments.len()),
                };
                let choice = &argument.arguments[at];
                match choice.token {
                    // Ids that the clock gives.
                    Some("*") => self.request.push(values::id(self.draw)),
                    _ => self.argument(choice),
                }
            }
            ArgumentKind::Key(_) => {
                let key = values::key(self.draw, self.spec.group.name(), self.alike);
                self.request.push(key);
            }
            _ => {
                if argument.name == "numkeys" {
                    self.number = Some(self.request.len());
                }
                let value = match argument.name {
                    "score" if self.alike => b"0".to_vec(),
                    _ => values::of(self.draw, self.spec, argument, self.bounds),
                };
                self.request.push(value);
            }
        }
    }
}

/// What makes the consumer that claims entries: 7.2 makes it in any case, 7.0 only if there is
/// something to claim.
fn consumer_of_claim(request: &Request) -> Option<Request> {
    let [name, key, group, consumer, ..] = request.as_slice() else {
        return None;
    };
    let claims = [&b"xclaim"[..], b"xautoclaim"];
    let claims = claims.iter().any(|it| name.eq_ignore_ascii_case(it));
    let words = [b"XGROUP", &b"CREATECONSUMER"[..], key, group, consumer];
    claims.then(|| words.iter().map(|word| word.to_vec()).collect())
}

/// Whether Redis 7.0 does not know yet what came with that version.
pub fn is_newer_than_redis(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version > (7, 0)
}
