//! The first half of a turn: connections that are ready are served.
//!
//! Clients are served in groups. The input of a whole group is read before the first of it is
//! executed, so that the engine can look ahead for all of them: with one request a client, as is
//! common, the time goes into waiting for memory, and so it waits for all at the same time.

use super::client::{Input, Served};
use super::group::Member;
use super::link::News;
use super::ready::Token;
use super::turn::{Shell, TURN_REPLY_BYTES};
use crate::io::LinkEvent;

impl Shell {
    /// Serves all that are ready, in their order, until the turn has taken or given enough.
    pub(super) fn serve_ready(&mut self, until_us: u64) {
        let mut fresh = std::mem::take(&mut self.turn.fresh);
        self.net.queue.drain(&mut fresh);
        self.net.ready.begin_turn(fresh.drain(..));
        self.turn.fresh = fresh;
        for _ in 0..self.net.ready.len() {
            let Some(token) = self.net.ready.next() else {
                break;
            };
            if let Token::Client(index) = token {
                self.read_client(index);
                if self.turn.group.has_room() {
                    continue;
                }
            }
            self.execute_group(until_us);
            self.serve_other(token);
            if self.is_enough(until_us) {
                return;
            }
        }
        self.execute_group(until_us);
    }

    fn is_enough(&self, until_us: u64) -> bool {
        self.turn.reply.len() > TURN_REPLY_BYTES || self.net.clock.now().mono_us >= until_us
    }

    fn serve_other(&mut self, token: Token) {
        match token {
            Token::Client(_) => {}
            Token::Link(index) => self.serve_link(index),
            Token::Listener(index) => self.accept_clients(index),
            Token::BusListener(index) => self.accept_links(index),
            Token::Timer => self.turn.armed_ms = None,
            Token::Signal => self.take_signals(),
            Token::Files => self.take_file_events(),
            Token::Metrics => self
                .net
                .probes
                .publish_metrics(self.engine.metrics(self.net.clock.now())),
        }
    }

    /// Reads what a client has sent; it joins the group if it has something to execute.
    fn read_client(&mut self, index: usize) {
        let (turn, net) = (&mut self.turn, &mut self.net);
        let Some(client) = net.clients.get_mut(index) else {
            return;
        };
        client.socket.flush();
        if client.socket.is_broken() {
            self.remove_client(index);
            return;
        }
        if client.closing_since.is_some() || !client.socket.outbox.is_empty() || client.reported > 0
        {
            net.pushed.push(index);
        }
        if client.closing_since.is_some() {
            return;
        }
        if client.pending.is_some() || client.in_group {
            // Served in this turn already, or about to be.
            net.serve_later(Token::Client(index));
            return;
        }
        let from = turn.group.filled;
        match client.read(&mut turn.buffer[from..]) {
            Input::None(served) => {
                client.tell_received(&mut self.engine);
                self.after(index, served);
            }
            Input::Some { fresh, more } => {
                client.in_group = true;
                turn.group.filled += fresh;
                let fresh = from..turn.group.filled;
                turn.group.members.push(Member { index, fresh, more });
            }
        }
    }

    /// Executes what the group has sent. What comes after the end of the turn is put off to the
    /// next one.
    fn execute_group(&mut self, until_us: u64) {
        let mut group = std::mem::take(&mut self.turn.group);
        if group.members.len() > 1 {
            self.engine.look_ahead(group.members.iter().filter_map(|m| {
                let client = self.net.clients.get(m.index)?;
                client.next_input(&self.turn.buffer[m.fresh.clone()])
            }));
        }
        for Member { index, fresh, more } in group.members.drain(..) {
            let now = self.net.clock.now();
            let (turn, net) = (&mut self.turn, &mut self.net);
            let Some(client) = net.clients.get_mut(index) else {
                continue;
            };
            let fresh = &turn.buffer[fresh];
            if now.mono_us >= until_us || turn.reply.len() > TURN_REPLY_BYTES {
                client.put_off(fresh);
                client.tell_received(&mut self.engine);
                net.ready.put_off(Token::Client(index));
                continue;
            }
            turn.batcher.serve(&mut client.tally);
            let (engine, reply) = (&mut self.engine, &mut turn.reply);
            let replied = reply.len();
            let served = net.execute(engine, index, now, fresh, more, reply);
            if reply.len() > replied {
                turn.replied.push(index);
            }
            self.after(index, served);
        }
        group.clear();
        self.turn.group = group;
    }

    fn after(&mut self, index: usize, served: Served) {
        match served {
            Served::Waits => {}
            Served::Again => self.net.serve_later(Token::Client(index)),
            Served::Close => self.net.closing.push(index),
            Served::Gone => self.remove_client(index),
        }
    }

    fn serve_link(&mut self, index: usize) {
        let Some(link) = self.net.links.get_mut(index) else {
            return;
        };
        let id = link.id;
        let now = self.net.clock.now();
        let news = link.serve(&mut self.turn.buffer);
        let is_closing = link.closing_since.is_some();
        if let Some((unsent, allocated)) = link.news_of_unsent() {
            self.engine.on_link_sent(id, unsent, allocated);
        }
        match news {
            News::Nothing => {}
            News::Closed(reason) => {
                self.net.remove_link(index);
                if !is_closing {
                    let reason = &reason;
                    self.engine.on_link(id, LinkEvent::Closed { reason }, now);
                }
            }
            // What still comes in on a link that is closing is ignored.
            _ if is_closing => {}
            News::Opened(local) => self.engine.on_link(id, LinkEvent::Opened { local }, now),
            News::Bytes(count, more) => {
                let bytes = &self.turn.buffer[..count];
                self.engine.on_link(id, LinkEvent::Bytes(bytes), now);
                if more {
                    self.net.serve_later(Token::Link(index));
                }
            }
        }
        if is_closing {
            self.net.sent.push(index);
        }
    }
}
