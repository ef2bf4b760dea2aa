//! Real redis-servers.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use slotkeeper::model::Address;

/// What they and their clients share.
pub const PASSWORD: &str = "123456";

/// A redis-server in its own directory, ended when dropped.
pub struct Server {
    child: Child,
    pub address: Address,
    dir: PathBuf,
}

impl Server {
    /// Starts one that announces the hostname, unless it is empty.
    pub fn start(hostname: &str) -> Server {
        let (port, bus_port) = (free_port(), free_port());
        let dir = std::env::temp_dir().join(format!("slotkeeper-real-{port}"));
        std::fs::create_dir_all(&dir).unwrap();
        let settings = [
            ("port", port.to_string()),
            ("cluster-port", bus_port.to_string()),
            ("dir", dir.display().to_string()),
            ("bind", "127.0.0.1".to_owned()),
            ("cluster-enabled", "yes".to_owned()),
            ("cluster-node-timeout", "2000".to_owned()),
            ("requirepass", PASSWORD.to_owned()),
            ("masterauth", PASSWORD.to_owned()),
            ("save", String::new()),
            ("cluster-announce-hostname", hostname.to_owned()),
        ];
        let mut command = Command::new("redis-server");
        for (name, value) in settings {
            command.arg(format!("--{name}")).arg(value);
        }
        let child = command.stdout(Stdio::null()).spawn();
        let address = Address {
            ip: "127.0.0.1".to_owned(),
            port,
            bus_port,
        };
        let child = child.expect("redis-server is installed");
        Server {
            child,
            address,
            dir,
        }
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([name, &pid]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn free_port() -> u16 {
    // Below the range of ephemeral ports.
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    let start = 21720 + u16::try_from(std::process::id() % 4).unwrap() * 16;
    loop {
        let step = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let port = start + step;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
