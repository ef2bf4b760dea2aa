//! The talk before the stream: PING, AUTH, REPLCONF, PSYNC and their answers.

use std::collections::VecDeque;

use super::{HandshakeRequest, Level, LinkState, Now, PayloadEnd, ReplId, Step, Upstream};
use crate::replication::field_times::{FIELD_TIMES_CAPA, VALKEY_VERSION};

impl Upstream {
    /// A line of the handshake has arrived.
    pub(super) fn on_line(
        &mut self,
        line: &[u8],
        history: Option<(ReplId, u64)>,
        now: Now,
    ) -> Option<Step<'static>> {
        if line.is_empty() {
            return None;
        }
        let text = String::from_utf8_lossy(line).into_owned();
        match &mut self.state {
            LinkState::PingSent => self.on_pong(&text, now),
            LinkState::Handshake(asked) => {
                let asked = asked.pop_front();
                self.on_introduced(asked, &text, history, now);
            }
            LinkState::PsyncSent => return self.on_verdict(&text, now),
            LinkState::PayloadLine => self.on_payload_line(&text, now),
            _ => {}
        }
        None
    }

    fn on_pong(&mut self, text: &str, now: Now) {
        let harmless = ["-NOAUTH", "-NOPERM", "-ERR operation not permitted"];
        if text.starts_with('-') && !harmless.iter().any(|prefix| text.starts_with(prefix)) {
            self.log(
                Level::Warning,
                format!("Error reply to PING from master: '{text}'"),
            );
            self.drop_link(now);
            return;
        }
        self.log(
            Level::Notice,
            "Master replied to PING, replication can continue...",
        );
        let mut asked = VecDeque::new();
        if let Some(password) = self.settings.password.clone() {
            match self.settings.user.clone() {
                Some(user) => self.request(&[b"AUTH".to_vec(), user, password]),
                None => self.request(&[b"AUTH".to_vec(), password]),
            }
            asked.push_back(HandshakeRequest::Auth);
        }
        let port = self.settings.listening_port.to_string();
        self.request(&["REPLCONF", "listening-port", &port]);
        asked.push_back(HandshakeRequest::ListeningPort);
        if let Some(ip) = self.settings.announced_ip.clone() {
            self.request(&["REPLCONF", "ip-address", &ip]);
            asked.push_back(HandshakeRequest::Address);
        }
        let known = ["eof", "psync2", FIELD_TIMES_CAPA];
        let named = known.iter().flat_map(|name| ["capa", *name]);
        let words: Vec<&str> = std::iter::once("REPLCONF").chain(named).collect();
        self.request(&words);
        asked.push_back(HandshakeRequest::Capabilities);
        self.request(&["REPLCONF", "version", VALKEY_VERSION]);
        asked.push_back(HandshakeRequest::Version);
        self.state = LinkState::Handshake(asked);
    }

    fn on_introduced(
        &mut self,
        asked: Option<HandshakeRequest>,
        text: &str,
        history: Option<(ReplId, u64)>,
        now: Now,
    ) {
        let refused = text.starts_with('-');
        let option = match asked {
            Some(HandshakeRequest::Auth) if refused => {
                self.log(Level::Warning, format!("Unable to AUTH to MASTER: {text}"));
                self.drop_link(now);
                return;
            }
            Some(HandshakeRequest::Auth) | None => "auth",
            Some(HandshakeRequest::ListeningPort) => "listening-port",
            Some(HandshakeRequest::Address) => "ip-address",
            Some(HandshakeRequest::Capabilities) => "capa",
            // Redis never does.
            Some(HandshakeRequest::Version) => "version",
        };
        if refused {
            let about = format!("(Non critical) Master does not understand REPLCONF {option}");
            self.log(Level::Notice, format!("{about}: {text}"));
        }
        if matches!(&self.state, LinkState::Handshake(left) if left.is_empty()) {
            self.ask(history);
        }
    }

    fn ask(&mut self, history: Option<(ReplId, u64)>) {
        self.state = LinkState::PsyncSent;
        match history {
            Some((id, from)) => {
                let text = format!("Trying a partial resynchronization (request {id}:{from}).");
                self.log(Level::Notice, text);
                self.request(&["PSYNC", id.as_str(), &from.to_string()]);
            }
            None => {
                let text = "Partial resynchronization not possible (no cached master)";
                self.log(Level::Notice, text);
                self.request(&["PSYNC", "?", "-1"]);
            }
        }
    }

    fn on_verdict(&mut self, text: &str, now: Now) -> Option<Step<'static>> {
        let mut words = text.split_ascii_whitespace();
        let verdict = words.next().unwrap_or_default();
        let id = words.next().and_then(|id| ReplId::parse(id.as_bytes()));
        let offset = words.next().and_then(|offset| offset.parse().ok());
        match (verdict, id, offset) {
            ("+FULLRESYNC", Some(id), Some(offset)) => {
                self.log(
                    Level::Notice,
                    format!("Full resync from master: {id}:{offset}"),
                );
                self.state = LinkState::PayloadLine;
                self.received = 0;
                return Some(Step::FullSync { id, offset });
            }
            ("+CONTINUE", id, _) => {
                let text = "Successful partial resynchronization with master.";
                self.log(Level::Notice, text);
                self.state = LinkState::Streaming;
                return Some(Step::Continue { id });
            }
            ("-NOMASTERLINK" | "-LOADING", ..) => {
                let about = "Master is currently unable to PSYNC but should be in the future";
                self.log(Level::Notice, format!("{about}: {text}"));
            }
            _ if text.starts_with('-') => self.log_refusal(text),
            _ => {
                let text = format!("Unexpected reply to PSYNC from master: {text}");
                self.log(Level::Warning, text);
            }
        }
        self.drop_link(now);
        None
    }

    fn log_refusal(&mut self, text: &str) {
        let text = text.trim_start_matches('-');
        self.log(
            Level::Warning,
            format!("MASTER aborted replication with an error: {text}"),
        );
    }

    fn on_payload_line(&mut self, text: &str, now: Now) {
        let end = match text.strip_prefix('$') {
            Some(size) => match size.strip_prefix("EOF:") {
                Some(mark) => mark.as_bytes().try_into().ok().map(PayloadEnd::Mark),
                None => size.parse().ok().map(PayloadEnd::After),
            },
            None => None,
        };
        let about = "MASTER <-> REPLICA sync: receiving";
        match end {
            Some(PayloadEnd::Mark(_)) => {
                self.log(
                    Level::Notice,
                    format!("{about} streamed RDB from master with EOF"),
                );
            }
            Some(PayloadEnd::After(len)) => {
                self.log(Level::Notice, format!("{about} {len} bytes from master"));
            }
            None if text.starts_with('-') => self.log_refusal(text),
            None => {
                let about = "Bad protocol from MASTER, the first byte is not '$'";
                self.log(Level::Warning, format!("{about} (we received '{text}')"));
            }
        }
        match end {
            Some(end) => self.state = LinkState::Payload(end),
            None => self.drop_link(now),
        }
    }
}
