//! The tables that `slotkeeper local` prints.

use std::fmt::Write as _;

use slotkeeper_crds::{MemberStatus, RedisClusterStatus, Role};

/// The shards and their nodes, one line each.
pub fn shards(status: &RedisClusterStatus) -> String {
    let mut rows = vec![["SHARD", "SLOTS", "NODE", "ADDRESS", "ROLE", "LINK"].map(str::to_owned)];
    for shard in &status.shards {
        let mut names = [shard.name.clone(), shard.slots.clone()];
        for member in shard.master.iter().chain(&shard.replicas) {
            let [name, slots] = std::mem::take(&mut names);
            rows.push(row(name, slots, member));
        }
        if names != [String::new(), String::new()] {
            let [name, slots] = names;
            rows.push([name, slots, "-".into(), "-".into(), "-".into(), "-".into()]);
        }
    }
    aligned(&rows)
}

fn row(shard: String, slots: String, member: &MemberStatus) -> [String; 6] {
    let role = match member.role {
        Role::Master => "master",
        Role::Replica => "replica",
        Role::Unknown => "unknown",
    };
    [
        shard,
        slots,
        member.pod.clone(),
        member.address.clone().unwrap_or_default(),
        role.to_owned(),
        member.link.clone().unwrap_or_default(),
    ]
}

fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N)
        .map(|column| width(column).unwrap_or_default())
        .collect();
    let lines = rows.iter().map(|row| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    });
    lines.collect()
}

/// The numbers of a cluster in one line.
pub fn summary(status: &RedisClusterStatus) -> String {
    let masters = status
        .shards
        .iter()
        .filter(|shard| shard.master.is_some())
        .count();
    let members = status.shards.iter().flat_map(|shard| &shard.replicas);
    let replicas = members
        .filter(|member| member.role == Role::Replica)
        .count();
    let slots = status.slots_covered;
    let [masters, replicas, slots] = [
        counted(masters, "master"),
        counted(replicas, "replica"),
        counted(usize::from(slots), "slot"),
    ];
    format!("{masters}, {replicas}, {slots}")
}

/// A number with what it counts, in the singular or the plural.
fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// The conditions, one line each.
pub fn conditions(status: &RedisClusterStatus) -> String {
    let mut text = String::new();
    for condition in &status.conditions {
        let state = format!("{}={}", condition.type_, condition.status);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{state:<27}  {}: {}",
            condition.reason, condition.message
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use slotkeeper_crds::ShardStatus;

    use super::*;

    fn member(pod: &str, role: Role) -> MemberStatus {
        MemberStatus {
            pod: pod.to_owned(),
            address: Some("127.0.0.1:6379".to_owned()),
            role,
            ..MemberStatus::default()
        }
    }

    #[test]
    fn shows_a_shard_without_a_master_and_one_with() {
        let full = ShardStatus {
            name: "tour-0".to_owned(),
            slots: "0-16383".to_owned(),
            master: Some(member("tour-0-0", Role::Master)),
            replicas: vec![member("tour-0-1", Role::Replica)],
        };
        let empty = ShardStatus {
            name: "tour-1".to_owned(),
            ..ShardStatus::default()
        };
        let status = RedisClusterStatus {
            shards: vec![full, empty],
            slots_covered: 16384,
            ..RedisClusterStatus::default()
        };
        let table = shards(&status);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[1],
            "tour-0  0-16383  tour-0-0  127.0.0.1:6379  master"
        );
        assert_eq!(
            lines[2],
            "                 tour-0-1  127.0.0.1:6379  replica"
        );
        assert_eq!(
            lines[3],
            "tour-1           -         -               -        -"
        );
        assert_eq!(summary(&status), "1 master, 1 replica, 16384 slots");
    }
}
