//! End-to-end stories, one per file.
