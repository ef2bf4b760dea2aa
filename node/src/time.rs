//! The time as the core sees it: always an argument, never read.

/// A moment, read once by the shell (or made by the simulator) and fixed for a command or an EXEC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Unix time in microseconds. It may jump; expiry and everything that users see use it.
    pub unix_us: i64,
    /// Microseconds since a fixed start. It never goes back; every delay and deadline uses it.
    pub mono_us: u64,
}

impl Now {
    /// Unix time in milliseconds.
    #[must_use]
    pub fn unix_ms(self) -> i64 {
        self.unix_us / 1000
    }

    /// Milliseconds since the fixed start.
    #[must_use]
    pub fn mono_ms(self) -> u64 {
        self.mono_us / 1000
    }

    /// The unix time, in milliseconds, of a moment on the monotonic scale (milliseconds).
    #[must_use]
    pub fn unix_ms_of(self, mono_ms: u64) -> i64 {
        self.unix_ms() - (self.mono_ms().cast_signed() - mono_ms.cast_signed())
    }
}

/// Measures how long commands take, for SLOWLOG, LATENCY and the statistics only: nothing that it
/// returns may change what a command does.
pub trait Stopwatch {
    /// Nanoseconds on the scale of [`Now::mono_us`]; 0 from a stopwatch that measures nothing.
    fn nanos(&self) -> u64;

    /// What the process has used of the machine.
    fn usage(&self) -> Usage {
        Usage::default()
    }

    /// How often sockets were read and written, and turns were made, since the start.
    fn calls(&self) -> Calls {
        Calls::default()
    }
}

/// How often sockets were read and written, and turns were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Reads that gave something.
    pub reads: u64,
    /// Writes that something went by.
    pub writes: u64,
    /// Turns: in each, all that is ready is served.
    pub turns: u64,
    /// Microseconds that these took, without waiting for something to do.
    pub turns_us: u64,
}

/// What the process has used of the machine, for INFO and the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Microseconds of the processor in the kernel.
    pub system_us: u64,
    /// Microseconds of the processor outside of the kernel.
    pub user_us: u64,
    /// The same two of the thread that runs the engine alone.
    pub main_system_us: u64,
    /// See [`Usage::main_system_us`].
    pub main_user_us: u64,
    /// Resident memory, in bytes.
    pub resident: u64,
    /// Memory of the machine, in bytes.
    pub machine: u64,
}
