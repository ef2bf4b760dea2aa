//! A client that sends many requests and knows what is replied.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use crate::server::Server;

/// A connection to a server.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects.
    pub fn to(server: &Server) -> Result<Client, String> {
        let stream = TcpStream::connect(("127.0.0.1", server.port())).map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        Ok(Client {
            stream: BufReader::new(stream),
        })
    }

    /// Sends requests, all at once.
    pub fn send<'a>(
        &mut self,
        requests: impl IntoIterator<Item = Vec<&'a str>>,
    ) -> Result<(), String> {
        let mut out = Vec::new();
        for words in requests {
            out.extend(format!("*{}\r\n", words.len()).bytes());
            for word in words {
                out.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
            }
        }
        let stream = self.stream.get_mut();
        stream.write_all(&out).map_err(|e| e.to_string())
    }

    /// The next reply is this line.
    pub fn expect(&mut self, wanted: &str) -> Result<(), String> {
        let mut line = String::new();
        (self.stream.read_line(&mut line)).map_err(|e| e.to_string())?;
        match line.trim_end() == wanted {
            true => Ok(()),
            false => Err(format!("a server replies {line}")),
        }
    }
}
