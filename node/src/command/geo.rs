//! Places on the earth: members of sorted sets whose scores are geohashes of 52 bits.

mod area;
mod geoadd;
mod geohash;
mod geopos;
mod georadius;
mod geosearch;
mod hash;
mod search;

use super::parse::double;
use super::{Definition, Refused};
use crate::resp::{Args, Reply, is_word};
use hash::Place;

/// The commands of this group.
pub(super) const COMMANDS: &[&Definition] = &[
    &geoadd::GEOADD,
    &geopos::GEODIST,
    &geohash::GEOHASH,
    &geopos::GEOPOS,
    &georadius::GEORADIUS,
    &georadius::GEORADIUS_RO,
    &georadius::GEORADIUSBYMEMBER,
    &georadius::GEORADIUSBYMEMBER_RO,
    &geosearch::GEOSEARCH,
    &geosearch::GEOSEARCHSTORE,
];

/// The place that the arguments from an index on name: longitude, then latitude.
fn place(args: &Args<'_>, at: usize) -> Result<Place, Refused> {
    let (longitude, latitude) = (double(args.get(at))?, double(args.get(at + 1))?);
    let place = Place {
        longitude,
        latitude,
    };
    if !place.is_valid() {
        return Err(Refused::text(format!(
            "ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"
        )));
    }
    Ok(place)
}

/// How many metres a unit has.
fn unit(word: &[u8]) -> Result<f64, Refused> {
    [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)]
        .into_iter()
        .find_map(|(name, metres)| is_word(word, name).then_some(metres))
        .ok_or(const { Refused::new("ERR unsupported unit provided. please use M, KM, FT, MI") })
}

/// A distance, as Redis shows them.
fn show_distance(reply: &mut Reply, distance: f64) {
    reply.bulk_display(format_args!("{distance:.4}"));
}

/// A longitude and a latitude.
fn show_place(reply: &mut Reply, place: Place) {
    reply.array(2);
    for degrees in [place.longitude, place.latitude] {
        let text = format!("{degrees:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        let text = if text == "-0" { "0" } else { text };
        if reply.resp3() {
            reply.raw(format!(",{text}\r\n").as_bytes());
        } else {
            reply.bulk(text.as_bytes());
        }
    }
}
