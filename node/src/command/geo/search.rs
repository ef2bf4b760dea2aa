//! The search of all commands that look for places.

use slotkeeper_tree::Cut;
use slotkeeper_tree::element::{Element, Text};

use super::area::{Area, Shape};
use super::hash::Place;
use super::{place, show_distance, show_place, unit};
use crate::command::parse::{SYNTAX, double, integer, lower, shown};
use crate::command::{Effect, Exec, Refused, show};
use crate::data::{Event, Zset};
use crate::resp::{Args, Reply};
use crate::spec::Argument;

pub(super) const ORDER: Argument = Argument::one_of(
    "order",
    &[Argument::word("asc", "ASC"), Argument::word("desc", "DESC")],
)
.optional();
pub(super) const COUNT: Argument = Argument::block(
    "count-block",
    &[
        Argument::integer("count").token("COUNT"),
        Argument::word("any", "ANY").optional(),
    ],
)
.optional();
pub(super) const WITH_COORD: Argument = Argument::word("withcoord", "WITHCOORD").optional();
pub(super) const WITH_DIST: Argument = Argument::word("withdist", "WITHDIST").optional();
pub(super) const WITH_HASH: Argument = Argument::word("withhash", "WITHHASH").optional();

/// Which command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// GEOSEARCH
    Search,
    /// GEOSEARCHSTORE, and what its change is called.
    SearchStore(Event),
    /// GEORADIUS, and whether it may store.
    Radius { stores: bool },
    /// GEORADIUSBYMEMBER, and whether it may store.
    RadiusByMember { stores: bool },
}

impl Form {
    /// The argument that is the source.
    fn source(self) -> usize {
        if self.is_store() { 2 } else { 1 }
    }

    /// Where the options begin.
    fn options(self) -> usize {
        match self {
            Form::Search => 2,
            Form::SearchStore(_) => 3,
            Form::Radius { .. } => 6,
            Form::RadiusByMember { .. } => 5,
        }
    }

    fn is_store(self) -> bool {
        matches!(self, Form::SearchStore(_))
    }

    /// Whether the options say where and how far.
    fn is_search(self) -> bool {
        matches!(self, Form::Search | Form::SearchStore(_))
    }

    /// Whether STORE and STOREDIST name a key.
    fn may_store(self) -> bool {
        matches!(
            self,
            Form::Radius { stores: true } | Form::RadiusByMember { stores: true }
        )
    }

    fn event(self) -> Event {
        match self {
            Form::SearchStore(event) => event,
            _ => Event::GeoRadiusStore,
        }
    }
}

/// What was asked for.
#[derive(Default)]
struct Request {
    center: Option<Place>,
    /// The center is a member, of a set that may be missing.
    from_member: bool,
    from_place: bool,
    shape: Option<Shape>,
    /// Metres of the unit that the shape has.
    unit: f64,
    with_dist: bool,
    with_hash: bool,
    with_coord: bool,
    /// From the nearest on, or from the farthest.
    ascending: Option<bool>,
    count: Option<usize>,
    any: bool,
    /// The argument that is the destination.
    store: Option<usize>,
    store_dist: bool,
}

/// A member that is in the area.
struct Found<'a> {
    member: Element<'a>,
    score: f64,
    place: Place,
    /// In metres.
    distance: f64,
}

impl Request {
    fn parse(args: &Args<'_>, form: Form, zset: Option<Zset<'_>>) -> Result<Request, Refused> {
        let mut request = Request::default();
        match form {
            Form::Radius { .. } => {
                request.center = Some(place(args, 2)?);
                request.set_radius(args, 4)?;
            }
            Form::RadiusByMember { .. } if zset.is_some() => {
                request.center = member(zset, args.get(2))?;
                request.set_radius(args, 3)?;
            }
            Form::SearchStore(_) => request.store = Some(1),
            _ => {}
        }
        let mut at = form.options();
        while at < args.len() {
            at += request.option(args, at, form, zset)?;
        }
        request.check(args, form)?;
        Ok(request)
    }

    /// Takes an option. Returns how many arguments it has.
    fn option(
        &mut self,
        args: &Args<'_>,
        at: usize,
        form: Form,
        zset: Option<Zset<'_>>,
    ) -> Result<usize, Refused> {
        let behind = args.len() - at - 1;
        let search = form.is_search();
        match lower(args.get(at)).as_slice() {
            b"withdist" => self.with_dist = true,
            b"withhash" => self.with_hash = true,
            b"withcoord" => self.with_coord = true,
            b"any" => self.any = true,
            b"asc" => self.ascending = Some(true),
            b"desc" => self.ascending = Some(false),
            b"count" if behind >= 1 => {
                let count = usize::try_from(integer(args.get(at + 1))?).ok();
                let count = count.filter(|count| *count > 0);
                self.count = Some(count.ok_or(const { Refused::new("ERR COUNT must be > 0") })?);
                return Ok(2);
            }
            word @ (b"store" | b"storedist") if behind >= 1 && form.may_store() => {
                self.store = Some(at + 1);
                self.store_dist = word == b"storedist";
                return Ok(2);
            }
            b"storedist" if form.is_store() => self.store_dist = true,
            b"frommember" if behind >= 1 && search && !self.from_place => {
                self.center = member(zset, args.get(at + 1))?;
                self.from_member = true;
                return Ok(2);
            }
            b"fromlonlat" if behind >= 2 && search && !self.from_member => {
                self.center = Some(place(args, at + 1)?);
                self.from_place = true;
                return Ok(3);
            }
            b"byradius" if behind >= 2 && search && !self.is_box() => {
                self.set_radius(args, at + 1)?;
                return Ok(3);
            }
            b"bybox" if behind >= 3 && search && (self.shape.is_none() || self.is_box()) => {
                self.set_box(args, at + 1)?;
                return Ok(4);
            }
            _ => return Err(SYNTAX),
        }
        Ok(1)
    }

    fn is_box(&self) -> bool {
        matches!(self.shape, Some(Shape::Box { .. }))
    }

    fn set_radius(&mut self, args: &Args<'_>, at: usize) -> Result<(), Refused> {
        let radius = number(args.get(at), "radius")?;
        if radius < 0.0 {
            return Err(Refused::new("ERR radius cannot be negative"));
        }
        self.unit = unit(args.get(at + 1))?;
        let radius = radius * self.unit;
        self.shape = Some(Shape::Circle { radius });
        Ok(())
    }

    fn set_box(&mut self, args: &Args<'_>, at: usize) -> Result<(), Refused> {
        let width = number(args.get(at), "width")?;
        let height = number(args.get(at + 1), "height")?;
        if width < 0.0 || height < 0.0 {
            return Err(Refused::new("ERR height or width cannot be negative"));
        }
        self.unit = unit(args.get(at + 2))?;
        let (width, height) = (width * self.unit, height * self.unit);
        self.shape = Some(Shape::Box { width, height });
        Ok(())
    }

    /// Whether the options go together.
    fn check(&self, args: &Args<'_>, form: Form) -> Result<(), Refused> {
        if self.store.is_some() && (self.with_dist || self.with_hash || self.with_coord) {
            let what = if form.is_store() {
                "GEOSEARCHSTORE"
            } else {
                "STORE option in GEORADIUS"
            };
            return Err(Refused::text(format!(
                "ERR {what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )));
        }
        let one_of = |what: &str| {
            let name = shown(args.get(0));
            Refused::text(format!(
                "ERR exactly one of {what} can be specified for {name}"
            ))
        };
        if form.is_search() && !self.from_member && !self.from_place {
            return Err(one_of("FROMMEMBER or FROMLONLAT"));
        }
        if form.is_search() && self.shape.is_none() {
            return Err(one_of("BYRADIUS and BYBOX"));
        }
        if self.any && self.count.is_none() {
            return Err(Refused::new("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }

    /// What is to be shown or stored of a set, in order.
    fn find<'a>(&self, zset: Option<Zset<'a>>) -> Vec<Found<'a>> {
        let (Some(zset), Some(center), Some(shape)) = (zset, self.center, self.shape) else {
            return Vec::new();
        };
        let area = Area { center, shape };
        let enough = self.count.filter(|_| self.any);
        let mut found = in_area(&zset, &area, enough.unwrap_or(usize::MAX));
        // The nearest are wanted if only some of all are.
        let ascending = match self.ascending {
            None if self.count.is_some() && !self.any => Some(true),
            ascending => ascending,
        };
        match ascending {
            Some(true) => found.sort_by(|a, b| a.distance.total_cmp(&b.distance)),
            Some(false) => found.sort_by(|a, b| b.distance.total_cmp(&a.distance)),
            None => {}
        }
        found.truncate(self.count.unwrap_or(usize::MAX));
        found
    }

    fn show(&self, reply: &mut Reply, found: &[Found<'_>]) {
        let parts = [self.with_dist, self.with_hash, self.with_coord];
        let parts = parts.iter().filter(|part| **part).count();
        reply.array(found.len());
        for found in found {
            if parts > 0 {
                reply.array(parts + 1);
            }
            show(reply, found.member);
            if self.with_dist {
                show_distance(reply, found.distance / self.unit);
            }
            if self.with_hash {
                reply.integer(found.score as i64);
            }
            if self.with_coord {
                show_place(reply, found.place);
            }
        }
    }
}

/// The place of a member; none if there is no set.
fn member(zset: Option<Zset<'_>>, member: &[u8]) -> Result<Option<Place>, Refused> {
    let Some(zset) = zset else {
        return Ok(None);
    };
    let score = zset
        .score(member)
        .ok_or(const { Refused::new("ERR could not decode requested zset member") })?;
    Ok(Some(Place::of_score(score)))
}

fn number(text: &[u8], what: &str) -> Result<f64, Refused> {
    double(text).map_err(|_| Refused::text(format!("ERR need numeric {what}")))
}

/// The members of a set that are in an area, cell by cell, up to so many.
fn in_area<'a>(zset: &Zset<'a>, area: &Area, enough: usize) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    for cell in area.cells() {
        let (low, high) = cell.scores();
        zset.show_while(zset.rank(Cut::before_score(low)), |record| {
            if record.score >= high || found.len() >= enough {
                return false;
            }
            let place = Place::of_score(record.score);
            if let Some(distance) = area.distance(place) {
                found.push(Found {
                    member: record.member,
                    score: record.score,
                    place,
                    distance,
                });
            }
            true
        });
    }
    found
}

/// Searches, and shows or stores what it finds.
pub(super) fn search(
    exec: &mut Exec<'_>,
    args: &Args<'_>,
    reply: &mut Reply,
    form: Form,
) -> Result<Effect, Refused> {
    let (db, source) = (exec.session.db, args.key(exec.data, form.source()));
    let zset = exec.data.get_zset(db, &source)?;
    let request = Request::parse(args, form, zset)?;
    let Some(store) = request.store else {
        request.show(reply, &request.find(zset));
        return Ok(Effect::None);
    };
    let (target, limits) = (args.key(exec.data, store), exec.node.config.zset_limits());
    let (stored, changed) =
        exec.data
            .replace_zset(db, &target, limits, form.event(), |made, reader| {
                let entry = reader.get(db, &source);
                let zset = entry.and_then(|entry| entry.as_zset().ok());
                for found in request.find(zset) {
                    let score = match request.store_dist {
                        true => found.distance / request.unit,
                        false => found.score,
                    };
                    made.set(found.member.bytes(&mut Text::new()), score);
                }
                made.view().len()
            });
    reply.integer(stored as i64);
    Ok(Effect::if_changed(changed))
}
