//! RESP2 and RESP3: requests in, replies out; and the same two for links where we are the client.

mod args;
mod decode;
mod encode;
mod inline;
mod kept;
pub mod number;
mod parse;
mod peek;
mod reply;

pub use args::{Args, is_word};
pub use decode::{BATCH_MAX, Batch, Decoder, Limits, ProtocolError};
pub use encode::encode_command;
pub use inline::split_words;
pub use kept::KeptRequests;
pub use parse::{ReplyParser, ReplySyntax, ReplyValue};
pub use peek::first_arguments;
pub use reply::{Piece, Reply};
