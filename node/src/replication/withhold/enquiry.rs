//! One enquiry at one replica's data port.

use bytes::Bytes;

use super::{Access, Answer};
use crate::io::LinkId;
use crate::replication::ReplId;
use crate::resp::{ReplyParser, ReplyValue, encode_command};

/// The longest answer that is read, in bytes.
const ANSWER_MAX: usize = 1 << 20;

/// The sections of INFO that are asked for, in this order.
const SECTIONS: [&str; 3] = ["persistence", "replication", "keyspace"];

/// What a replica was asked, and has said so far.
#[derive(Debug)]
pub struct Enquiry {
    link: LinkId,
    parser: ReplyParser,
    expects_auth: bool,
    texts: Vec<String>,
}

/// What the bytes of an answer mean.
#[derive(Debug)]
pub enum Outcome {
    /// It is not complete.
    More,
    /// The replica did not say what it holds.
    Failed(String),
    /// It did.
    Answered(Answer),
}

impl Enquiry {
    pub fn new(link: LinkId) -> Enquiry {
        Enquiry {
            link,
            parser: ReplyParser::new(ANSWER_MAX),
            expects_auth: false,
            texts: Vec::new(),
        }
    }

    pub fn link(&self) -> LinkId {
        self.link
    }

    /// The connection is up: what to send.
    pub fn begin(&mut self, access: &Access) -> Bytes {
        let mut out = Vec::new();
        if let Some(password) = &access.password {
            self.expects_auth = true;
            match &access.user {
                Some(user) => encode_command(&mut out, &[&b"AUTH"[..], user, password]),
                None => encode_command(&mut out, &[&b"AUTH"[..], password]),
            }
        }
        for section in SECTIONS {
            encode_command(&mut out, &["INFO", section]);
        }
        Bytes::from(out)
    }

    pub fn on_bytes(&mut self, bytes: &[u8]) -> Outcome {
        self.parser.feed(bytes);
        loop {
            let reply = match self.parser.next() {
                Ok(Some(reply)) => reply,
                Ok(None) => return Outcome::More,
                Err(error) => return Outcome::Failed(error.to_string()),
            };
            if let ReplyValue::Error(text) = &reply {
                return Outcome::Failed(String::from_utf8_lossy(text).into_owned());
            }
            if std::mem::take(&mut self.expects_auth) {
                continue;
            }
            let Some(text) = reply.text() else {
                return Outcome::Failed("it does not answer INFO with a text".to_owned());
            };
            self.texts.push(String::from_utf8_lossy(text).into_owned());
            if self.texts.len() == SECTIONS.len() {
                return self.read();
            }
        }
    }

    fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.texts.iter().flat_map(|text| text.lines());
        lines
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
    }

    fn read(&self) -> Outcome {
        let busy = ["loading", "async_loading", "master_sync_in_progress"];
        if busy.iter().any(|name| self.field(name) == Some("1")) {
            return Outcome::Failed("it is loading".to_owned());
        }
        let id = |name| {
            self.field(name)
                .and_then(|text| ReplId::parse(text.as_bytes()))
        };
        let offset = self
            .field("master_repl_offset")
            .and_then(|text| text.parse().ok());
        let (Some(id), Some(offset)) = (id("master_replid"), offset) else {
            return Outcome::Failed("its INFO does not name its history".to_owned());
        };
        let keyspace = self.texts[SECTIONS.len() - 1].lines();
        Outcome::Answered(Answer {
            has_keys: keyspace.into_iter().any(|line| line.starts_with("db")),
            id,
            second: self.second(),
            offset,
        })
    }

    fn second(&self) -> ReplId {
        let text = self.field("master_replid2").unwrap_or_default();
        ReplId::parse(text.as_bytes()).unwrap_or(ReplId::NONE)
    }
}
