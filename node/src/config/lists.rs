//! Directives whose values have a form of their own.

use super::directive::Kind;
use super::value::{self, Invalid};
use super::{ClientMemory, Config, OutputLimit, Percentile, SavePoint};

/// `save 3600 1 300 100`, `save ""`. The points add up; [`super::load`] and CONFIG SET clear them
/// first where the new ones replace the old.
pub(super) const SAVE_POINTS: Kind = Kind::Own {
    set: set_save,
    show: |config| save_words(&config.save).join(" "),
    lines: |config| match config.save.as_slice() {
        [] => vec!["\"\"".to_owned()],
        points => save_words(points),
    },
};

fn save_words(points: &[SavePoint]) -> Vec<String> {
    let word = |point: &SavePoint| format!("{} {}", point.seconds, point.changes);
    points.iter().map(word).collect()
}

fn set_save(config: &mut Config, words: &[Vec<u8>]) -> Result<(), Invalid> {
    if words.iter().all(Vec::is_empty) {
        config.save.clear();
        return Ok(());
    }
    let refuse = || Invalid("Invalid save parameters".to_owned());
    let number = |word: &[u8], min| {
        let number = value::number(word, min, i64::from(i32::MAX)).map_err(|_| refuse())?;
        Ok(number.unsigned_abs())
    };
    let mut points = Vec::new();
    for pair in words.chunks(2) {
        let [seconds, changes] = pair else {
            return Err(refuse());
        };
        points.push(SavePoint {
            seconds: number(seconds, 1)?,
            changes: number(changes, 0)?,
        });
    }
    config.save.extend(points);
    Ok(())
}

/// `proto-max-bulk-len 512mb`. A whole request has to fit into client-query-buffer-limit, so more
/// than that would promise too much.
pub(super) const BULK_LENGTH: Kind = Kind::Own {
    set: |config, words| {
        config.proto_max_bulk_len = request_length(words)?;
        Ok(())
    },
    show: |config| config.proto_max_bulk_len.to_string(),
    lines: |config| vec![value::with_unit(config.proto_max_bulk_len as u64)],
};

/// `client-query-buffer-limit 1gb`.
pub(super) const QUERY_LIMIT: Kind = Kind::Own {
    set: |config, words| {
        config.client_query_buffer_limit = request_length(words)?;
        Ok(())
    },
    show: |config| config.client_query_buffer_limit.to_string(),
    lines: |config| vec![value::with_unit(config.client_query_buffer_limit as u64)],
};

/// Bytes of a request: from 1 MB, as in Redis, to what can be read.
fn request_length(words: &[Vec<u8>]) -> Result<usize, Invalid> {
    const MIN: u64 = 1 << 20;
    const MAX: u64 = 1 << 30;
    let [word] = words else {
        return Err(value::wrong_count());
    };
    let bytes = value::memory(word)?;
    if !(MIN..=MAX).contains(&bytes) {
        let text = format!("argument must be between {MIN} and {MAX} inclusive");
        return Err(Invalid(text));
    }
    Ok(bytes as usize)
}

/// `latency-tracking-info-percentiles 50 99 99.9`; none: `""`.
pub(super) const PERCENTILES: Kind = Kind::Own {
    set: set_percentiles,
    show: |config| percentile_words(config).join(" "),
    lines: |config| match percentile_words(config).as_slice() {
        [] => vec!["\"\"".to_owned()],
        words => vec![words.join(" ")],
    },
};

fn percentile_words(config: &Config) -> Vec<String> {
    let percentiles = config.latency_tracking_percentiles.iter();
    percentiles.map(|one| one.percent().to_string()).collect()
}

fn set_percentiles(config: &mut Config, words: &[Vec<u8>]) -> Result<(), Invalid> {
    let number = |word: &Vec<u8>| {
        let number = std::str::from_utf8(word).ok();
        match number.and_then(|text| text.parse::<f64>().ok()) {
            Some(number) if (0.0..=100.0).contains(&number) => Ok(number),
            Some(_) => {
                Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
            }
            None => Err("Invalid latency-tracking-info-percentiles parameters"),
        }
        .map_err(|text| Invalid(text.to_owned()))
    };
    let words = words.iter().filter(|word| !word.is_empty());
    config.latency_tracking_percentiles = words
        .map(|word| number(word).map(Percentile::of))
        .collect::<Result<_, _>>()?;
    Ok(())
}

/// `maxmemory-clients 1gb`, or `5%` of `maxmemory`; 0 for no limit.
pub(super) const CLIENT_MEMORY: Kind = Kind::Own {
    set: set_client_memory,
    show: |config| match config.maxmemory_clients {
        ClientMemory::Unlimited => "0".to_owned(),
        ClientMemory::Bytes(bytes) => bytes.to_string(),
        ClientMemory::Percent(percent) => format!("{percent}%"),
    },
    lines: |config| {
        vec![match config.maxmemory_clients {
            ClientMemory::Unlimited => "0".to_owned(),
            ClientMemory::Bytes(bytes) => value::with_unit(bytes),
            ClientMemory::Percent(percent) => format!("{percent}%"),
        }]
    },
};

fn set_client_memory(config: &mut Config, words: &[Vec<u8>]) -> Result<(), Invalid> {
    let [word] = words else {
        return Err(value::wrong_count());
    };
    let refuse = |_| Invalid("argument must be a memory or percent value".to_owned());
    config.maxmemory_clients = match word.strip_suffix(b"%") {
        Some(number) => match value::number(number, 0, 100).map_err(refuse)? {
            0 => ClientMemory::Unlimited,
            percent => ClientMemory::Percent(percent as u8),
        },
        None => match value::memory(word).map_err(refuse)? {
            0 => ClientMemory::Unlimited,
            bytes => ClientMemory::Bytes(bytes),
        },
    };
    Ok(())
}

/// `client-output-buffer-limit normal 0 0 0 replica 256mb 64mb 60`; classes not named keep theirs.
pub(super) const OUTPUT_LIMITS: Kind = Kind::Own {
    set: set_output_limits,
    show: |config| {
        let limits = config.client_output_buffer_limit;
        let all = [
            ("normal", limits.normal),
            ("slave", limits.replica),
            ("pubsub", PUBSUB),
        ];
        let word = |(class, limit): (&str, OutputLimit)| {
            format!(
                "{class} {} {} {}",
                limit.hard, limit.soft, limit.soft_seconds
            )
        };
        all.map(word).join(" ")
    },
    lines: |config| {
        let line = |(class, limit): (&str, OutputLimit)| {
            let (hard, soft) = (value::with_unit(limit.hard), value::with_unit(limit.soft));
            format!("{class} {hard} {soft} {}", limit.soft_seconds)
        };
        let limits = config.client_output_buffer_limit;
        [("normal", limits.normal), ("replica", limits.replica)]
            .map(line)
            .to_vec()
    },
};

/// Redis's default, in bytes and seconds; there are no subscribers yet.
const PUBSUB: OutputLimit = OutputLimit {
    hard: 32 << 20,
    soft: 8 << 20,
    soft_seconds: 60,
};

fn set_output_limits(config: &mut Config, words: &[Vec<u8>]) -> Result<(), Invalid> {
    let mut limits = config.client_output_buffer_limit;
    for limit in words.chunks(4) {
        let [class, hard, soft, seconds] = limit else {
            return Err(Invalid(
                "Wrong number of arguments in buffer limit configuration.".to_owned(),
            ));
        };
        let limit = output_limit(hard, soft, seconds).map_err(|_| {
            Invalid(
                "Error in hard, soft or soft_seconds setting in buffer limit configuration."
                    .to_owned(),
            )
        })?;
        match class.to_ascii_lowercase().as_slice() {
            b"normal" => limits.normal = limit,
            b"replica" | b"slave" => limits.replica = limit,
            b"pubsub" if limit == PUBSUB => {}
            b"pubsub" => return Err(Invalid("there are no subscribers to limit yet".to_owned())),
            _ => {
                return Err(Invalid(
                    "Invalid client class specified in buffer limit configuration.".to_owned(),
                ));
            }
        }
    }
    config.client_output_buffer_limit = limits;
    Ok(())
}

fn output_limit(hard: &[u8], soft: &[u8], seconds: &[u8]) -> Result<OutputLimit, Invalid> {
    Ok(OutputLimit {
        hard: value::memory(hard)?,
        soft: value::memory(soft)?,
        soft_seconds: value::number(seconds, 0, i64::from(i32::MAX))?.unsigned_abs(),
    })
}

/// An IP address, or nothing.
pub(super) const SOURCE_ADDRESS: Kind = Kind::Own {
    set: |config, words| {
        config.bind_source_addr = match words {
            [] => None,
            [word] if word.is_empty() => None,
            [word] => {
                let parsed = value::text(word)?.parse();
                Some(parsed.map_err(|_| Invalid("argument must be an IP address".to_owned()))?)
            }
            _ => return Err(value::wrong_count()),
        };
        Ok(())
    },
    show: |config| source_address(config).unwrap_or_default(),
    lines: |config| vec![source_address(config).unwrap_or_else(|| "\"\"".to_owned())],
};

fn source_address(config: &Config) -> Option<String> {
    config.bind_source_addr.map(|address| address.to_string())
}
