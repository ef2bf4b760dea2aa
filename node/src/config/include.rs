//! The files that an `include` with wildcards stands for, as glob(3) finds them.

use std::io;
use std::path::Path;

use super::Source;
use crate::glob;

/// Whether a name stands for any number of files.
pub(super) fn has_wildcards(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

/// The files that there are, in the order of their names; none of a directory that cannot be read.
/// A wildcard stands neither for a `/` nor for the dot that a name begins with.
pub(super) fn expand(
    pattern: &str,
    read: &mut dyn FnMut(Source<'_>) -> io::Result<Vec<u8>>,
) -> Vec<String> {
    let root = if pattern.starts_with('/') { "/" } else { "" };
    let mut found = vec![root.to_owned()];
    let mut searched = false;
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        // Behind a wildcard a plain name, too, is only in some of the directories.
        searched |= has_wildcards(part);
        let mut further = Vec::new();
        for parent in &found {
            let prefix = match parent.as_str() {
                "" | "/" => parent.clone(),
                parent => format!("{parent}/"),
            };
            let names = match searched {
                true => matching(part, parent, read),
                false => vec![part.to_owned()],
            };
            further.extend(names.iter().map(|name| format!("{prefix}{name}")));
        }
        found = further;
    }
    found.sort_unstable();
    found
}

/// The names in a directory that a part of a pattern stands for.
fn matching(
    part: &str,
    directory: &str,
    read: &mut dyn FnMut(Source<'_>) -> io::Result<Vec<u8>>,
) -> Vec<String> {
    // glob(3) knows both ways to say "none of these".
    let pattern = part.replace("[!", "[^");
    let directory = if directory.is_empty() { "." } else { directory };
    let names = read(Source::Directory(Path::new(directory))).unwrap_or_default();
    let names = names.split(|byte| *byte == 0).filter(|name| {
        let hidden = name.starts_with(b".") && !part.starts_with('.');
        !name.is_empty() && !hidden && glob::matches(pattern.as_bytes(), name, false)
    });
    let names = names.filter_map(|name| String::from_utf8(name.to_vec()).ok());
    names.filter(|name| name != "." && name != "..").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_there_is_in_the_order_of_the_names() {
        let mut read = |source: Source<'_>| {
            let Source::Directory(path) = source else {
                panic!("{source:?}");
            };
            let names: &[u8] = match path.to_str().unwrap() {
                "conf.d" => b"20.conf\0.hidden.conf\x0010.conf\0readme\0\xff.conf\0",
                "." => b"a.conf\0b.conf\0conf.d\0",
                "/etc" => b"x\0y\0",
                "/etc/x" | "/etc/y" => b"redis.conf\0",
                _ => return Err(io::ErrorKind::NotFound.into()),
            };
            Ok(names.to_vec())
        };
        let mut found = |pattern: &str| expand(pattern, &mut read).join(" ");
        assert_eq!(found("conf.d/*.conf"), "conf.d/10.conf conf.d/20.conf");
        assert_eq!(found("conf.d/.*.conf"), "conf.d/.hidden.conf");
        assert_eq!(found("[!a].conf"), "b.conf");
        assert_eq!(found("[^a].conf"), "b.conf");
        assert_eq!(found("?.conf"), "a.conf b.conf");
        assert_eq!(
            found("/etc/*/redis.conf"),
            "/etc/x/redis.conf /etc/y/redis.conf"
        );
        assert_eq!(found("/etc//[xz]/*"), "/etc/x/redis.conf");
        assert_eq!(found("/etc/*/nope.conf"), "");
        assert_eq!(found("nowhere/*.conf"), "");
    }
}
