//! Ports for the servers of a test.
//!
//! A port that was merely free a moment ago can be given to another test before the server takes
//! it. So it is bound here, without listening, until this process ends: the system gives it to
//! nobody else, and a server that reuses addresses may listen there.

#![allow(dead_code, reason = "each test takes the kind of port that it needs")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;

use socket2::{Domain, Protocol, Socket, Type};

static RESERVED: Mutex<Vec<Socket>> = Mutex::new(Vec::new());

/// A port of 127.0.0.1 that is free and stays reserved.
pub fn free_port() -> u16 {
    let (socket, port) = reserve(0).expect("the system has a free port");
    keep([socket]);
    port
}

/// One whose bus port, the port + 10000, is reserved as well.
pub fn free_port_with_bus() -> u16 {
    loop {
        let (socket, port) = reserve(0).expect("the system has a free port");
        let bus = port.checked_add(10_000);
        if let Some((bus, _)) = bus.and_then(|bus| reserve(bus).ok()) {
            keep([socket, bus]);
            return port;
        }
    }
}

fn keep<const COUNT: usize>(sockets: [Socket; COUNT]) {
    let mut reserved = RESERVED.lock().expect("nobody panics while holding it");
    reserved.extend(sockets);
}

fn reserve(port: u16) -> std::io::Result<(Socket, u16)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    // Not for a port of the system's choice: it may choose one that is reserved already.
    socket.set_reuse_address(port != 0)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.set_reuse_address(true)?;
    let address = socket.local_addr()?.as_socket();
    let port = address.map_or(0, |address| address.port());
    Ok((socket, port))
}
