//! How much resident memory grows while a value is saved and written to.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Options;
use crate::bounds::Verdicts;
use crate::load::{self, Workload};
use crate::rows::Collection;
use crate::server::{Program, Server};

/// A save that takes longer fails the run.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often resident memory is looked at.
const INTERVAL: Duration = Duration::from_millis(5);
const PIPELINE: u32 = 16;

/// BGSAVE of one big value, under a full load of random writes to it.
pub fn measure(
    options: &Options,
    collection: &Collection,
    verdicts: &mut Verdicts,
) -> Result<(), String> {
    let saved = &collection.saved;
    let server = Server::start(&options.node, Program::Node, options.port)?;
    load::fill(server.port(), &saved.fill)?;
    let before = server.rss_bytes()?;
    let workload = Workload {
        name: saved.fill.name.to_owned(),
        words: saved.change.words(1),
        pipeline: PIPELINE,
        // It is ended with the save. redis-benchmark takes 31 bits.
        requests: 1_000_000_000,
        range: saved.fill.elements,
    };
    let mut load = load::start(&server, &workload)?;
    sleep(Duration::from_secs(1));
    let writes = || count(&server, "total_commands_processed:");
    let (start, writes_before) = (Instant::now(), writes()?);
    server.ask("BGSAVE\r\n")?;
    let mut peak = before;
    while count(&server, "rdb_saves:")? == 0 {
        peak = peak.max(server.rss_bytes()?);
        if start.elapsed() > PATIENCE {
            return Err("a snapshot does not end".to_owned());
        }
        sleep(INTERVAL);
    }
    let (took, written) = (start.elapsed().as_secs_f64(), writes()? - writes_before);
    // It has nothing that is worth a slow end.
    let _ = load.kill();
    let _ = load.wait();
    println!(
        "\nBGSAVE of a {}: {:.0} MB, {took:.1} s, {:.0} writes a second meanwhile",
        saved.fill.name,
        before as f64 / 1e6,
        written as f64 / took
    );
    let growth = (peak - before) as f64 / before as f64;
    verdicts.judge("growth of resident memory", growth, saved.bound);
    Ok(())
}

/// A number of INFO.
fn count(server: &Server, name: &str) -> Result<u64, String> {
    let info = server.ask("INFO everything\r\n")?;
    load::number_after(&info, name)
        .map(|number| number as u64)
        .ok_or_else(|| format!("no {name} in INFO"))
}
