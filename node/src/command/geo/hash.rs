//! Geohashes: a world that is halved again and again, east or west, north or south, a bit each. The
//! bits of the longitude are the odd ones. All figures are computed as Redis computes them.

/// The longitudes and the latitudes that have a hash; the poles have none (EPSG:900913).
const LONGITUDE_MAX: f64 = 180.0;
const LATITUDE_MAX: f64 = 85.051_128_78;
/// Steps of a hash that is a score: two bits each.
pub(super) const STEPS_MAX: u32 = 26;

const EVEN: u64 = 0x5555_5555_5555_5555;
const EARTH_RADIUS_M: f64 = 6_372_797.560_856;

/// A place, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    pub longitude: f64,
    pub latitude: f64,
}

impl Place {
    /// Whether it has a hash.
    pub(super) fn is_valid(self) -> bool {
        self.longitude.abs() <= LONGITUDE_MAX && self.latitude.abs() <= LATITUDE_MAX
    }

    /// That of a score: the middle of what has this hash.
    pub(super) fn of_score(score: f64) -> Place {
        let bits = bits_of(score);
        let cell = Cell::new(bits, STEPS_MAX).bounds();
        let middle = |low: f64, high: f64, most: f64| ((low + high) / 2.0).clamp(-most, most);
        Place {
            longitude: middle(cell.west, cell.east, LONGITUDE_MAX),
            latitude: middle(cell.south, cell.north, LATITUDE_MAX),
        }
    }

    /// Its score.
    pub(super) fn score(self) -> f64 {
        Cell::at(self, STEPS_MAX).bits as f64
    }

    /// The hash as others compute it, up to the poles.
    pub(super) fn standard_hash(self) -> u64 {
        Cell::within(self, 90.0, STEPS_MAX).bits
    }

    /// How far it is to another place, in metres, by the haversine formula.
    pub(super) fn distance(self, other: Place) -> f64 {
        let longitudes =
            other.longitude.to_radians_as_redis() - self.longitude.to_radians_as_redis();
        let v = (longitudes / 2.0).sin();
        if v == 0.0 {
            return self.distance_of_latitudes(other);
        }
        let latitude = self.latitude.to_radians_as_redis();
        let other = other.latitude.to_radians_as_redis();
        let u = ((other - latitude) / 2.0).sin();
        let a = u * u + latitude.cos() * other.cos() * v * v;
        2.0 * EARTH_RADIUS_M * a.sqrt().asin()
    }

    /// How far it is from one latitude to the other, in metres.
    pub(super) fn distance_of_latitudes(self, other: Place) -> f64 {
        let difference = other.latitude.to_radians_as_redis() - self.latitude.to_radians_as_redis();
        EARTH_RADIUS_M * difference.abs()
    }

    /// The bounds of a box around it, half as wide and half as high as told, in metres.
    pub(super) fn surroundings(self, width: f64, height: f64) -> Bounds {
        let of_latitude = degrees(height / EARTH_RADIUS_M);
        let of_longitude =
            |latitude: f64| degrees(width / EARTH_RADIUS_M / latitude.to_radians_as_redis().cos());
        // A box is bent: it spans the most degrees where it is farthest from the equator.
        let of_longitude = if self.latitude < 0.0 {
            of_longitude(self.latitude - of_latitude)
        } else {
            of_longitude(self.latitude + of_latitude)
        };
        Bounds {
            west: self.longitude - of_longitude,
            east: self.longitude + of_longitude,
            south: self.latitude - of_latitude,
            north: self.latitude + of_latitude,
        }
    }
}

trait Degrees {
    /// With the rounding that Redis has, which differs from that of `to_radians`.
    fn to_radians_as_redis(self) -> f64;
}

impl Degrees for f64 {
    fn to_radians_as_redis(self) -> f64 {
        self * (std::f64::consts::PI / 180.0)
    }
}

fn degrees(radians: f64) -> f64 {
    radians / (std::f64::consts::PI / 180.0)
}

/// The edges of a part of the world, in degrees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub west: f64,
    pub east: f64,
    pub south: f64,
    pub north: f64,
}

/// What has the same first bits of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    bits: u64,
    steps: u32,
}

impl Cell {
    fn new(bits: u64, steps: u32) -> Cell {
        Cell { bits, steps }
    }

    /// That of a place.
    pub(super) fn at(place: Place, steps: u32) -> Cell {
        Cell::within(place, LATITUDE_MAX, steps)
    }

    fn within(place: Place, latitude_max: f64, steps: u32) -> Cell {
        let scale = |value: f64, most: f64| {
            let share = (value + most) / (most + most);
            (share * (1u64 << steps) as f64) as u32
        };
        let (x, y) = (
            scale(place.longitude, LONGITUDE_MAX),
            scale(place.latitude, latitude_max),
        );
        Cell::new(spread(y) | spread(x) << 1, steps)
    }

    /// Its edges.
    pub(super) fn bounds(self) -> Bounds {
        let cells = (1u64 << self.steps) as f64;
        let edge = |number: u32, most: f64| -most + (f64::from(number) / cells) * (most + most);
        let (y, x) = (gather(self.bits), gather(self.bits >> 1));
        Bounds {
            west: edge(x, LONGITUDE_MAX),
            east: edge(x.wrapping_add(1), LONGITUDE_MAX),
            south: edge(y, LATITUDE_MAX),
            north: edge(y.wrapping_add(1), LATITUDE_MAX),
        }
    }

    /// The one that is so many cells to the east and to the north, around the world.
    pub(super) fn neighbor(self, east: i32, north: i32) -> Cell {
        let shifted = |number: u32, by: i32| match by {
            // As in Redis, the eastern and the northern edge of the world stay beyond it.
            0 => number,
            _ => number.wrapping_add_signed(by) & ((1 << self.steps) - 1),
        };
        let x = shifted(gather(self.bits >> 1), east);
        let y = shifted(gather(self.bits), north);
        Cell::new(spread(x) << 1 | spread(y), self.steps)
    }

    /// The scores of all places in it: the lowest, and the one behind the highest.
    pub(super) fn scores(self) -> (f64, f64) {
        let shift = 2 * (STEPS_MAX - self.steps);
        let score = |bits: u64| (bits << shift) as f64;
        (score(self.bits), score(self.bits + 1))
    }
}

/// Puts bits to the even places.
fn spread(bits: u32) -> u64 {
    let mut bits = u64::from(bits);
    for (shift, mask) in [
        (16, 0x0000_FFFF_0000_FFFF),
        (8, 0x00FF_00FF_00FF_00FF),
        (4, 0x0F0F_0F0F_0F0F_0F0F),
        (2, 0x3333_3333_3333_3333),
        (1, EVEN),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// Takes the bits at the even places.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & EVEN;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0F0F_0F0F_0F0F_0F0F),
        (4, 0x00FF_00FF_00FF_00FF),
        (8, 0x0000_FFFF_0000_FFFF),
        (16, 0xFFFF_FFFF),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits as u32
}

/// The bits of a score, as C converts it on x86-64: any number may be a score.
fn bits_of(score: f64) -> u64 {
    const HALF: f64 = (1u64 << 63) as f64;
    match score {
        _ if (-HALF..HALF).contains(&score) => (score as i64).cast_unsigned(),
        _ if (HALF..2.0 * HALF).contains(&score) => score as u64,
        _ if score > 0.0 => 0,
        _ => 1 << 63,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PALERMO: Place = Place {
        longitude: 13.361_389,
        latitude: 38.115_556,
    };

    #[test]
    fn a_score_is_near_its_place() {
        assert_eq!(PALERMO.score(), 3_479_099_956_230_698.0);
        let back = Place::of_score(PALERMO.score());
        assert_eq!(format!("{:.17}", back.longitude), "13.36138933897018433");
        assert_eq!(format!("{:.17}", back.latitude), "38.11555639549629859");
        assert!(back.distance(PALERMO) < 0.6);
        // Any number is a score.
        for score in [-1.0, f64::INFINITY, f64::NEG_INFINITY, 1e300, 0.5] {
            assert!(Place::of_score(score).is_valid(), "{score}");
        }
    }

    #[test]
    fn neighbors_touch_and_go_around_the_world() {
        let cell = Cell::at(PALERMO, 10);
        let here = cell.bounds();
        let north_east = cell.neighbor(1, 1).bounds();
        assert_eq!((here.east, here.north), (north_east.west, north_east.south));
        let south_west = cell.neighbor(-1, -1).bounds();
        assert_eq!((here.west, here.south), (south_west.east, south_west.north));
        assert_eq!(cell.neighbor(1 << 10, -(1 << 10)), cell);
        let corner = Cell::new(0, 3);
        assert_eq!(corner.neighbor(-1, -1), Cell::new(63, 3));
        assert_eq!(corner.neighbor(-1, -1).neighbor(1, 1), corner);
    }

    #[test]
    fn bits_are_spread_and_gathered() {
        for bits in [0, 1, 0xFFFF_FFFF, 0x1234_5678, 0x8000_0001] {
            assert_eq!(gather(spread(bits)), bits);
            assert_eq!(gather(spread(bits) | !EVEN), bits);
        }
    }
}
