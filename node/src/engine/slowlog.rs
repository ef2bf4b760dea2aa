//! SLOWLOG: the commands that took longest lately.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::request::SlowLogRequest;
use crate::resp::{Args, Reply};
use crate::session::Session;
use crate::spec::Spec;

/// At most this many arguments of a command are kept ...
const MAX_ARGS: usize = 32;
/// ... with at most this many bytes each.
const MAX_ARG_BYTES: usize = 128;

/// The newest entry first.
#[derive(Debug, Default)]
pub(super) struct SlowLog {
    entries: VecDeque<Entry>,
    next_id: i64,
}

#[derive(Debug)]
struct Entry {
    id: i64,
    /// Unix seconds.
    at: i64,
    micros: u64,
    args: Vec<Vec<u8>>,
    client: SocketAddr,
    name: Vec<u8>,
}

impl SlowLog {
    /// Notes a command; keeps `max` entries.
    pub(super) fn note(
        &mut self,
        spec: &Spec,
        args: &Args<'_>,
        session: &Session,
        micros: u64,
        unix_ms: i64,
        max: usize,
    ) {
        self.entries.push_front(Entry {
            id: self.next_id,
            at: unix_ms / 1000,
            micros,
            args: shortened(spec, args),
            client: session.remote,
            name: session.name.clone(),
        });
        self.next_id += 1;
        self.entries.truncate(max);
    }

    /// SLOWLOG.
    pub(super) fn request(&mut self, request: SlowLogRequest, reply: &mut Reply) {
        match request {
            SlowLogRequest::Get(count) => self.write(count, reply),
            SlowLogRequest::Len => reply.integer(self.entries.len() as i64),
            SlowLogRequest::Reset => {
                self.entries.clear();
                reply.ok();
            }
        }
    }

    fn write(&self, count: i64, reply: &mut Reply) {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let count = count.min(self.entries.len());
        reply.array(count);
        for entry in self.entries.iter().take(count) {
            reply.array(6);
            reply.integer(entry.id);
            reply.integer(entry.at);
            reply.integer(entry.micros.cast_signed());
            reply.array(entry.args.len());
            for arg in &entry.args {
                reply.bulk(arg);
            }
            reply.bulk_display(entry.client);
            reply.bulk(&entry.name);
        }
    }
}

fn shortened(spec: &Spec, args: &Args<'_>) -> Vec<Vec<u8>> {
    let shown = if args.len() > MAX_ARGS {
        MAX_ARGS - 1
    } else {
        args.len()
    };
    let mut kept: Vec<Vec<u8>> = spec.shown(args).take(shown).map(shortened_arg).collect();
    if shown < args.len() {
        let more = args.len() - shown;
        kept.push(format!("... ({more} more arguments)").into_bytes());
    }
    kept
}

fn shortened_arg(arg: &[u8]) -> Vec<u8> {
    let Some(more) = arg
        .len()
        .checked_sub(MAX_ARG_BYTES)
        .filter(|&more| more > 0)
    else {
        return arg.to_vec();
    };
    let mut kept = arg[..MAX_ARG_BYTES].to_vec();
    kept.extend_from_slice(format!("... ({more} more bytes)").as_bytes());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::lookup;
    use crate::io::{Peer, SessionId};

    #[test]
    fn keeps_the_newest_and_shortens_what_is_long() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let peer = Peer {
            remote: address,
            local: address,
        };
        let session = Session::new(SessionId::new(1, 0), peer, true);
        let mut log = SlowLog::default();
        let long: Vec<Vec<u8>> = (0..40).map(|_| vec![b'x'; 130]).collect();
        let spec = lookup(b"del").unwrap().spec;
        log.note(spec, &Args::kept(&[b"OLD".to_vec()]), &session, 1, 0, 2);
        log.note(spec, &Args::kept(&long), &session, 2, 0, 2);
        log.note(spec, &Args::kept(&[b"NEW".to_vec()]), &session, 3, 5000, 2);
        assert_eq!(log.entries.len(), 2);
        assert_eq!(log.entries[1].args.len(), 32);
        assert_eq!(log.entries[1].args[31], b"... (9 more arguments)");
        assert!(log.entries[1].args[0].ends_with(b"... (2 more bytes)"));
        let mut reply = Reply::new();
        log.request(SlowLogRequest::Get(1), &mut reply);
        assert_eq!(
            reply.take(),
            b"*1\r\n*6\r\n:2\r\n:5\r\n:3\r\n*1\r\n$3\r\nNEW\r\n$11\r\n127.0.0.1:1\r\n$0\r\n\r\n"
        );
    }
}
