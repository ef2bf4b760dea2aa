//! What the operating system is asked: entropy, limits, its name.

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroU64;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::time::Usage;

/// Files that the node needs beside one per client: listeners, links (those of strangers, too, up
/// to their bound), data files, the log.
const RESERVED_FILES: u64 = 128;

/// Random bytes.
pub(super) fn entropy<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Raises the limit of open files for that many clients; gives how many there can be.
pub(super) fn reserve_files(maxclients: usize) -> usize {
    let wanted = maxclients as u64 + RESERVED_FILES;
    let limit = getrlimit(Resource::Nofile);
    let have = |limit: Rlimit| limit.current.unwrap_or(u64::MAX);
    if have(limit) >= wanted {
        return maxclients;
    }
    let within_hard = wanted.min(limit.maximum.unwrap_or(u64::MAX));
    let raised = Rlimit {
        current: Some(within_hard),
        maximum: limit.maximum,
    };
    let reached = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => within_hard,
        Err(_) => have(limit),
    };
    let clients = reached.saturating_sub(RESERVED_FILES).max(1);
    usize::try_from(clients)
        .unwrap_or(usize::MAX)
        .min(maxclients)
}

/// Lets no wait of this thread be longer than it has to: by default the system may add 50 us to each
/// (`PR_SET_TIMERSLACK`). Where that is refused, waits stay that much longer, and nothing else changes.
pub(super) fn wait_precisely() {
    let _ = rustix::thread::set_current_timer_slack(Some(NonZeroU64::MIN));
}

/// The operating system as INFO names it: `Linux 6.1.0 x86_64`.
pub(super) fn os_name() -> String {
    let name = rustix::system::uname();
    let part = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let parts = [
        part(name.sysname()),
        part(name.release()),
        part(name.machine()),
    ];
    parts.join(" ")
}

/// What an error says, without the number that Rust adds.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// What the process has used of the machine, as far as /proc tells; zeros where there is none. To be
/// called from the thread that runs the engine.
pub(super) fn usage() -> Usage {
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    let page = rustix::param::page_size() as u64;
    let micros = |count: u64| count * 1_000_000 / ticks;
    let ([user, system], resident) = stat("/proc/self/stat");
    let ([main_user, main_system], _) = stat("/proc/thread-self/stat");
    Usage {
        user_us: micros(user),
        system_us: micros(system),
        main_user_us: micros(main_user),
        main_system_us: micros(main_system),
        resident: resident * page,
        machine: rustix::system::sysinfo().totalram as u64,
    }
}

/// What a file of /proc says of a process or a thread: ticks outside of the kernel and in it, and
/// resident pages.
fn stat(path: &str) -> ([u64; 2], u64) {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    // The name of the process, in parentheses, may hold anything; the numbers follow it.
    let numbers: Vec<u64> = (text.rsplit(')').next().unwrap_or_default())
        .split_ascii_whitespace()
        .map(|word| word.parse().unwrap_or(0))
        .collect();
    let number = |index: usize| numbers.get(index).copied().unwrap_or(0);
    ([number(11), number(12)], number(21))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_those_of_the_system() {
        let error = io::Error::from_raw_os_error(98);
        assert_eq!(reason(&error), "Address already in use");
    }

    #[test]
    fn entropy_differs() {
        assert_ne!(entropy::<16>().unwrap(), entropy::<16>().unwrap());
    }

    #[test]
    fn a_process_uses_memory() {
        let usage = usage();
        assert!(
            usage.resident > 0 && usage.resident < usage.machine,
            "{usage:?}"
        );
    }
}
