//! The signals that ask a program to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT, as Ctrl-C sends it, and SIGTERM. They are caught as long as this exists.
#[derive(Debug)]
pub struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Catches them.
    ///
    /// # Errors
    /// When the system does not let them be caught.
    pub fn catch() -> Result<Interrupts, String> {
        let catch = |kind| signal(kind).map_err(|error| format!("cannot catch signals: {error}"));
        Ok(Interrupts {
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
        })
    }

    /// Waits for one of them.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
