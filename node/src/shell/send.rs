//! The end of a turn: replies and pushes leave, connections that are done with are closed.

use super::turn::Shell;

impl Shell {
    pub(super) fn send_replies(&mut self) {
        let mut replied = std::mem::take(&mut self.turn.replied);
        self.drop_stale_replies();
        for index in replied.drain(..) {
            if self.engine.is_late(self.net.clock.coarse_now()) {
                // The process was stopped between two of these.
                self.engine.look_at_clock(self.net.clock.begin_turn());
                self.drop_stale_replies();
            }
            let Some(client) = self.net.clients.get_mut(index) else {
                continue;
            };
            if let Some(range) = client.pending.take() {
                let socket = &mut client.socket;
                (self.turn.reply).hand_over(range, |piece| socket.send(piece));
            }
            if !client.socket.outbox.is_empty() || client.socket.is_broken() {
                self.net.pushed.push(index);
            }
        }
        self.turn.replied = replied;
        self.turn.reply.clear();
    }

    /// When the engine holds its commands since the node has slept: replies that were written before
    /// and have not left acknowledge what may be lost. Their clients are closed; so they know that
    /// they do not know.
    pub(super) fn drop_stale_replies(&mut self) {
        if self.turn.holds == self.engine.holds() {
            return;
        }
        self.turn.holds = self.engine.holds();
        for index in self.net.clients.used().collect::<Vec<_>>() {
            let is_stale = self.net.clients.get(index).is_some_and(|client| {
                let session = client.session;
                let is_normal = !session.is_some_and(|s| self.engine.serves_replica(s));
                is_normal && (client.pending.is_some() || !client.socket.outbox.is_empty())
            });
            if is_stale {
                self.remove_client(index);
            }
        }
    }

    /// Sends what was pushed, and tells the engine how much of it is left: true when
    /// something waits for that (a walk at its bound) and goes on in another turn.
    pub(super) fn send_pushes(&mut self) -> bool {
        if self.net.pushed.is_empty() && self.net.sent.is_empty() {
            return false;
        }
        let now = self.net.clock.now();
        let mut told = false;
        for index in std::mem::take(&mut self.net.pushed) {
            let Some(client) = self.net.clients.get_mut(index) else {
                continue;
            };
            client.socket.flush();
            if client.socket.is_broken() {
                self.remove_client(index);
                continue;
            }
            let unsent = client.socket.outbox.unsent();
            if unsent.bytes == 0 && client.closing_since.is_some() {
                self.net.closing.push(index);
            }
            // The engine counts what it pushes by itself: it is told even when all has left.
            if let Some(session) = client.session {
                client.reported = unsent.bytes;
                self.engine.on_sent(session, unsent, now);
                told = self.engine.waits_for_sent();
            }
        }
        for index in std::mem::take(&mut self.net.sent) {
            let Some(link) = self.net.links.get_mut(index) else {
                continue;
            };
            link.flush();
            if let Some((unsent, allocated)) = link.news_of_unsent() {
                self.engine.on_link_sent(link.id, unsent, allocated);
            }
            if link.closing_since.is_some() && link.is_done() {
                self.net.remove_link(index);
            }
        }
        told
    }

    /// Closes clients that have what they were sent; the others get their time.
    pub(super) fn close_finished(&mut self) {
        if self.net.closing.is_empty() {
            return;
        }
        let now = self.net.clock.now();
        for index in std::mem::take(&mut self.net.closing) {
            let Some(client) = self.net.clients.get_mut(index) else {
                continue;
            };
            client.closing_since.get_or_insert(now.mono_ms());
            if let Some(session) = client.session.take() {
                self.net.by_session.remove(&session);
                self.engine.close(session, now);
            }
            if client.socket.outbox.is_empty() {
                self.remove_client(index);
            }
        }
    }

    pub(super) fn remove_client(&mut self, index: usize) {
        let Some(client) = self.net.clients.remove(index) else {
            return;
        };
        if let Some(session) = client.session {
            self.net.by_session.remove(&session);
            self.engine.close(session, self.net.clock.now());
        }
    }
}
