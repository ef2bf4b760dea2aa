use super::{Loss, Seen, Vote};
