//! Listening sockets, as `bind` has them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

use super::system::reason;

/// Listens at every address of `bind`. An address that begins with `-` may be missing on this
/// machine; a taken port is an error nevertheless.
///
/// # Errors
/// A line that names the address and the port.
pub(super) fn listen(bind: &[String], port: u16, backlog: u32) -> Result<Vec<TcpListener>, String> {
    let mut listeners = Vec::new();
    for address in bind {
        let (name, optional) = match address.strip_prefix('-') {
            Some(name) => (name, true),
            None => (address.as_str(), false),
        };
        let result = resolve(name, port).and_then(|at| listen_at(at, backlog));
        match result {
            Ok(listener) => listeners.push(listener),
            Err(error) if optional && is_missing(&error) => {}
            Err(error) => {
                return Err(format!(
                    "Could not create server TCP listening socket {name}:{port}: bind: {}",
                    reason(&error)
                ));
            }
        }
    }
    if listeners.is_empty() && !bind.is_empty() {
        return Err(format!(
            "None of the addresses to bind is available, port {port}"
        ));
    }
    Ok(listeners)
}

fn resolve(name: &str, port: u16) -> io::Result<SocketAddr> {
    match name {
        "*" => Ok((IpAddr::from(Ipv4Addr::UNSPECIFIED), port).into()),
        "::*" => Ok((IpAddr::from(Ipv6Addr::UNSPECIFIED), port).into()),
        name => {
            let mut found = (name, port).to_socket_addrs()?;
            found
                .next()
                .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
        }
    }
}

fn listen_at(at: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}

/// The address, or its whole family, is not there.
fn is_missing(error: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = 97;
    const EPROTONOSUPPORT: i32 = 93;
    error.kind() == io::ErrorKind::AddrNotAvailable
        || matches!(error.raw_os_error(), Some(EAFNOSUPPORT | EPROTONOSUPPORT))
}

/// Sets up an accepted connection: small replies leave at once, a dead peer is found.
pub(super) fn prepare(stream: &TcpStream, keepalive_secs: u32) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if keepalive_secs > 0 {
        let every = |secs: u32| std::time::Duration::from_secs(u64::from(secs.max(1)));
        let keepalive = TcpKeepalive::new()
            .with_time(every(keepalive_secs))
            .with_interval(every(keepalive_secs / 3))
            .with_retries(3);
        SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}
