//! Whether a live object says what is wanted of it.

use serde_json::Value;

/// Whether every field of `wanted` stands in `live` with the same value.
#[must_use]
pub fn says(live: &Value, wanted: &Value) -> bool {
    live == wanted
}
