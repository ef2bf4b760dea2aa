//! What the other server of a MIGRATE answers.

use super::connections::{Connection, Expected, Gone, Target};
use super::{Budget, Migration, Step};
use crate::engine::Engine;
use crate::io::LinkId;
use crate::resp::{ReplySyntax, ReplyValue};
use crate::time::Now;

const CONNECTING: &str = "IOERR error or timeout connecting to the client";
const WRITING: &str = "IOERR error or timeout writing to target instance";
const READING: &str = "IOERR error or timeout reading to target instance";

impl Engine {
    /// Takes up what was answered; then, if the connection has gone, that it has.
    pub(super) fn take_answers(
        &mut self,
        it: &mut Migration,
        budget: &mut Budget,
        now: Now,
    ) -> Step {
        if it.failed.is_some() {
            return Step::Done;
        }
        // As many as can be removed in this turn.
        while it.arrived.len() < budget.removals {
            match self.next_answer(it.link) {
                Ok(Some((answer, expected))) => self.take_answer(it, answer, expected, budget),
                Ok(None) => return self.take_loss(it, now),
                Err(_) => {
                    it.failed = Some(READING);
                    return Step::Done;
                }
            }
        }
        Step::More
    }

    /// The next answer and what it is about.
    ///
    /// # Errors
    /// When it is no such server, or says what nobody has asked.
    fn next_answer(&mut self, link: LinkId) -> Result<Option<(ReplyValue, Expected)>, ReplySyntax> {
        let Some(connection) = self.migrations.connections.get_mut(&link) else {
            return Ok(None);
        };
        let Some(answer) = connection.parser.next()? else {
            return Ok(None);
        };
        let expected = (connection.expected.pop_front()).ok_or(ReplySyntax::TooBig)?;
        if let Expected::Key(_, len) = expected {
            connection.under_way -= len;
        }
        Ok(Some((answer, expected)))
    }

    fn take_answer(
        &mut self,
        it: &mut Migration,
        answer: ReplyValue,
        expected: Expected,
        budget: &mut Budget,
    ) {
        it.may_retry = false;
        let is_error = matches!(answer, ReplyValue::Error(_));
        if let ReplyValue::Error(text) = answer
            && it.error.is_none()
        {
            it.error = Some(String::from_utf8_lossy(&text).into_owned());
        }
        match expected {
            Expected::Auth | Expected::Select => it.refused |= is_error,
            Expected::Key(key, _) if is_error || it.refused || it.wanted.copy => {
                budget.removals -= 1;
                self.data.let_go(it.db, &key);
            }
            Expected::Key(key, _) => it.arrived.push_back(key),
        }
    }

    /// All that has arrived is taken up.
    fn take_loss(&mut self, it: &mut Migration, now: Now) -> Step {
        let connection = self.migrations.connections.get(&it.link);
        let Some((connection, gone)) = connection.and_then(|it| Some((it, it.gone?))) else {
            return Step::Done;
        };
        if gone == Gone::Ended && std::mem::take(&mut it.may_retry) {
            self.close_migrate_link(it.link);
            let to = Target::new(&it.wanted.host, it.wanted.port);
            it.link = self.open_migrate_link(to, it.number, now);
            it.greeted = false;
            it.unsent = it.wanted.keys.iter().cloned().collect();
            if let Some((_, encoding)) = it.encoding.take() {
                encoding.give_up(&mut self.data);
            }
            return Step::Done;
        }
        // As in Redis, which learns from the first write that it was refused.
        let is_refused = gone == Gone::Ended && matches!(connection.to, Target::Address(..));
        it.failed = Some(match connection {
            Connection { up: false, .. } if !is_refused => CONNECTING,
            Connection { up: false, .. } | Connection { waiting: 1.., .. } => WRITING,
            _ => READING,
        });
        Step::Done
    }
}
