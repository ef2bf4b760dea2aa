//! The differences to Redis 7.0 that are meant, each with its reason.

use crate::Request;

/// Replies that may differ.
struct Known {
    /// The command, in lower case; empty for any.
    command: &'static str,
    /// Why they differ.
    #[expect(dead_code, reason = "for those who read this list")]
    reason: &'static str,
    /// Whether these two replies differ for that reason.
    holds: fn(&Request, ours: &str, theirs: &str) -> bool,
}

const KNOWN: &[Known] = &[
    Known {
        command: "",
        reason: "7.2 looks whether a timeout is too long before it makes a number of it",
        holds: |_, ours, theirs| {
            ours == "-ERR timeout is out of range" && theirs == "-ERR timeout is negative"
        },
    },
    Known {
        command: "lpos",
        reason: "7.2 refuses the least RANK, which has no opposite",
        holds: |request, ours, _| {
            let least = b"-9223372036854775808";
            request.iter().any(|word| word == least)
                && ours.starts_with("-ERR value is out of range")
        },
    },
    Known {
        command: "bitcount",
        reason: "7.2 reads the range before it looks for the key",
        holds: |_, ours, theirs| {
            ours.starts_with("-ERR") && (theirs == ":0" || theirs.starts_with("-WRONGTYPE"))
        },
    },
    Known {
        command: "bitpos",
        reason: "7.2 reads the range before it looks for the key",
        holds: |_, ours, theirs| {
            let found = [":0", ":-1"].contains(&theirs);
            ours.starts_with("-ERR") && (found || theirs.starts_with("-WRONGTYPE"))
        },
    },
    Known {
        command: "xread",
        reason: "7.2 quotes the name of the command, and says what an ID may be",
        holds: |_, ours, theirs| {
            [ours, theirs]
                .iter()
                .all(|reply| reply.contains(" list of streams"))
        },
    },
    Known {
        command: "xreadgroup",
        reason: "7.2 quotes the name of the command, and says what an ID may be",
        holds: |_, ours, theirs| {
            [ours, theirs]
                .iter()
                .all(|reply| reply.contains(" list of streams"))
        },
    },
    Known {
        command: "zrank",
        reason: "WITHSCORE is of 7.2",
        holds: |request, _, theirs| has_one_more(request, theirs),
    },
    Known {
        command: "zrevrank",
        reason: "WITHSCORE is of 7.2",
        holds: |request, _, theirs| has_one_more(request, theirs),
    },
];

/// Whether a request is one that 7.0 refuses at once: in a transaction, EXEC would fail.
pub fn is_newer(request: &Request) -> bool {
    let name = request[0].to_ascii_lowercase();
    request.len() >= 4 && [&b"zrank"[..], b"zrevrank"].contains(&&name[..])
}

/// Whether 7.0 refuses words that 7.2 takes or looks at itself.
fn has_one_more(request: &Request, theirs: &str) -> bool {
    is_newer(request) && theirs.starts_with("-ERR wrong number of arguments")
}

/// Encodings that may differ: type, ours, theirs.
const ENCODINGS: [(&str, &str, &str, &str); 4] = [
    (
        "string",
        "int",
        "embstr",
        "a whole number by INCRBYFLOAT is an int at once, not only when loaded",
    ),
    (
        "list",
        "listpack",
        "quicklist",
        "7.2 has a small list in a listpack",
    ),
    (
        "set",
        "listpack",
        "hashtable",
        "7.2 has a small set in a listpack",
    ),
    (
        "set",
        "listpack",
        "intset",
        "7.2 keeps a set in a listpack until it is loaded",
    ),
];

/// Whether the difference of two replies is known.
pub fn is_known(request: &Request, ours: &str, theirs: &str) -> bool {
    let name = String::from_utf8_lossy(&request[0]).to_ascii_lowercase();
    let mut known = KNOWN
        .iter()
        .filter(|known| [&name, ""].contains(&known.command));
    known.any(|known| (known.holds)(request, ours, theirs))
}

/// Whether a key, of whatever type, may be encoded in one way here and in another one there.
pub fn may_be_encoded_here_and_there(ours: &str, theirs: &str) -> bool {
    let (ours, theirs) = (ours.trim_matches('"'), theirs.trim_matches('"'));
    let mut types = ENCODINGS.iter().map(|(of, ..)| *of);
    ours == theirs || types.any(|of| may_be_encoded(of, ours, theirs))
}

/// Whether a key of that type may be encoded in one way here and in another one there.
pub fn may_be_encoded(type_name: &str, ours: &str, theirs: &str) -> bool {
    ours == theirs
        || (ENCODINGS.iter())
            .any(|(of, here, there, _)| (*of, *here, *there) == (type_name, ours, theirs))
}
