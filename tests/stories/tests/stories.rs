//! End to end, one story a file, all in one program so that they share one build.

#[path = "stories/adopted.rs"]
mod adopted;
#[path = "stories/asleep.rs"]
mod asleep;
#[path = "stories/bad_manifests.rs"]
mod bad_manifests;
#[path = "stories/by_hand.rs"]
mod by_hand;
#[path = "stories/clients.rs"]
mod clients;
#[path = "stories/edited.rs"]
mod edited;
#[path = "stories/formed.rs"]
mod formed;
#[path = "stories/killed_master.rs"]
mod killed_master;
#[path = "stories/mixed.rs"]
mod mixed;
#[path = "stories/readme.rs"]
mod readme;
#[path = "stories/restarted_whole.rs"]
mod restarted_whole;
