//! A table whose entries keep their place while they live.

/// Entries by place; the place of a removed entry is used again.
#[derive(Debug)]
pub(super) struct Places<T> {
    entries: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Places<T> {
    pub(super) fn new() -> Places<T> {
        Places {
            entries: Vec::new(),
            free: Vec::new(),
        }
    }

    /// The place that the next `insert` takes.
    pub(super) fn next(&self) -> usize {
        self.free.last().copied().unwrap_or(self.entries.len())
    }

    pub(super) fn insert(&mut self, entry: T) -> usize {
        let place = self.next();
        if self.free.pop().is_some() {
            self.entries[place] = Some(entry);
        } else {
            self.entries.push(Some(entry));
        }
        place
    }

    pub(super) fn get(&self, place: usize) -> Option<&T> {
        self.entries.get(place)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.entries.get_mut(place)?.as_mut()
    }

    pub(super) fn remove(&mut self, place: usize) -> Option<T> {
        let removed = self.entries.get_mut(place)?.take();
        if removed.is_some() {
            self.free.push(place);
        }
        removed
    }

    /// The places in use.
    pub(super) fn used(&self) -> impl Iterator<Item = usize> {
        let entries = self.entries.iter().enumerate();
        entries.filter_map(|(place, entry)| entry.is_some().then_some(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_kept_and_used_again() {
        let mut places = Places::new();
        let (a, b) = (places.insert('a'), places.insert('b'));
        assert_eq!(places.remove(a), Some('a'));
        assert_eq!(places.remove(a), None);
        assert_eq!(places.next(), a);
        assert_eq!(places.insert('c'), a);
        assert_eq!(places.get_mut(b), Some(&mut 'b'));
        assert_eq!(places.used().collect::<Vec<_>>(), [a, b]);
    }
}
