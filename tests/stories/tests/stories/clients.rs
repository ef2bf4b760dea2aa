//! Applications in other languages use the cluster with the libraries that they have, over every type.

use std::process::Command;

use slotkeeper_stories::local::{Local, PASSWORD};

#[test]
fn applications_in_other_languages_use_every_type() {
    let mut local = Local::new("clients", &[]);
    local.up();
    local.wait_until_ready();
    for language in ["python", "node", "go"] {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/clients");
        let session = Command::new("timeout")
            .args(["120", script, language])
            .args([&local.port(0).to_string(), PASSWORD])
            .output()
            .expect("timeout is part of every Linux");
        assert!(
            session.status.success(),
            "{language} (make setup installs the libraries): {}{}",
            String::from_utf8_lossy(&session.stdout),
            String::from_utf8_lossy(&session.stderr),
        );
    }
    assert_eq!(local.interrupt(), Some(0));
}
