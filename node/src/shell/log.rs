//! The log, in the format that Redis has:
//! `1:M 22 Nov 2026 19:05:40.146 * Ready to accept connections`. Times are UTC.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use super::limit::{LeftOut, Limiter, WHILE_MS};
use crate::io::{Level, Origin};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Where log lines go, and which.
#[derive(Clone, Debug)]
pub(super) struct Log {
    level: Level,
    file: Option<PathBuf>,
    pid: u32,
    /// `M` for a master, `S` for a replica.
    role: char,
    limits: [Limiter; Origin::COUNT],
}

impl Log {
    /// To the file, or to standard output when its name is empty.
    pub(super) fn new(level: Level, file: &str) -> Log {
        Log {
            level,
            file: (!file.is_empty()).then(|| PathBuf::from(file)),
            pid: std::process::id(),
            role: 'M',
            limits: Default::default(),
        }
    }

    /// Whether the file can be written.
    pub(super) fn check(&self) -> io::Result<()> {
        match &self.file {
            None => Ok(()),
            Some(file) => OpenOptions::new()
                .create(true)
                .append(true)
                .open(file)
                .map(|_| ()),
        }
    }

    pub(super) fn set_level(&mut self, level: Level) {
        self.level = level;
    }

    pub(super) fn set_replica(&mut self, is_replica: bool) {
        self.role = if is_replica { 'S' } else { 'M' };
    }

    pub(super) fn notice(&self, text: &str) {
        self.write(Level::Notice, text);
    }

    pub(super) fn warning(&self, text: &str) {
        self.write(Level::Warning, text);
    }

    /// Writes a line that may be caused from outside: then only a limited number in a while.
    pub(super) fn write_of(&mut self, origin: Origin, level: Level, text: &str, now_ms: u64) {
        if level < self.level {
            return;
        }
        if origin != Origin::Node {
            self.tell_left_out(now_ms);
            if !self.limits[origin as usize].admit(level, now_ms) {
                return;
            }
        }
        self.write(level, text);
    }

    /// Says how many lines were left out in a while that is over; to be called every now and then.
    pub(super) fn tell_left_out(&mut self, now_ms: u64) {
        for origin in Origin::ALL {
            if let Some(LeftOut { lines, level }) = self.limits[origin as usize].left_out(now_ms) {
                let (about, seconds) = (origin.name(), WHILE_MS / 1000);
                let text =
                    format!("... {lines} similar lines left out in {seconds} s (about {about})");
                self.write(level, &text);
            }
        }
    }

    /// Writes a line. The file is opened each time, so that it may be rotated by renaming. A log
    /// that cannot be written stops nothing.
    pub(super) fn write(&self, level: Level, text: &str) {
        if level < self.level {
            return;
        }
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let line = line(self.pid, self.role, since.as_millis() as i64, level, text);
        let _ = match &self.file {
            None => io::stdout().lock().write_all(line.as_bytes()),
            Some(file) => OpenOptions::new()
                .create(true)
                .append(true)
                .open(file)
                .and_then(|mut file| file.write_all(line.as_bytes())),
        };
    }
}

fn line(pid: u32, role: char, unix_ms: i64, level: Level, text: &str) -> String {
    let mark = match level {
        Level::Debug => '.',
        Level::Verbose => '-',
        Level::Notice => '*',
        Level::Warning => '#',
    };
    let time = date_time(unix_ms);
    // A line is a line, whatever a peer has put into the text.
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    format!("{pid}:{role} {time} {mark} {text}\n")
}

/// Days since 1970 to a date of the Gregorian calendar (Howard Hinnant, "chrono-compatible
/// low-level date algorithms", `civil_from_days`).
fn date_time(unix_ms: i64) -> String {
    let (days, in_day) = (
        unix_ms.div_euclid(86_400_000),
        unix_ms.rem_euclid(86_400_000),
    );
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12;
    let year = year_of_era + era * 400 + i64::from(month < 2);
    let (seconds, millis) = (in_day / 1000, in_day % 1000);
    format!(
        "{day:02} {} {year} {:02}:{:02}:{:02}.{millis:03}",
        MONTHS[month as usize],
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let cases = [
            (0, "01 Jan 1970 00:00:00.000"),
            (951_782_400_000, "29 Feb 2000 00:00:00.000"),
            (1_709_251_199_999, "29 Feb 2024 23:59:59.999"),
            (1_709_251_200_000, "01 Mar 2024 00:00:00.000"),
            (1_795_374_340_146, "22 Nov 2026 19:05:40.146"),
            (4_107_542_400_000, "01 Mar 2100 00:00:00.000"),
            (-1, "31 Dec 1969 23:59:59.999"),
        ];
        for (unix_ms, text) in cases {
            assert_eq!(date_time(unix_ms), text);
        }
    }

    #[test]
    fn a_line_stays_a_line() {
        let line = line(7, 'S', 0, Level::Warning, "bad name: a\r\nb");
        assert_eq!(line, "7:S 01 Jan 1970 00:00:00.000 # bad name: a  b\n");
    }
}
