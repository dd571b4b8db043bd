//! Watches: each kind, what fires it, and what does not.

use std::cell::Cell;
use std::time::Duration;

use futures::future::{join_all, try_join_all};
use zookeeper_client::{
    Acls, AddWatchMode, Error, EventType, LockOptions, LockPrefix, OneshotWatcher,
    PersistentWatcher, SessionState,
};

use crate::asker::*;
use crate::questions;

use EventType::{NodeChildrenChanged, NodeCreated, NodeDataChanged, NodeDeleted};

questions![
    a_data_watch_fires_for_a_change,
    a_data_watch_fires_for_a_deletion,
    an_exists_watch_sees_the_creation,
    a_failed_get_leaves_no_watch,
    a_child_watch_fires_for_creation_and_deletion,
    data_and_child_watch_both_hear_the_deletion,
    an_event_has_the_zxid_of_its_change,
    an_event_comes_before_the_reply_that_shows_it,
    a_hundred_watchers_of_one_node_all_hear,
    a_transactions_events_come_for_each_operation,
    a_persistent_watch_goes_on,
    a_recursive_watch_hears_the_whole_subtree,
    a_dropped_watch_is_removed,
    watches_hear_what_they_missed_after_a_reconnect,
    persistent_watches_are_set_anew_after_a_reconnect,
    a_thousand_watches_survive_a_reconnect,
    a_lock_is_held_by_one_at_a_time,
];

async fn watch_data(zk: &Handle, path: &str) -> Result<OneshotWatcher, Wrong> {
    Ok(zk.get_and_watch_data(path).await?.2)
}

async fn watch_stat(zk: &Handle, path: &str) -> Result<OneshotWatcher, Wrong> {
    Ok(zk.check_and_watch_stat(path).await?.1)
}

async fn watch_children(zk: &Handle, path: &str) -> Result<OneshotWatcher, Wrong> {
    Ok(zk.list_and_watch_children(path).await?.1)
}

async fn a_data_watch_fires_for_a_change(a: &Asker) -> Answer {
    let (zk, other) = a.two_clients().await?;
    zk.make("/a", "0").await?;
    let first = watch_data(&zk, "/a").await?;
    zk.put("/a", "1").await?;
    hears(first, NodeDataChanged, "/a").await?;
    let second = watch_data(&zk, "/a").await?;
    other.put("/a", "2").await?;
    hears(second, NodeDataChanged, "/a").await
}

async fn a_data_watch_fires_for_a_deletion(a: &Asker) -> Answer {
    let zk = a.client().await?;
    zk.make("/a", "").await?;
    let (mut data, stat) = (
        zk.watch("/a", AddWatchMode::Persistent).await?,
        watch_stat(&zk, "/a").await?,
    );
    let oneshot = watch_data(&zk, "/a").await?;
    zk.make("/a/child", "").await?;
    zk.set_acl("/a", &Acls::anyone_all(), None).await?;
    zk.delete("/a/child", None).await?;
    zk.delete("/a", None).await?;
    hears(oneshot, NodeDeleted, "/a").await?;
    hears(stat, NodeDeleted, "/a").await?;
    // The persistent one is there to show that nothing else was said to the others before.
    for kind in [NodeChildrenChanged, NodeChildrenChanged, NodeDeleted] {
        hears_next(&mut data, kind, "/a").await?;
    }
    Ok(())
}

async fn an_exists_watch_sees_the_creation(a: &Asker) -> Answer {
    let (zk, other) = a.two_clients().await?;
    let watcher = watch_stat(&zk, "/a").await?;
    other.make("/a", "").await?;
    hears(watcher, NodeCreated, "/a").await?;
    let watcher = watch_stat(&zk, "/a").await?;
    other.put("/a", "1").await?;
    hears(watcher, NodeDataChanged, "/a").await?;
    let watcher = watch_stat(&zk, "/a").await?;
    other.delete("/a", None).await?;
    hears(watcher, NodeDeleted, "/a").await
}

async fn a_failed_get_leaves_no_watch(a: &Asker) -> Answer {
    let (zk, other) = a.two_clients().await?;
    fails(
        Error::NoNode,
        zk.get_and_watch_data("/a"),
        "watch the data of nothing",
    )
    .await?;
    fails(
        Error::NoNode,
        zk.list_and_watch_children("/a"),
        "watch the children of nothing",
    )
    .await?;
    let marker = watch_stat(&zk, "/marker").await?;
    other.make("/a", "").await?;
    other.make("/marker", "").await?;
    hears(marker, NodeCreated, "/marker").await?;
    zk.settle().await
}

async fn a_child_watch_fires_for_creation_and_deletion(a: &Asker) -> Answer {
    let (zk, other) = a.two_clients().await?;
    let parent = other.make("/p", "").await?;
    zk.settle().await?;
    let watcher = watch_children(&zk, "/p").await?;
    other.put("/p", "not the children's business").await?;
    let child = other.make("/p/a", "").await?;
    let event = watcher.changed().await;
    same(
        (event.event_type, event.zxid),
        (NodeChildrenChanged, child.czxid),
        "the event",
    )?;
    holds(
        event.zxid > parent.czxid + 1,
        "the event is that of the parent's data",
    )?;
    let watcher = watch_children(&zk, "/p").await?;
    other.put("/p/a", "1").await?;
    other.make("/p/a/grandchild", "").await?;
    other.delete("/p/a/grandchild", None).await?;
    other.delete("/p/a", None).await?;
    let event = watcher.changed().await;
    other.settle().await?;
    let zxid = other.stat("/p").await?.pzxid;
    same(
        (event.event_type, event.zxid),
        (NodeChildrenChanged, zxid),
        "the event",
    )
}

async fn data_and_child_watch_both_hear_the_deletion(a: &Asker) -> Answer {
    let (zk, other) = a.two_clients().await?;
    other.make("/p", "").await?;
    zk.settle().await?;
    let (data, children) = (
        watch_data(&zk, "/p").await?,
        watch_children(&zk, "/p").await?,
    );
    other.delete("/p", None).await?;
    hears(data, NodeDeleted, "/p").await?;
    hears(children, NodeDeleted, "/p").await
}

async fn an_event_has_the_zxid_of_its_change(a: &Asker) -> Answer {
    let (zk, other) = a.two_clients().await?;
    let watcher = watch_stat(&zk, "/a").await?;
    let made = other.make("/a", "").await?;
    same(
        watcher.changed().await.zxid,
        made.czxid,
        "the creation's zxid",
    )?;
    let watcher = watch_data(&zk, "/a").await?;
    let changed = other.put("/a", "1").await?;
    same(
        watcher.changed().await.zxid,
        changed.mzxid,
        "the change's zxid",
    )
}

async fn an_event_comes_before_the_reply_that_shows_it(a: &Asker) -> Answer {
    let (zk, other) = a.two_clients().await?;
    other.make("/a", "0").await?;
    zk.settle().await?;
    for i in 1..=50 {
        let (text, watcher) = (i.to_string(), watch_data(&zk, "/a").await?);
        let setting = other.set_data("/a", text.as_bytes(), None);
        let reading = eventually("the new data", || async {
            Ok(zk.data("/a").await? == text)
        });
        let (set, read) = futures::join!(setting, reading);
        set?;
        read?;
        let event = futures::FutureExt::now_or_never(watcher.changed());
        holds(event.is_some(), "the new data was shown before its event")?;
    }
    Ok(())
}

async fn a_hundred_watchers_of_one_node_all_hear(a: &Asker) -> Answer {
    let clients = [
        a.client().await?,
        a.client().await?,
        a.client().await?,
        a.client().await?,
    ];
    clients[0].make("/a", "").await?;
    for zk in &clients {
        zk.settle().await?;
    }
    let watchers = try_join_all((0..100).map(|i| watch_data(&clients[i % 4], "/a"))).await?;
    clients[0].put("/a", "1").await?;
    try_join_all(
        watchers
            .into_iter()
            .map(|w| hears(w, NodeDataChanged, "/a")),
    )
    .await?;
    Ok(())
}

async fn a_transactions_events_come_for_each_operation(a: &Asker) -> Answer {
    let (zk, other) = a.two_clients().await?;
    other.make("/p", "").await?;
    other.make("/p/a", "").await?;
    zk.settle().await?;
    let changed = watch_data(&zk, "/p/a").await?;
    let created = watch_stat(&zk, "/p/b").await?;
    let children = watch_children(&zk, "/p").await?;
    let mut all = zk.watch("/p", AddWatchMode::PersistentRecursive).await?;
    let mut writer = other.new_multi_writer();
    writer.add_set_data("/p/a", b"1", None)?;
    writer.add_create("/p/b", b"", &OPEN)?;
    writer.add_delete("/p/a", None)?;
    writer.commit().await.map_err(Error::from)?;
    hears(changed, NodeDataChanged, "/p/a").await?;
    hears(created, NodeCreated, "/p/b").await?;
    hears(children, NodeChildrenChanged, "/p").await?;
    hears_next(&mut all, NodeDataChanged, "/p/a").await?;
    hears_next(&mut all, NodeCreated, "/p/b").await?;
    hears_next(&mut all, NodeDeleted, "/p/a").await
}

/// What a persistent watch of /p hears of what is done here, in order.
async fn do_and_hear(zk: &Handle, watcher: &mut PersistentWatcher) -> Answer {
    zk.make("/p", "").await?;
    zk.put("/p", "1").await?;
    zk.make("/p/a", "").await?;
    zk.put("/p/a", "1").await?;
    zk.delete("/p/a", None).await?;
    zk.delete("/p", None).await?;
    hears_next(watcher, NodeCreated, "/p").await?;
    hears_next(watcher, NodeDataChanged, "/p").await?;
    hears_next(watcher, NodeChildrenChanged, "/p").await?;
    hears_next(watcher, NodeChildrenChanged, "/p").await?;
    hears_next(watcher, NodeDeleted, "/p").await
}

async fn a_persistent_watch_goes_on(a: &Asker) -> Answer {
    let (zk, other) = a.two_clients().await?;
    let mut watcher = zk.watch("/p", AddWatchMode::Persistent).await?;
    for _ in 0..3 {
        do_and_hear(&other, &mut watcher).await?;
    }
    zk.settle().await?;
    silent(watcher.changed(), "the persistent watch").await
}

async fn a_recursive_watch_hears_the_whole_subtree(a: &Asker) -> Answer {
    let (zk, other) = a.two_clients().await?;
    let mut watcher = zk.watch("/p", AddWatchMode::PersistentRecursive).await?;
    for path in ["/p", "/p/a", "/p/a/b", "/pp"] {
        other.make(path, "").await?;
    }
    other.put("/p/a/b", "1").await?;
    other.delete("/p/a/b", None).await?;
    for (kind, path) in [
        (NodeCreated, "/p"),
        (NodeCreated, "/p/a"),
        (NodeCreated, "/p/a/b"),
        (NodeDataChanged, "/p/a/b"),
        (NodeDeleted, "/p/a/b"),
    ] {
        hears_next(&mut watcher, kind, path).await?;
    }
    zk.settle().await?;
    silent(watcher.changed(), "the recursive watch").await
}

async fn a_dropped_watch_is_removed(a: &Asker) -> Answer {
    let (zk, other) = a.two_clients().await?;
    zk.make("/a", "").await?;
    let kept = watch_children(&zk, "/a").await?;
    drop(watch_data(&zk, "/a").await?);
    drop(zk.watch("/a", AddWatchMode::PersistentRecursive).await?);
    zk.settle().await?;
    other.settle().await?;
    let before = zk.stat("/a").await?;
    other.put("/a", "1").await?;
    let child = other.make("/a/b", "").await?;
    let event = kept.changed().await;
    same(
        (event.event_type, event.zxid),
        (NodeChildrenChanged, child.czxid),
        "the event",
    )?;
    holds(before.mzxid < child.czxid, "the order")
}

async fn watches_hear_what_they_missed_after_a_reconnect(a: &Asker) -> Answer {
    let (relay, zk) = a.relayed().await?;
    let other = a.client().await?;
    for path in ["/changed", "/deleted", "/parent", "/quiet"] {
        other.make(path, "").await?;
    }
    zk.settle().await?;
    let (changed, deleted) = (
        watch_data(&zk, "/changed").await?,
        watch_data(&zk, "/deleted").await?,
    );
    let (created, parent) = (
        watch_stat(&zk, "/created").await?,
        watch_children(&zk, "/parent").await?,
    );
    let (quiet, never) = (
        watch_data(&zk, "/quiet").await?,
        watch_stat(&zk, "/never").await?,
    );
    relay.refuse();
    other.put("/changed", "1").await?;
    other.delete("/deleted", None).await?;
    other.make("/created", "").await?;
    other.make("/parent/child", "").await?;
    relay.accept();
    hears(changed, NodeDataChanged, "/changed").await?;
    hears(deleted, NodeDeleted, "/deleted").await?;
    hears(created, NodeCreated, "/created").await?;
    hears(parent, NodeChildrenChanged, "/parent").await?;
    let set = other.put("/quiet", "1").await?;
    let made = other.make("/never", "").await?;
    same(quiet.changed().await.zxid, set.mzxid, "the first change")?;
    same(never.changed().await.zxid, made.czxid, "the creation")
}

/// This version of the client never sends what would set them anew by itself, so its user does.
async fn persistent_watches_are_set_anew_after_a_reconnect(a: &Asker) -> Answer {
    let (relay, zk) = a.relayed().await?;
    let other = a.client().await?;
    for i in 0..3 {
        let mut one = zk.watch("/p", AddWatchMode::Persistent).await?;
        let mut all = zk.watch("/", AddWatchMode::PersistentRecursive).await?;
        do_and_hear(&other, &mut one).await?;
        for (kind, path) in [
            (NodeCreated, "/p"),
            (NodeDataChanged, "/p"),
            (NodeCreated, "/p/a"),
            (NodeDataChanged, "/p/a"),
            (NodeDeleted, "/p/a"),
            (NodeDeleted, "/p"),
        ] {
            hears_next(&mut all, kind, path).await?;
        }
        relay.cut();
        insist(|| zk.sync("/")).await?;
        same(relay.linked(), 2 + i, "how many connections there were")?;
        for state in [SessionState::Disconnected, SessionState::SyncConnected] {
            let event = one.changed().await;
            same(
                (event.event_type, event.session_state),
                (EventType::Session, state),
                "what it is told",
            )?;
        }
    }
    Ok(())
}

async fn a_thousand_watches_survive_a_reconnect(a: &Asker) -> Answer {
    let (relay, zk) = a.relayed().await?;
    let other = a.client().await?;
    let path = |i| format!("/a-name-that-fills-some-room-{i}");
    let watching = (0..1000).map(|i| {
        let (zk, path) = (&zk, path(i));
        async move { watch_stat(zk, &path).await }
    });
    let mut watchers = try_join_all(watching).await?;
    relay.refuse();
    other.make(&path(0), "").await?;
    relay.accept();
    hears(watchers.remove(0), NodeCreated, &path(0)).await?;
    other.make(&path(999), "").await?;
    hears(watchers.remove(998), NodeCreated, &path(999)).await?;
    zk.settle().await?;
    let heard = watchers
        .into_iter()
        .filter_map(|w| futures::FutureExt::now_or_never(w.changed()));
    same(heard.count(), 0, "how many others heard something")
}

async fn a_lock_is_held_by_one_at_a_time(a: &Asker) -> Answer {
    let clients = [a.client().await?, a.client().await?, a.client().await?];
    let (held, turns) = (Cell::new(false), Cell::new(0));
    let parent = LockOptions::new(Acls::anyone_all()).with_ancestor_options(OPEN)?;
    let runs = clients.iter().map(|zk| {
        let (held, turns, parent) = (&held, &turns, &parent);
        async move {
            for _ in 0..10 {
                let prefix = LockPrefix::new_curator("/locks", "")?;
                let lock = zk.lock(prefix, b"", parent.clone()).await?;
                holds(!held.replace(true), "two hold the lock")?;
                tokio::time::sleep(Duration::from_millis(1)).await;
                held.set(false);
                turns.set(turns.get() + 1);
                drop(lock);
            }
            Ok::<(), Wrong>(())
        }
    });
    for result in join_all(runs).await {
        result?;
    }
    same(turns.get(), 30, "how often it was held")
}
