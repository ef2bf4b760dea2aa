//! Which process uses a port of this machine.

use std::fmt;
use std::fs;
use std::net::TcpListener;
use std::path::Path;

/// The process that listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its id.
    pub pid: u32,
    /// Its command line.
    pub command: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.pid, self.command)
    }
}

/// Checks that a port is free.
///
/// # Errors Names the port and, if visible, the process that uses it.
pub fn check_free(ip: &str, port: u16) -> Result<(), String> {
    match TcpListener::bind((ip, port)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Err(match holder(port) {
            Some(holder) => format!("port {port} is taken by {holder}"),
            None => format!("port {port} is taken by a process that is not visible from here"),
        }),
        Err(error) => Err(format!("cannot listen on {ip}:{port}: {error}")),
    }
}

/// The process that listens on a port, if it is visible.
#[must_use]
pub fn holder(port: u16) -> Option<Holder> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let inodes: Vec<u64> = tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|text| listening(&text, port))
        .collect();
    let links: Vec<String> = inodes
        .iter()
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    processes()
        .find(|pid| holds(*pid, &links))
        .map(|pid| Holder {
            pid,
            command: command_line(pid).join(" "),
        })
}

/// The ids of all processes.
pub fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The command line of a process; empty if it cannot be read.
#[must_use]
pub fn command_line(pid: u32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = bytes
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty());
    words
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

fn holds(pid: u32, links: &[String]) -> bool {
    let entries = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("fd"));
    let mut entries = entries.into_iter().flatten().flatten();
    entries.any(|entry| {
        let link = fs::read_link(entry.path()).unwrap_or_default();
        links
            .iter()
            .any(|wanted| link.as_os_str() == wanted.as_str())
    })
}

/// The inodes of the sockets that listen on a port, from the text of /proc/net/tcp (proc(5)).
fn listening(text: &str, port: u16) -> Vec<u64> {
    const LISTEN: &str = "0A";
    let rows = text
        .lines()
        .skip(1)
        .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(3) == Some(&LISTEN))
        .filter(|row| {
            let local = row[1].rsplit_once(':').map(|(_, port)| port);
            local.and_then(|hex| u16::from_str_radix(hex, 16).ok()) == Some(port)
        })
        .filter_map(|row| row.get(9)?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_table_of_sockets() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000 100 0 0 10 0\n\
            1: 0100007F:18EB 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000 100 0 0 10 0\n";
        assert_eq!(listening(text, 6379), [4711]);
        assert!(listening(text, 6380).is_empty());
    }

    #[test]
    fn names_the_process_that_holds_a_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let me = std::process::id();
        assert_eq!(holder(port).unwrap().pid, me);
        let error = check_free("127.0.0.1", port).unwrap_err();
        assert!(
            error.starts_with(&format!("port {port} is taken by process {me} (")),
            "{error}"
        );
        drop(listener);
        assert_eq!(check_free("127.0.0.1", port), Ok(()));
    }
}
