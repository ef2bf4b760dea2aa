//! Carries out what the engine wants, in order.

use std::path::Path;

use super::listen::listen;
use super::net::Listener;
use super::payload_file::PayloadFile;
use super::ready::Token;
use super::system::{reason, reserve_files};
use super::turn::Shell;
use super::{data_file, files};
use crate::io::SessionId;
use crate::io::{Denied, DiskEvent, DiskOp, Listen, Needs, Output, Reconfigure};

impl Shell {
    /// Everything that is to be done, up to an exit. Bytes are sent once all is done: what was to
    /// be written before them is.
    pub(super) fn carry_out(&mut self) {
        self.net.log.set_replica(self.engine.is_replica());
        while self.turn.exit.is_none() {
            let Some(output) = self.engine.poll_output() else {
                return;
            };
            match output {
                Output::Push(session, bytes) => {
                    if let Some(index) = self.unsent(session)
                        && let Some(client) = self.net.clients.get_mut(index)
                    {
                        client.socket.outbox.push_shared(bytes);
                        self.net.pushed.push(index);
                    }
                }
                Output::Resume(session) => {
                    if let Some(index) = self.net.by_session.get(&session)
                        && let Some(client) = self.net.clients.get_mut(*index)
                    {
                        client.resume();
                    }
                }
                Output::Close { session, flush } => self.close_client(session, flush),
                Output::Link(id, op) => self.net.operate_link(id, op),
                Output::Disk(op) => self.operate_disk(op),
                Output::Log(origin, level, text) => {
                    let now_ms = self.net.clock.now().mono_ms();
                    self.net.log.write_of(origin, level, &text, now_ms);
                }
                Output::Reconfigure(change) => self.reconfigure(change),
                Output::Acquire { session, needs } => {
                    let result = self.acquire(needs);
                    self.engine
                        .on_acquired(session, result, self.net.clock.now());
                }
                Output::Exit(code) => self.turn.exit = Some(code),
            }
        }
    }

    /// Where the session's client is. Its reply of this turn, which comes before whatever is
    /// pushed now, is moved to its outbox.
    fn unsent(&mut self, session: SessionId) -> Option<usize> {
        let index = *self.net.by_session.get(&session)?;
        let client = self.net.clients.get_mut(index)?;
        if let Some(range) = client.pending.take() {
            let outbox = &mut client.socket.outbox;
            (self.turn.reply).hand_over(range, |piece| outbox.push_piece(piece));
            self.net.pushed.push(index);
        }
        Some(index)
    }

    fn close_client(&mut self, session: SessionId, flush: bool) {
        let Some(index) = self.unsent(session) else {
            return;
        };
        if flush {
            self.net.pushed.push(index);
            self.net.closing.push(index);
        } else {
            self.remove_client(index);
        }
    }

    fn operate_disk(&mut self, op: DiskOp) {
        match op {
            DiskOp::SaveNodesConf(text) => self.save_nodes(&text),
            DiskOp::SnapshotBegin => self.files.snapshot.begin(&self.files.data),
            DiskOp::SnapshotWrite(bytes) => self.files.snapshot.write(bytes),
            DiskOp::SnapshotCommit => self.files.snapshot.commit(self.files.data.clone()),
            DiskOp::SnapshotAbort => self.files.snapshot.abort(),
            DiskOp::Load => self.load_again(),
            DiskOp::PayloadBegin => {
                let directory = self.files.data.parent().unwrap_or(Path::new("."));
                let waker = self.net.queue.waker(Token::Files);
                self.files.payload = Some(PayloadFile::begin(directory, waker));
            }
            DiskOp::PayloadWrite(bytes) => {
                if let Some(payload) = &self.files.payload {
                    payload.write(bytes);
                }
            }
            DiskOp::PayloadRead { session, from, len } => {
                if let Some(payload) = &self.files.payload {
                    payload.read(session, from, len);
                }
            }
            DiskOp::PayloadEnd => self.files.payload = None,
            DiskOp::RewriteConfig { session, text } => {
                let written = match &self.files.config {
                    None => Err("The server is running without a config file".to_owned()),
                    Some(path) => files::rewrite_config(path, &text).map_err(|e| reason(&e)),
                };
                let result = written.as_ref().copied().map_err(String::as_str);
                let event = DiskEvent::ConfigRewritten { session, result };
                self.engine.on_disk(event, self.net.clock.now());
            }
        }
    }

    fn load_again(&mut self) {
        let waker = self.net.queue.waker(Token::Files);
        match data_file::load(
            self.files.data.clone(),
            self.engine.load_piece_bytes(),
            waker,
        ) {
            Ok(loading) => self.files.loading = Some(loading),
            Err(error) => {
                let failed = format!("Can't start a thread: {}", reason(&error));
                let event = DiskEvent::LoadFailed(&failed);
                self.engine.on_disk(event, self.net.clock.now());
            }
        }
    }

    fn save_nodes(&mut self, text: &[u8]) {
        let Some(nodes) = &mut self.files.nodes else {
            return;
        };
        let saved = nodes.save(text).map_err(|error| reason(&error));
        let event = match &saved {
            Ok(()) => DiskEvent::NodesConfSaved,
            Err(reason) => DiskEvent::NodesConfFailed(reason),
        };
        self.engine.on_disk(event, self.net.clock.now());
    }

    fn reconfigure(&mut self, change: Reconfigure) {
        match change {
            Reconfigure::LogLevel(level) => self.net.log.set_level(level),
            Reconfigure::DataFile { dir, file } => {
                self.files.data = Path::new(&dir).join(file);
            }
            Reconfigure::KeepAlive(seconds) => self.net.keepalive_secs = seconds,
        }
    }

    /// What CONFIG SET needs of the machine; after an error everything is as it was.
    fn acquire(&mut self, needs: Needs) -> Result<(), Denied> {
        if let Some(wanted) = needs.clients {
            let possible = reserve_files(wanted);
            if possible < wanted {
                return Err(Denied {
                    directive: "maxclients",
                    reason: format!(
                        "The operating system is not able to handle the specified number of \
                         clients, try with {possible}"
                    ),
                });
            }
        }
        match needs.listen {
            Some(listen) => self.listen_elsewhere(&listen),
            None => Ok(()),
        }
    }

    /// Connections stay. At another port the new sockets are opened before the old ones are
    /// closed; at the same one they may overlap, so there the old ones go first, and come back
    /// after an error.
    fn listen_elsewhere(&mut self, to: &Listen) -> Result<(), Denied> {
        let open = |bind: &[String], port| match port {
            0 => Ok(Vec::new()),
            port => listen(bind, port, self.backlog),
        };
        let address = |listener: &Listener| listener.socket.local_addr().ok();
        let old: Vec<_> = self.net.listeners.iter().filter_map(address).collect();
        let overlaps = old.iter().any(|address| address.port() == to.port);
        if overlaps {
            self.net.listeners.clear();
        }
        let opened = open(&to.bind, to.port);
        let (sockets, result) = match opened {
            Ok(sockets) => (sockets, Ok(())),
            Err(reason) => {
                self.net.log.warning(&reason);
                let reason = match to.directive {
                    "bind" => "Failed to bind to specified addresses.",
                    _ => "Unable to listen on this port. Check server logs.",
                };
                let denied = Denied {
                    directive: to.directive,
                    reason: reason.to_owned(),
                };
                if !overlaps {
                    return Err(denied);
                }
                let reopen = |address: &std::net::SocketAddr| {
                    open(&[address.ip().to_string()], address.port())
                        .inspect_err(|reason| self.net.log.warning(reason))
                        .unwrap_or_default()
                };
                (old.iter().flat_map(reopen).collect(), Err(denied))
            }
        };
        let listener = |(index, socket)| Listener {
            socket,
            waker: self.net.queue.waker(Token::Listener(index)),
        };
        self.net.listeners = sockets.into_iter().enumerate().map(listener).collect();
        for index in 0..self.net.listeners.len() {
            self.net.serve_later(Token::Listener(index));
        }
        result
    }
}
