//! End to end, one story a file, all in one program so that they share one build.

#[path = "stories/by_hand.rs"]
mod by_hand;
#[path = "stories/mixed.rs"]
mod mixed;
