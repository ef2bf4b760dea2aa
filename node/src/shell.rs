//! The shell: sockets, files, the clock and randomness.
