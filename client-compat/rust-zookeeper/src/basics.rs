//! Connecting, reading and writing, sequences, ephemerals, kinds of nodes, transactions.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use futures::future::join_all;
use zookeeper_client::{
    Acls, CheckWriteError, CreateMode, EnsembleUpdate, Error, MultiReadResult, MultiWriteError,
    MultiWriteResult,
};

use crate::asker::*;
use crate::questions;

questions![
    a_client_connects,
    a_session_timeout_is_negotiated,
    a_dead_server_in_the_list_is_skipped,
    a_list_of_dead_servers_fails,
    a_read_only_client_gets_a_full_server,
    a_node_is_created_read_set_and_deleted,
    children_show_in_the_parents_stat,
    wrong_requests_get_their_errors,
    data_of_any_kind_comes_back,
    pipelined_requests_are_answered_in_order,
    sync_brings_another_clients_write,
    sequence_numbers_never_come_back,
    two_clients_never_get_the_same_number,
    an_ephemeral_ends_with_its_session,
    ephemerals_are_listed_and_descendants_counted,
    a_container_goes_when_its_last_child_goes,
    a_ttl_node_goes_after_its_time,
    a_transaction_happens_as_a_whole,
    a_failing_transaction_does_nothing,
    a_checked_write_is_refused_by_its_check,
    a_multi_read_shows_one_moment,
    the_config_node_can_be_read,
    a_reconfig_is_refused_as_disabled,
];

async fn a_client_connects(a: &Asker) -> Answer {
    let zk = a.client().await?;
    holds(zk.session_id().0 != 0, "a session id of 0")?;
    holds(!zk.session().is_readonly(), "a read-only session")?;
    same(zk.session_timeout(), Duration::from_secs(20), "the timeout")
}

async fn a_session_timeout_is_negotiated(a: &Asker) -> Answer {
    for (asked, expected) in [(500_000, 60_000), (15_000, 15_000), (10, 1_000)] {
        let with = Asker::connector().with_session_timeout(Duration::from_millis(asked));
        let zk = a.client_with(with, &a.connect).await?;
        same(
            zk.session_timeout(),
            Duration::from_millis(expected),
            "the timeout",
        )?;
    }
    Ok(())
}

async fn a_dead_server_in_the_list_is_skipped(a: &Asker) -> Answer {
    for i in 0..3 {
        let servers = format!("{},{}", dead_address()?, a.connect); // The client shuffles it.
        let zk = a.client_with(Asker::connector(), &servers).await?;
        zk.make(&format!("/a{i}"), "").await?;
    }
    Ok(())
}

async fn a_list_of_dead_servers_fails(_: &Asker) -> Answer {
    let with = Asker::connector().with_fail_eagerly();
    match with.connect(&dead_address()?).await {
        Err(error) => same(error, Error::NoHosts, "the error"),
        Ok(_) => Err(Wrong("connected to nobody".to_owned())),
    }
}

async fn a_read_only_client_gets_a_full_server(a: &Asker) -> Answer {
    let zk = a
        .client_with(Asker::connector().with_readonly(true), &a.connect)
        .await?;
    holds(!zk.session().is_readonly(), "a read-only session")?;
    zk.make("/a", "").await.map(|_| ())
}

async fn a_node_is_created_read_set_and_deleted(a: &Asker) -> Answer {
    let zk = a.client().await?;
    holds(!zk.is_there("/a").await?, "a node before its creation")?;
    let made = zk.make("/a", "one").await?;
    let (data, stat) = zk.get_data("/a").await?;
    same(data.as_slice(), b"one", "the data")?;
    same(stat, made, "the stat of create")?;
    same(
        (stat.version, stat.cversion, stat.aversion),
        (0, 0, 0),
        "the versions",
    )?;
    same(
        (stat.data_length, stat.num_children, stat.ephemeral_owner),
        (3, 0, 0),
        "the stat",
    )?;
    same(
        (stat.mzxid, stat.pzxid, stat.mtime),
        (stat.czxid, stat.czxid, stat.ctime),
        "times",
    )?;
    let changed = zk.set_data("/a", b"three", Some(0)).await?;
    same(
        (changed.version, changed.data_length),
        (1, 5),
        "the stat after a set",
    )?;
    holds(
        changed.mzxid > stat.mzxid && changed.pzxid == stat.pzxid,
        "zxids after a set",
    )?;
    same(zk.stat("/a").await?, changed, "the stat of exists")?;
    same(
        zk.data("/a").await?.as_str(),
        "three",
        "the data after a set",
    )?;
    zk.delete("/a", Some(1)).await?;
    holds(!zk.is_there("/a").await?, "a node after its deletion")
}

async fn children_show_in_the_parents_stat(a: &Asker) -> Answer {
    let zk = a.client().await?;
    for path in ["/p", "/p/a", "/p/b"] {
        zk.make(path, "").await?;
    }
    let (mut names, stat) = zk.get_children("/p").await?;
    names.sort();
    same(names, vec!["a".to_owned(), "b".to_owned()], "the children")?;
    let mut listed = zk.list_children("/p").await?;
    listed.sort();
    same(
        listed,
        vec!["a".to_owned(), "b".to_owned()],
        "the children without a stat",
    )?;
    same(
        (stat.num_children, stat.cversion, stat.version),
        (2, 2, 0),
        "the parent's stat",
    )?;
    zk.make("/p/a/deep", "").await?;
    same(zk.stat("/p").await?, stat, "the stat after a grandchild")?;
    zk.delete("/p/b", None).await?;
    let after = zk.stat("/p").await?;
    same(
        (after.num_children, after.cversion),
        (1, 3),
        "the stat after a child's end",
    )?;
    holds(
        after.pzxid > stat.pzxid && after.mzxid == stat.mzxid,
        "zxids after a child's end",
    )
}

async fn wrong_requests_get_their_errors(a: &Asker) -> Answer {
    let zk = a.client().await?;
    zk.make("/a", "").await?;
    zk.make("/a/b", "").await?;
    fails(
        Error::NodeExists,
        zk.create("/a", b"", &OPEN),
        "create what exists",
    )
    .await?;
    fails(
        Error::NoNode,
        zk.create("/x/y", b"", &OPEN),
        "create below nothing",
    )
    .await?;
    fails(Error::NoNode, zk.get_data("/x"), "get nothing").await?;
    fails(Error::NoNode, zk.set_data("/x", b"", None), "set nothing").await?;
    fails(Error::NoNode, zk.list_children("/x"), "children of nothing").await?;
    fails(Error::NoNode, zk.get_acl("/x"), "the ACL of nothing").await?;
    fails(Error::NoNode, zk.delete("/x", None), "delete nothing").await?;
    fails(
        Error::BadVersion,
        zk.delete("/a", Some(7)),
        "delete another version",
    )
    .await?;
    fails(Error::NotEmpty, zk.delete("/a", None), "delete a parent").await?;
    fails(
        Error::BadVersion,
        zk.set_data("/a", b"", Some(1)),
        "set another version",
    )
    .await?;
    zk.delete("/a/b", Some(0)).await?;
    zk.set_data("/a", b"", Some(0)).await?;
    Ok(())
}

async fn data_of_any_kind_comes_back(a: &Asker) -> Answer {
    let zk = a.client().await?;
    let every_byte: Vec<u8> = (0..=255).collect();
    for (path, data) in [
        ("/bytes", every_byte.clone()),
        ("/empty", Vec::new()),
        ("/large", every_byte.repeat(3900)),
        ("/f\u{fc}nf-\u{4e94}", b"5".to_vec()),
    ] {
        zk.create(path, &data, &OPEN).await?;
        let (got, stat) = zk.get_data(path).await?;
        holds(got == data, &format!("{path} came back changed"))?;
        same(stat.data_length as usize, data.len(), "the length")?;
    }
    let names = zk.list_children("/").await?;
    holds(
        names.contains(&"f\u{fc}nf-\u{4e94}".to_owned()),
        "the name in the parent's list",
    )
}

async fn pipelined_requests_are_answered_in_order(a: &Asker) -> Answer {
    let zk = a.client().await?;
    let answered = RefCell::new(Vec::new());
    let paths: Vec<String> = (0..500).map(|i| format!("/n{i:03}")).collect();
    let requests = paths.iter().enumerate().map(|(i, path)| {
        // The requests are sent here, before any of them is waited for.
        let create = zk.create(path, path.as_bytes(), &OPEN);
        let read = zk.get_data(path);
        let answered = &answered;
        async move {
            create.await?;
            let (data, _) = read.await?;
            answered.borrow_mut().push(i);
            same(data.as_slice(), path.as_bytes(), "the data")
        }
    });
    for result in join_all(requests.collect::<Vec<_>>()).await {
        result?;
    }
    same(
        answered.take(),
        (0..500).collect(),
        "the order of the replies",
    )?;
    same(
        zk.list_children("/").await?.len(),
        500,
        "how many nodes there are",
    )
}

async fn sync_brings_another_clients_write(a: &Asker) -> Answer {
    let (one, two) = a.two_clients().await?;
    one.make("/a", "").await?;
    for i in 0..20 {
        one.put("/a", &i.to_string()).await?;
        two.settle().await?;
        same(
            two.data("/a").await?,
            i.to_string(),
            "the data after a sync",
        )?;
    }
    Ok(())
}

async fn sequence_numbers_never_come_back(a: &Asker) -> Answer {
    let zk = a.client().await?;
    zk.make("/s", "").await?;
    let first = zk.create("/s/n-", b"", &SEQUENTIAL).await?.1;
    same(first.to_string().as_str(), "0000000000", "the first")?;
    let number = zk.create("/s/n-", b"", &EPHEMERAL_SEQUENTIAL).await?.1;
    same(number.into_i64(), 1, "an ephemeral")?;
    zk.make("/s/plain", "").await?;
    same(
        zk.create("/s/m-", b"", &SEQUENTIAL).await?.1.into_i64(),
        3,
        "another prefix",
    )?;
    zk.delete("/s/m-0000000003", None).await?;
    same(
        zk.create("/s/", b"", &SEQUENTIAL).await?.1.into_i64(),
        4,
        "after a deletion",
    )?;
    fails(
        Error::NodeExists,
        zk.create("/s/plain", b"", &OPEN),
        "create what exists",
    )
    .await?;
    same(
        zk.create("/s/n-", b"", &SEQUENTIAL).await?.1.into_i64(),
        5,
        "after a failure",
    )
}

async fn two_clients_never_get_the_same_number(a: &Asker) -> Answer {
    let clients = [
        a.client().await?,
        a.client().await?,
        a.client().await?,
        a.client().await?,
    ];
    clients[0].make("/s", "").await?;
    for zk in &clients {
        zk.settle().await?;
    }
    let creates = (0..200).map(|i| clients[i % 4].create("/s/n-", b"", &SEQUENTIAL));
    let mut numbers = Vec::new();
    for result in join_all(creates.collect::<Vec<_>>()).await {
        numbers.push(result?.1.into_i64());
    }
    numbers.sort();
    same(numbers, (0..200).collect(), "the numbers of all")
}

async fn an_ephemeral_ends_with_its_session(a: &Asker) -> Answer {
    let (owner, other) = a.two_clients().await?;
    owner.create("/e", b"", &EPHEMERAL).await?;
    other.settle().await?;
    same(
        other.stat("/e").await?.ephemeral_owner,
        owner.session_id().0,
        "the owner",
    )?;
    let child = other.create("/e/child", b"", &OPEN);
    fails(
        Error::NoChildrenForEphemerals,
        child,
        "a child of an ephemeral",
    )
    .await?;
    owner.close();
    eventually("the ephemeral's end", || async {
        other.settle().await?;
        Ok(!other.is_there("/e").await?)
    })
    .await
}

async fn ephemerals_are_listed_and_descendants_counted(a: &Asker) -> Answer {
    let (owner, other) = a.two_clients().await?;
    owner.make("/p", "").await?;
    owner.create("/p/e", b"", &EPHEMERAL).await?;
    owner.create("/f", b"", &EPHEMERAL).await?;
    other.settle().await?;
    same(
        owner.list_ephemerals("/p").await?,
        vec!["/p/e".to_owned()],
        "those of the owner",
    )?;
    same(
        other.list_ephemerals("/").await?.len(),
        0,
        "those of another",
    )?;
    same(
        other.count_descendants_number("/").await?,
        3,
        "the number of descendants",
    )
}

async fn a_container_goes_when_its_last_child_goes(a: &Asker) -> Answer {
    let zk = a.client().await?;
    let container = CreateMode::Container.with_acls(Acls::anyone_all());
    zk.create("/c", b"", &container).await?;
    zk.create("/kept", b"", &container).await?;
    zk.make("/c/child", "").await?;
    zk.delete("/c/child", None).await?;
    eventually("the container's end", || async {
        Ok(!zk.is_there("/c").await?)
    })
    .await?;
    holds(
        zk.is_there("/kept").await?,
        "a container that never had a child is gone",
    )
}

async fn a_ttl_node_goes_after_its_time(a: &Asker) -> Answer {
    let zk = a.client().await?;
    let start = Instant::now();
    let lived = Duration::from_millis(1500);
    zk.create("/t", b"", &OPEN.with_ttl(lived)).await?;
    let number = zk.create("/s-", b"", &SEQUENTIAL.with_ttl(lived)).await?.1;
    same(number.into_i64(), 1, "the number")?;
    eventually("their end", || async {
        Ok(zk.list_children("/").await?.is_empty())
    })
    .await?;
    holds(
        start.elapsed() > Duration::from_millis(1400),
        "reaped before their time",
    )
}

async fn a_transaction_happens_as_a_whole(a: &Asker) -> Answer {
    let zk = a.client().await?;
    zk.make("/gone", "").await?;
    zk.make("/counted", "0").await?;
    let mut writer = zk.new_multi_writer();
    writer.add_create("/a", b"1", &OPEN)?;
    writer.add_create("/a/s-", b"", &SEQUENTIAL)?;
    writer.add_create("/a/s-", b"", &EPHEMERAL_SEQUENTIAL)?;
    writer.add_set_data("/counted", b"1", Some(0))?;
    writer.add_check_version("/counted", 1)?;
    writer.add_delete("/gone", Some(0))?;
    let results = writer.commit().await.map_err(Error::from)?;
    let counted = zk.stat("/counted").await?;
    let mut expected = Vec::new();
    for path in ["/a", "/a/s-0000000000", "/a/s-0000000001"] {
        let stat = zk.stat(path).await?;
        same(stat.czxid, counted.mzxid, "the one zxid of all")?;
        expected.push(path);
    }
    let made: Vec<&str> = results
        .iter()
        .filter_map(|result| match result {
            MultiWriteResult::Create { path, .. } => Some(path.as_str()),
            _ => None,
        })
        .collect();
    same(made, expected, "the new paths")?;
    same(
        &results[3..],
        &[
            MultiWriteResult::SetData { stat: counted },
            MultiWriteResult::Check,
            MultiWriteResult::Delete,
        ],
        "the other results",
    )?;
    holds(!zk.is_there("/gone").await?, "the deleted node")
}

async fn a_failing_transaction_does_nothing(a: &Asker) -> Answer {
    let zk = a.client().await?;
    zk.make("/p", "0").await?;
    let mut writer = zk.new_multi_writer();
    writer.add_create("/p/s-", b"", &SEQUENTIAL)?;
    writer.add_set_data("/p", b"1", Some(0))?;
    writer.add_check_version("/p", 5)?;
    writer.add_delete("/p", None)?;
    let failed = MultiWriteError::OperationFailed {
        index: 2,
        source: Error::BadVersion,
    };
    same(writer.commit().await, Err(failed), "the transaction")?;
    let stat = zk.stat("/p").await?;
    same(
        (stat.version, stat.num_children),
        (0, 0),
        "the node afterwards",
    )?;
    same(
        zk.create("/p/s-", b"", &SEQUENTIAL).await?.1.into_i64(),
        0,
        "the next number",
    )
}

async fn a_checked_write_is_refused_by_its_check(a: &Asker) -> Answer {
    let zk = a.client().await?;
    zk.make("/a", "").await?;
    let mut writer = zk.new_check_writer("/a", Some(1))?;
    writer.add_create("/b", b"", &OPEN)?;
    let failed = CheckWriteError::CheckFailed {
        source: Error::BadVersion,
    };
    same(writer.commit().await, Err(failed), "another version")?;
    let mut writer = zk.new_check_writer("/a", Some(0))?;
    writer.add_create("/b", b"", &OPEN)?;
    same(
        writer.commit().await.map_err(Error::from)?.len(),
        1,
        "how many results there are",
    )
}

async fn a_multi_read_shows_one_moment(a: &Asker) -> Answer {
    let zk = a.client().await?;
    zk.make("/a", "1").await?;
    zk.make("/a/b", "").await?;
    let mut reader = zk.new_multi_reader();
    reader.add_get_data("/a")?;
    reader.add_get_children("/a")?;
    reader.add_get_data("/x")?;
    let results = reader.commit().await?;
    same(results.len(), 3, "how many results there are")?;
    let MultiReadResult::Data { data, stat } = &results[0] else {
        return Err(Wrong(format!("the first result: {:?}", results[0])));
    };
    same(
        (data.as_slice(), *stat),
        (&b"1"[..], zk.stat("/a").await?),
        "the data",
    )?;
    let MultiReadResult::Children { children } = &results[1] else {
        return Err(Wrong(format!("the second result: {:?}", results[1])));
    };
    same(children.as_slice(), &["b".to_owned()], "the children")?;
    holds(
        matches!(results[2], MultiReadResult::Error { err: Error::NoNode }),
        "the third result is not NoNode",
    )
}

async fn the_config_node_can_be_read(a: &Asker) -> Answer {
    let zk = a.client().await?;
    let (config, stat) = zk.get_config().await?;
    same(stat.aversion, -1, "its ACL's version")?;
    let servers = String::from_utf8_lossy(&config).matches("server.").count();
    // A server by itself has none in it.
    holds(
        servers == a.connect.split(',').count() || servers == 0,
        "how many servers it names",
    )
}

async fn a_reconfig_is_refused_as_disabled(a: &Asker) -> Answer {
    let zk = a.client().await?;
    let update = EnsembleUpdate::Incremental {
        joinings: [].iter().copied(),
        leavings: ["9"].iter().copied(),
    };
    fails(
        Error::ReconfigDisabled,
        zk.update_ensemble(update, None),
        "a reconfig",
    )
    .await
}
