//! Expiry and use of keys.

use super::*;

#[test]
fn an_expired_key_is_deleted_hidden_or_kept() {
    let mut data = partition(Layout::Databases(2));
    for (mode, found, left) in [
        (ExpiryPolicy::Keep, true, 1),
        (ExpiryPolicy::Hide, false, 1),
        (ExpiryPolicy::Delete, false, 0),
    ] {
        data.begin(at(100), true);
        data.set_expiry_policy(mode);
        data.set(1, &data.key(b"k"), b"v", Expire::At(200));
        data.begin(at(200), true);
        let key = data.key(b"k");
        assert_eq!(data.get(1, &key).is_some(), found, "{mode:?}");
        assert_eq!(data.peek(1, &key).is_some(), found, "{mode:?}");
        assert_eq!(data.len(1), left, "{mode:?}");
    }
    let gone = Expired {
        db: 1,
        key: b"k".to_vec(),
        fields: Vec::new(),
    };
    assert_eq!(data.take_expired(), [gone]);
    assert!(data.take_expired().is_empty());
    let stats = data.stats();
    assert_eq!((stats.hits, stats.misses, stats.expired), (1, 2, 1));
    data.reset_stats();
    assert_eq!(
        data.stats().hits + data.stats().misses + data.stats().expired,
        0
    );
}

#[test]
fn writing_over_an_expired_key_starts_anew() {
    for mode in [ExpiryPolicy::Delete, ExpiryPolicy::Hide] {
        let mut data = partition(Layout::Cluster);
        data.set_expiry_policy(mode);
        data.begin(at(100), true);
        data.set(0, &data.key(b"k"), b"old", Expire::At(150));
        data.begin(at(150), true);
        assert_eq!(data.append(0, &data.key(b"k"), b"new"), 3);
        let entry = data.get(0, &data.key(b"k")).unwrap();
        assert_eq!((entry.as_str(), entry.expire_at()), (Ok(&b"new"[..]), None));
        assert_eq!(
            data.take_expired().len(),
            usize::from(mode == ExpiryPolicy::Delete)
        );
    }
}

#[test]
fn encodings_follow_the_history_of_a_string() {
    let mut data = partition(Layout::Cluster);
    let mut encoding = |change: &dyn Fn(&mut Partition, &Key<'_>)| {
        let key = data.key(b"k");
        change(&mut data, &key);
        data.peek(0, &key).unwrap().encoding()
    };
    let set = |value: &'static [u8]| {
        move |data: &mut Partition, key: &Key<'_>| data.set(0, key, value, Expire::Never)
    };
    assert_eq!(encoding(&set(b"12")), "int");
    assert_eq!(
        encoding(&|d, k| {
            d.append(0, k, b"3");
        }),
        "raw"
    );
    assert_eq!(
        encoding(&|d, k| {
            d.set_expire(0, k, Some(i64::MAX));
        }),
        "raw"
    );
    assert_eq!(encoding(&set(&[b'x'; 44])), "embstr");
    assert_eq!(encoding(&set(&[b'x'; 45])), "raw");
    assert_eq!(
        encoding(&|d, k| assert!(d.remove(0, k) && d.append(0, k, b"7") > 0)),
        "int"
    );
}

#[test]
fn idle_time_counts_from_the_last_touch() {
    let mut data = partition(Layout::Cluster);
    data.begin(at(0), true);
    data.set(0, &data.key(b"k"), b"v", Expire::Never);
    data.begin(at(60_000), false);
    let idle = |data: &mut Partition, ms| data.peek(0, &data.key(b"k")).unwrap().idle_secs(at(ms));
    data.get(0, &data.key(b"k"));
    assert_eq!(idle(&mut data, 60_000), 60);
    data.begin(at(70_000), true);
    data.get(0, &data.key(b"k"));
    assert_eq!(idle(&mut data, 75_000), 5);
}

#[test]
fn watchers_see_changes_but_not_the_removal_of_what_had_expired() {
    let mut data = partition(Layout::Databases(2));
    data.begin(at(100), true);
    let key = data.key(b"k");
    let changed = |data: &mut Partition, change: &dyn Fn(&mut Partition)| {
        let watched = data.watch(0, &key);
        change(data);
        data.drain_changes();
        let changed = data.watched_changed(&watched);
        data.unwatch(&watched);
        changed
    };
    assert!(!changed(&mut data, &|d| d.set(
        1,
        &key,
        b"v",
        Expire::Never
    )));
    assert!(
        !changed(&mut data, &|d| assert_eq!(d.flush(Some(0)), 0)),
        "nothing was there"
    );
    assert!(changed(&mut data, &|d| d.set(
        0,
        &key,
        b"v",
        Expire::At(200)
    )));
    assert!(!changed(&mut data, &|d| assert!(d.get(0, &key).is_some())));
    assert!(changed(&mut data, &|d| assert!(d.flush(None) > 0)));
    data.set(0, &key, b"v", Expire::At(200));
    data.drain_changes();
    assert!(
        changed(&mut data, &|d| d.begin(at(200), true)),
        "it expires"
    );
    assert!(
        !changed(&mut data, &|d| assert!(d.get(0, &key).is_none())),
        "it had expired"
    );
    assert!(changed(&mut data, &|d| d.set(0, &key, b"v", Expire::Never)));
    data.set(0, &key, b"v", Expire::At(150));
    assert!(
        changed(&mut data, &|d| d.set(0, &key, b"v", Expire::Never)),
        "and is set again"
    );
}

#[test]
fn active_expiry_finds_everything_in_bounded_steps() {
    for layout in [Layout::Cluster, Layout::Databases(16)] {
        let mut data = partition(layout);
        data.begin(at(1), true);
        for number in 0..5000 {
            let name = name(number);
            let ms = 10 + number as i64 % 4;
            data.set(data.databases() / 2, &data.key(&name), b"", Expire::At(ms));
        }
        assert_eq!(data.avg_ttl(data.databases() / 2), 10);
        let (mut removed, mut calls) = (0, 0);
        while removed < 2500 {
            let count = data.expire_cycle(at(11), 100);
            assert!(count <= 100);
            removed += count;
            calls += 1;
            assert!(calls < 100, "{removed} removed");
        }
        assert_eq!(data.expire_cycle(at(11), 100), 0);
        assert_eq!(data.take_expired().len(), 2500);
        assert_eq!(data.expires(data.databases() / 2), 2500);
    }
}

#[test]
fn a_million_small_operations_leave_nothing_behind() {
    let mut data = Partition::new(Layout::Cluster, [1, 2]);
    fill(&mut data, 0, 20_000);
    assert_eq!(data.len(0), 20_000);
    for number in 0..20_000 {
        let name = name(number);
        assert!(data.remove(0, &data.key(&name)));
    }
    assert_eq!(data.stats().memory, 0);
}
