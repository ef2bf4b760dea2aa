//! Looking ahead: what several requests will look for is brought into the processor's cache for
//! all of them at a time, so that their misses overlap. It is a hint, and changes nothing.

use crate::command::lookup;
use crate::data::Key;
use crate::engine::Engine;
use crate::io::SessionId;
use crate::resp::{BATCH_MAX, Batch, first_arguments};

/// To look ahead for fewer elements of a key takes longer than to wait for them.
const ELEMENTS_MIN: usize = 4;

/// The first key of each request of a batch, and which argument it is.
pub(super) type FirstKeys<'a> = [Option<(usize, Key<'a>)>; BATCH_MAX];

impl Engine {
    /// To be called with inputs of several sessions, before [`Engine::on_bytes`] gets them one
    /// after the other. Of each the first request counts, since a batch looks ahead by itself,
    /// and of the inputs the first [`BATCH_MAX`].
    pub fn look_ahead<'a>(&self, inputs: impl Iterator<Item = (SessionId, &'a [u8])>) {
        let mut keys: [Option<(usize, Key<'a>)>; BATCH_MAX] = [None; BATCH_MAX];
        let mut shown = 0u32;
        for (at, (place, (id, input))) in keys.iter_mut().zip(inputs).enumerate() {
            if let Some(session) = self.sessions.get(id)
                && let Some([name, argument]) = first_arguments(input)
                && let Some(command) = lookup(name)
                && command.fixed_first_key() == Some(1)
            {
                let key = self.data.key(argument);
                self.data.prefetch_table(session.db, &key);
                *place = Some((session.db, key));
                shown |= u32::from(command.shows_value()) << at;
            }
        }
        let places = keys.iter().map(Option::as_ref);
        self.fetch(places.map(|place| place.map(|(db, key)| (*db, key))), shown);
    }

    /// Finds the first key of each request of a batch, and looks ahead for all of them.
    pub(super) fn first_keys<'a>(
        &self,
        db: usize,
        input: &'a [u8],
        batch: &'a Batch,
    ) -> FirstKeys<'a> {
        let mut keys: FirstKeys<'a> = [None; BATCH_MAX];
        let several = batch.len() > 1;
        let (mut finders, mut shown, mut repeated) = (0u32, 0u32, 0u32);
        let mut before: Option<Key<'a>> = None;
        for (request, place) in keys.iter_mut().enumerate().take(batch.len()) {
            let args = batch.args(input, request);
            let command = lookup(args.get(0));
            if let Some(command) = command
                && let Some(first) = command.first_key(&args)
            {
                let name = args.get(first);
                let (finds, shows) = (command.finds_element(), command.shows_value());
                // Several commands in a row for one collection are as usual as for one string rare.
                let same = before.filter(|before| (finds | shows) && before.bytes == name);
                let key = same.unwrap_or_else(|| self.data.key(name));
                if several && same.is_none() {
                    self.data.prefetch_table(db, &key);
                }
                (*place, before) = (Some((first, key)), Some(key));
                finders |= u32::from(finds && args.len() > first + 1) << request;
                shown |= u32::from(shows) << request;
                repeated |= u32::from(same.is_some()) << request;
            }
        }
        if several {
            let places = keys.iter().enumerate().map(|(request, place)| {
                let place = place.as_ref().filter(|_| repeated >> request & 1 == 0);
                place.map(|(_, key)| (db, key))
            });
            self.fetch(places, shown);
            if finders & finders >> 1 != 0 {
                self.find_elements(db, &keys, finders, |request, index| {
                    batch.args(input, request).get(index)
                });
            }
        }
        keys
    }

    /// Brings the elements that requests name into the cache, those of a key for which several come in
    /// a row. `finders` has a bit for each request that names one, behind the key.
    fn find_elements<'a>(
        &self,
        db: usize,
        keys: &FirstKeys<'a>,
        finders: u32,
        argument: impl Fn(usize, usize) -> &'a [u8],
    ) {
        let finder = |request: usize| {
            let (first, key) = keys.get(request)?.as_ref()?;
            (finders >> request & 1 != 0).then_some((*first, key))
        };
        let mut request = 0;
        while request < keys.len() {
            let begin = request;
            request += 1;
            let Some((first, key)) = finder(begin) else {
                continue;
            };
            let same = |(_, next): (usize, &Key<'_>)| next.hash == key.hash;
            while finder(request).is_some_and(same) {
                request += 1;
            }
            if request - begin >= ELEMENTS_MIN {
                let elements = (begin..request).map(|request| argument(request, first + 1));
                self.data.prefetch_elements(db, key, elements);
            }
        }
    }

    /// Once the tables are on their way: the places in them, then the entries that stand there, then
    /// what is in those whose bit in `shown` is set.
    #[inline]
    fn fetch<'k>(
        &self,
        keys: impl Iterator<Item = Option<(usize, &'k Key<'k>)>> + Clone,
        shown: u32,
    ) {
        for (db, key) in keys.clone().flatten() {
            self.data.prefetch_home(db, key);
            if let Some(cluster) = &self.cluster {
                // Loaded for all at once, so that the misses of the cache overlap.
                std::hint::black_box(cluster.route(key.slot));
            }
        }
        for (db, key) in keys.clone().flatten() {
            self.data.prefetch_entry(db, key);
        }
        if shown != 0 {
            let those = keys.enumerate().filter(|(at, _)| shown >> at & 1 != 0);
            self.data.prefetch_values(those.filter_map(|(_, key)| key));
        }
    }
}
