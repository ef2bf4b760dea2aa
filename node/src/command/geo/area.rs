//! The area of a search, and the cells of the world that cover it.

use super::hash::{Cell, Place, STEPS_MAX};

/// Half the length of the equator in the projection that Redis estimates with, in metres.
const MERCATOR_MAX: f64 = 20_037_726.37;
/// The neighbors of a cell in the order in which Redis searches them: to the east, to the north.
const NEIGHBORS: [(i32, i32); 8] = [
    (0, 1),
    (0, -1),
    (1, 0),
    (-1, 0),
    (1, 1),
    (-1, 1),
    (1, -1),
    (-1, -1),
];

/// A shape, in metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

/// A shape around a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub center: Place,
    pub shape: Shape,
}

impl Area {
    /// How far a place is from the center, in metres; none if it is outside.
    pub(super) fn distance(&self, place: Place) -> Option<f64> {
        match self.shape {
            Shape::Circle { radius } => {
                let distance = self.center.distance(place);
                (distance <= radius).then_some(distance)
            }
            Shape::Box { width, height } => {
                if place.distance_of_latitudes(self.center) > height / 2.0 {
                    return None;
                }
                let beside = Place {
                    longitude: self.center.longitude,
                    latitude: place.latitude,
                };
                let is_within = place.distance(beside) <= width / 2.0;
                is_within.then(|| self.center.distance(place))
            }
        }
    }

    /// Cells that cover it, in Redis's order, no two of them the same.
    pub(super) fn cells(&self) -> Vec<Cell> {
        let (half_width, half_height, radius) = match self.shape {
            Shape::Circle { radius } => (radius, radius, radius),
            Shape::Box { width, height } => {
                let (x, y) = (width / 2.0, height / 2.0);
                (x, y, (x * x + y * y).sqrt())
            }
        };
        let wanted = self.center.surroundings(half_width, half_height);
        let mut steps = steps(radius, self.center.latitude);
        let mut cell = Cell::at(self.center, steps);
        // The neighbors may be too small where the center is near the edge of its cell.
        let covers = cell.neighbor(0, 1).bounds().north >= wanted.north
            && cell.neighbor(0, -1).bounds().south <= wanted.south
            && cell.neighbor(1, 0).bounds().east >= wanted.east
            && cell.neighbor(-1, 0).bounds().west <= wanted.west;
        if steps > 1 && !covers {
            steps -= 1;
            cell = Cell::at(self.center, steps);
        }
        let own = cell.bounds();
        let is_needed = |(east, north): (i32, i32)| {
            let beyond = [
                north < 0 && own.south < wanted.south,
                north > 0 && own.north > wanted.north,
                east < 0 && own.west < wanted.west,
                east > 0 && own.east > wanted.east,
            ];
            steps < 2 || !beyond.contains(&true)
        };
        let mut cells = vec![cell];
        for (east, north) in NEIGHBORS.into_iter().filter(|way| is_needed(*way)) {
            let neighbor = cell.neighbor(east, north);
            if !cells.contains(&neighbor) {
                cells.push(neighbor);
            }
        }
        cells
    }
}

/// How many steps a cell has that is about as large as a circle.
fn steps(mut radius: f64, latitude: f64) -> u32 {
    if radius == 0.0 {
        return STEPS_MAX;
    }
    let mut steps = 1;
    while radius < MERCATOR_MAX {
        radius *= 2.0;
        steps += 1;
    }
    steps -= 2;
    // Cells are narrower towards the poles.
    let far = [66.0, 80.0].map(|limit| i32::from(latitude.abs() > limit));
    (steps - far[0] - far[1]).clamp(1, STEPS_MAX as i32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn random(random: &mut Random, low: f64, high: f64) -> f64 {
        low + (random.below(1 << 30) as f64) / f64::from(1 << 30) * (high - low)
    }

    /// All that is within, wherever it is: its score lies in one of the cells. Not across the 180th
    /// meridian, as in Redis.
    #[test]
    fn cells_cover_the_area() {
        let mut seed = Random::new(7);
        for _ in 0..2000 {
            let center = Place {
                longitude: random(&mut seed, -120.0, 120.0),
                latitude: random(&mut seed, -75.0, 75.0),
            };
            let size = 10f64.powf(random(&mut seed, 1.0, 5.5));
            let shapes = [
                Shape::Circle { radius: size },
                Shape::Box {
                    width: size,
                    height: size * random(&mut seed, 0.1, 3.0),
                },
            ];
            for shape in shapes {
                let area = Area { center, shape };
                let cells = area.cells();
                for _ in 0..20 {
                    let degrees = size / 50_000.0;
                    let place = Place {
                        longitude: center.longitude + random(&mut seed, -degrees, degrees),
                        latitude: center.latitude + random(&mut seed, -degrees, degrees),
                    };
                    if place.is_valid() && area.distance(place).is_some() {
                        let score = place.score();
                        let has = |cell: &Cell| {
                            let (low, high) = cell.scores();
                            (low..high).contains(&score)
                        };
                        assert!(cells.iter().any(has), "{area:?} {place:?}");
                    }
                }
            }
        }
    }
}
