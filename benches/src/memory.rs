//! How much resident memory values take.

use crate::load;
use crate::rows::Fill;
use crate::server::Server;

/// Fills both servers. Returns, of what comes after that which has to be there first, by how many bytes the memory of ours and of the other one has grown,
/// for each key if there are several, else for each element.
pub fn measure(ours: &Server, theirs: &Server, fill: &Fill) -> Result<[f64; 2], String> {
    let count = f64::from(if fill.keys > 1 {
        fill.keys
    } else {
        fill.elements
    });
    let mut grown = [0.0; 2];
    for (server, grown) in [ours, theirs].into_iter().zip(&mut grown) {
        if let Some(before) = fill.before {
            load::fill(server.port(), before)?;
        }
        let before = server.rss_bytes()?;
        load::fill_alone(server.port(), fill)?;
        *grown = server.rss_bytes()?.saturating_sub(before) as f64 / count;
    }
    Ok(grown)
}
