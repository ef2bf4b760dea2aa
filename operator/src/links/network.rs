//! How nodes are reached, and what time it is.

use std::future::Future;
use std::io;

use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::DELIVERED_WITHIN_MS;
use crate::model::{Address, Moment};
use crate::wall_clock::now;

/// How nodes are reached, and what time it is. The operator runs over [`Tcp`]; the simulator has a
/// network and a clock of its own.
pub trait Network: Send + Sync {
    /// A connection to a node.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Connects to the data port of a node.
    ///
    /// # Errors
    /// `ConnectionRefused` if the host answers and no process listens; anything else means that
    /// nothing is known of the node.
    fn connect(&self, address: &Address) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// The time now.
    fn now(&self) -> Moment;
}

/// TCP, and the clock of this computer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Network for Tcp {
    type Stream = TcpStream;

    /// A connection on which nothing is under way for long after it was given up.
    async fn connect(&self, address: &Address) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((address.ip.as_str(), address.port)).await?;
        // Small requests that wait for their answers gain nothing from Nagle's algorithm.
        let _ = stream.set_nodelay(true);
        // Closing it discards what was not delivered.
        stream.set_zero_linger()?;
        set_tcp_user_timeout(&stream, DELIVERED_WITHIN_MS)?;
        Ok(stream)
    }

    fn now(&self) -> Moment {
        now()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustix::net::sockopt::{socket_linger, tcp_user_timeout};

    use super::*;

    #[tokio::test]
    async fn the_kernel_delivers_nothing_later_than_promised() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address {
            ip: "127.0.0.1".to_owned(),
            port: listener.local_addr().unwrap().port(),
            bus_port: 0,
        };
        let stream = Tcp.connect(&address).await.unwrap();
        assert_eq!(tcp_user_timeout(&stream).unwrap(), DELIVERED_WITHIN_MS);
        assert_eq!(socket_linger(&stream).unwrap(), Some(Duration::ZERO));
    }
}
