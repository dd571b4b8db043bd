//! ACLs and identities.

use zookeeper_client::{
    Acl, Acls, AuthId, AuthUser, CreateMode, Error, EventType, Permission, SessionState,
};

use crate::asker::*;
use crate::questions;

questions![
    a_new_node_is_open_to_all,
    a_digest_acl_keeps_others_out,
    the_auth_acl_becomes_the_creators_ids,
    each_permission_opens_its_own_door,
    a_delete_asks_for_the_right_on_the_parent,
    an_acl_changes_with_its_version,
    digests_are_masked_from_those_without_admin,
    an_ip_acl_matches_the_clients_address,
    a_meaningless_acl_is_refused,
    an_unknown_scheme_ends_the_session,
    auth_is_sent_again_after_a_reconnect,
    a_watch_tells_nothing_to_those_who_may_not_read,
    the_super_user_passes_every_acl,
    an_acl_in_a_transaction_is_checked,
    a_client_is_told_who_it_is,
];

/// What becomes of ann's password a, and of bob's password b.
const ANN: &str = "ann:i9V/d2HTT0sehGWzvQcFNipywIQ=";
const BOB: &str = "bob:LcrmCNs/wfVD+i5a5yaz89GyjIM=";

fn entry(permission: Permission, scheme: &str, id: &str) -> Acl {
    Acl::new(permission, AuthId::new(scheme, id))
}

fn private() -> Acl {
    entry(Permission::ALL, "digest", ANN)
}

async fn client_as(a: &Asker, password: &str) -> Result<Handle, Wrong> {
    a.client_with(
        Asker::connector().with_auth("digest", password.as_bytes()),
        &a.connect,
    )
    .await
}

async fn a_new_node_is_open_to_all(a: &Asker) -> Answer {
    let zk = a.client().await?;
    zk.make("/a", "").await?;
    let (acl, stat) = zk.get_acl("/a").await?;
    same(acl.as_slice(), &*Acls::anyone_all(), "the ACL")?;
    same(stat.aversion, 0, "its version")
}

async fn a_digest_acl_keeps_others_out(a: &Asker) -> Answer {
    let (owner, other) = (client_as(a, "ann:a").await?, a.client().await?);
    owner.make_with("/a", "1", &[private()]).await?;
    other.settle().await?;
    fails(Error::NoAuth, other.get_data("/a"), "get").await?;
    fails(Error::NoAuth, other.set_data("/a", b"", None), "set").await?;
    fails(Error::NoAuth, other.list_children("/a"), "children").await?;
    fails(Error::NoAuth, other.check_stat("/a"), "exists").await?;
    fails(Error::NoAuth, other.create("/a/b", b"", &OPEN), "create").await?;
    fails(
        Error::NoAuth,
        other.set_acl("/a", &Acls::anyone_all(), None),
        "setACL",
    )
    .await?;
    same(owner.data("/a").await?.as_str(), "1", "the owner's data")?;
    other.auth("digest", b"ann:a").await?;
    same(
        other.data("/a").await?.as_str(),
        "1",
        "the data with the password",
    )
}

async fn the_auth_acl_becomes_the_creators_ids(a: &Asker) -> Answer {
    let owner = client_as(a, "ann:a").await?;
    owner.auth("digest", b"bob:b").await?;
    let mode = CreateMode::Persistent.with_acls(Acls::creator_all());
    owner.create("/a", b"1", &mode).await?;
    let (acl, _) = owner.get_acl("/a").await?;
    let mut ids: Vec<&str> = acl.iter().map(Acl::id).collect();
    ids.sort();
    same(ids, vec![ANN, BOB], "the ids")?;
    same(
        client_as(a, "bob:b").await?.data("/a").await?.as_str(),
        "1",
        "the second user's read",
    )
}

/// What may be done with a node, by the permission that it asks for.
const DOORS: [(&str, Permission); 4] = [
    ("/read", Permission::READ),
    ("/write", Permission::WRITE),
    ("/create", Permission::CREATE),
    ("/admin", Permission::ADMIN),
];

async fn enter(zk: &Handle, door: &str, path: &str) -> Result<(), Error> {
    match door {
        "/read" => zk.get_data(path).await.map(|_| ()),
        "/write" => zk.set_data(path, b"", None).await.map(|_| ()),
        "/create" => zk
            .create(&format!("{path}/c"), b"", &EPHEMERAL)
            .await
            .map(|_| ()),
        _ => zk.set_acl(path, &[private()], None).await.map(|_| ()),
    }
}

async fn each_permission_opens_its_own_door(a: &Asker) -> Answer {
    let (owner, other) = (client_as(a, "ann:a").await?, a.client().await?);
    for (path, right) in DOORS {
        let acl = [entry(right, "world", "anyone"), private()];
        owner.make_with(path, "", &acl).await?;
    }
    other.settle().await?;
    for (path, _) in DOORS {
        for (door, _) in DOORS {
            if door != path {
                fails(
                    Error::NoAuth,
                    enter(&other, door, path),
                    &format!("{door} of {path}"),
                )
                .await?;
            }
        }
        enter(&other, path, path).await?;
    }
    Ok(())
}

async fn a_delete_asks_for_the_right_on_the_parent(a: &Asker) -> Answer {
    let (owner, other) = (client_as(a, "ann:a").await?, a.client().await?);
    owner.make_with("/p", "", &[private()]).await?;
    owner.make("/p/open", "").await?;
    owner.make_with("/private", "", &[private()]).await?;
    fails(
        Error::NoAuth,
        other.delete("/p/open", None),
        "delete below a private parent",
    )
    .await?;
    other.delete("/private", None).await?;
    Ok(())
}

async fn an_acl_changes_with_its_version(a: &Asker) -> Answer {
    let zk = a.client().await?;
    let before = zk.make("/a", "1").await?;
    let acl = [entry(
        Permission::READ | Permission::ADMIN,
        "world",
        "anyone",
    )];
    let stat = zk.set_acl("/a", &acl, Some(0)).await?;
    same(
        (stat.aversion, stat.version, stat.mzxid),
        (1, 0, before.mzxid),
        "the stat",
    )?;
    let again = zk.set_acl("/a", &Acls::anyone_all(), Some(0));
    fails(Error::BadVersion, again, "setACL of another version").await?;
    fails(Error::NoAuth, zk.set_data("/a", b"", None), "set").await?;
    zk.set_acl("/a", &Acls::anyone_all(), Some(1)).await?;
    zk.put("/a", "2").await.map(|_| ())
}

async fn digests_are_masked_from_those_without_admin(a: &Asker) -> Answer {
    let (owner, other) = (client_as(a, "ann:a").await?, a.client().await?);
    let acl = [private(), entry(Permission::READ, "world", "anyone")];
    owner.make_with("/a", "", &acl).await?;
    other.settle().await?;
    same(
        other.get_acl("/a").await?.0[0].id(),
        "ann:x",
        "the id as others see it",
    )?;
    same(
        owner.get_acl("/a").await?.0.as_slice(),
        &acl,
        "the ACL as its owner sees it",
    )
}

async fn an_ip_acl_matches_the_clients_address(a: &Asker) -> Answer {
    let zk = a.client().await?;
    zk.make_with("/near", "1", &[entry(Permission::ALL, "ip", "127.0.0.0/8")])
        .await?;
    same(
        zk.data("/near").await?.as_str(),
        "1",
        "what is open to our address",
    )?;
    zk.make_with("/far", "1", &[entry(Permission::ALL, "ip", "10.1.2.3")])
        .await?;
    fails(
        Error::NoAuth,
        zk.get_data("/far"),
        "what is open to another",
    )
    .await
}

async fn a_meaningless_acl_is_refused(a: &Asker) -> Answer {
    let zk = a.client().await?;
    for (scheme, id) in [
        ("auth", ""), // Without having shown a password.
        ("digest", "no-colon"),
        ("nonsense", "x"),
        ("ip", "300.1.1.1"),
    ] {
        let acl = [entry(Permission::ALL, scheme, id)];
        let options = CreateMode::Persistent.with_acls(Acls::new(&acl));
        fails(Error::InvalidAcl, zk.create("/a", b"", &options), scheme).await?;
    }
    holds(!zk.is_there("/a").await?, "the node is there all the same")
}

async fn an_unknown_scheme_ends_the_session(a: &Asker) -> Answer {
    let zk = a.client().await?;
    fails(Error::AuthFailed, zk.auth("nonsense", b"x"), "auth").await?;
    eventually("the session's end", || async {
        Ok(zk.saw(SessionState::AuthFailed))
    })
    .await
}

async fn auth_is_sent_again_after_a_reconnect(a: &Asker) -> Answer {
    let (relay, zk) = a.relayed().await?;
    zk.auth("digest", b"ann:a").await?;
    zk.make_with("/a", "1", &Acls::creator_all()).await?;
    for i in 1..=3 {
        relay.cut();
        let (data, _) = insist(|| zk.get_data("/a")).await?;
        same(data.as_slice(), b"1", "the data after a reconnect")?;
        same(relay.linked(), 1 + i, "how many connections there were")?;
    }
    Ok(())
}

async fn a_watch_tells_nothing_to_those_who_may_not_read(a: &Asker) -> Answer {
    let (owner, other) = (client_as(a, "ann:a").await?, a.client().await?);
    let (_, hidden) = other.check_and_watch_stat("/a").await?;
    let (_, shown) = other.check_and_watch_stat("/b").await?;
    owner.make_with("/a", "", &[private()]).await?;
    owner.make("/b", "").await?;
    hears(shown, EventType::NodeCreated, "/b").await?;
    other.settle().await?;
    silent(hidden.changed(), "the watch of what may not be read").await
}

async fn the_super_user_passes_every_acl(a: &Asker) -> Answer {
    let (owner, root) = (
        client_as(a, "ann:a").await?,
        client_as(a, "super:compat").await?,
    );
    owner.make_with("/a", "1", &[private()]).await?;
    root.settle().await?;
    same(root.data("/a").await?.as_str(), "1", "the data")?;
    root.set_acl("/a", &Acls::anyone_all(), None).await?;
    same(
        a.client().await?.data("/a").await?.as_str(),
        "1",
        "the data for all",
    )
}

async fn an_acl_in_a_transaction_is_checked(a: &Asker) -> Answer {
    let (owner, other) = (client_as(a, "ann:a").await?, a.client().await?);
    owner.make_with("/a", "", &[private()]).await?;
    other.settle().await?;
    let mut writer = other.new_multi_writer();
    writer.add_create("/b", b"", &OPEN)?;
    writer.add_set_data("/a", b"1", None)?;
    let refused = writer.commit().await.map_err(Error::from);
    same(refused.err(), Some(Error::NoAuth), "the transaction")?;
    holds(
        !other.is_there("/b").await?,
        "half of the transaction was done",
    )
}

async fn a_client_is_told_who_it_is(a: &Asker) -> Answer {
    let zk = client_as(a, "ann:a").await?;
    let users = zk.list_auth_users().await?;
    holds(
        users.contains(&AuthUser::new("digest", "ann")),
        "ann is not among them",
    )?;
    holds(
        users.contains(&AuthUser::new("ip", "127.0.0.1")),
        "the address is not among them",
    )
}
