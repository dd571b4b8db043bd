//! Reconnects, taking a session over, expiry and the loss of a session.

use std::time::{Duration, Instant};

use zookeeper_client::{Error, EventType, SessionState};

use crate::asker::*;
use crate::questions;
use crate::relay::Relay;

questions![
    a_reconnect_keeps_session_and_ephemerals,
    a_request_of_a_lost_connection_may_be_repeated,
    a_session_is_taken_over_with_its_password,
    a_wrong_password_opens_no_session,
    a_closed_session_is_told_that_it_expired,
    a_detached_session_outlives_its_client,
    a_silent_session_expires,
    an_idle_session_lives_by_its_pings,
];

async fn a_reconnect_keeps_session_and_ephemerals(a: &Asker) -> Answer {
    let (relay, zk) = a.relayed().await?;
    let other = a.client().await?;
    let created = zk.create("/e", b"", &EPHEMERAL).await?.0.czxid;
    for i in 1..=3 {
        relay.cut();
        insist(|| zk.sync("/")).await?;
        same(relay.linked(), 1 + i, "how many connections there were")?;
    }
    other.settle().await?;
    let stat = other.stat("/e").await?;
    same(
        (stat.czxid, stat.ephemeral_owner),
        (created, zk.session_id().0),
        "the ephemeral",
    )?;
    zk.put("/e", "2").await.map(|_| ())
}

async fn a_request_of_a_lost_connection_may_be_repeated(a: &Asker) -> Answer {
    let (relay, zk) = a.relayed().await?;
    zk.make("/a", "0").await?;
    for i in 0..5 {
        let text = i.to_string();
        relay.cut();
        insist(|| zk.set_data("/a", text.as_bytes(), None)).await?;
        same(zk.data("/a").await?, text, "the data")?;
    }
    Ok(())
}

async fn is_gone(other: &Handle, path: &str) -> Result<bool, Wrong> {
    other.settle().await?;
    Ok(!other.is_there(path).await?)
}

async fn a_session_is_taken_over_with_its_password(a: &Asker) -> Answer {
    let (relay, first) = a.relayed().await?;
    let other = a.client().await?;
    first.may_expire();
    first.create("/e", b"", &EPHEMERAL).await?;
    relay.shut(); // The first can't come back, or both would fight for the session.
    let with = Asker::connector().with_session(first.session().clone());
    let second = a.client_with(with, &a.connect).await?;
    same(
        second.session_id(),
        first.session_id(),
        "the session taken over",
    )?;
    // The server that the first is connected to need not notice before it is asked something; the
    // answer may be long in coming, as the client waits for its next connection.
    let asking = first.set_data("/e", b"", None);
    eventually("the first one's end", || async { Ok(!relay.is_used()) }).await?;
    drop(asking);
    other.settle().await?;
    same(
        other.stat("/e").await?.ephemeral_owner,
        second.session_id().0,
        "the owner",
    )?;
    second.close();
    eventually("the ephemeral's end", || is_gone(&other, "/e")).await?;
    relay.accept();
    eventually("word of the expiry", || async {
        Ok(first.saw(SessionState::Expired))
    })
    .await
}

async fn a_wrong_password_opens_no_session(a: &Asker) -> Answer {
    let (owner, other) = a.two_clients().await?;
    owner.create("/e", b"", &EPHEMERAL).await?;
    let relay = Relay::open(&a.connect).await?;
    relay.spoil_passwords();
    let with = Asker::connector().with_session(owner.session().clone());
    match with.connect(&relay.address).await {
        Err(error) => same(error, Error::SessionExpired, "the refusal")?,
        Ok(_) => {
            return Err(Wrong(
                "the session was taken with a wrong password".to_owned(),
            ))
        }
    }
    other.settle().await?;
    same(
        other.stat("/e").await?.ephemeral_owner,
        owner.session_id().0,
        "the owner",
    )?;
    // The server may have ended the owner's connection, but not its session.
    insist(|| owner.set_data("/e", b"1", None)).await?;
    holds(
        !owner.saw(SessionState::Expired),
        "the owner's session expired",
    )
}

async fn a_closed_session_is_told_that_it_expired(a: &Asker) -> Answer {
    let (zk, other) = a.two_clients().await?;
    let session = zk.session().clone();
    zk.create("/e", b"", &EPHEMERAL).await?;
    zk.close();
    eventually("the session's end", || is_gone(&other, "/e")).await?;
    match Asker::connector()
        .with_session(session)
        .connect(&a.connect)
        .await
    {
        Err(error) => same(error, Error::SessionExpired, "the refusal"),
        Ok(_) => Err(Wrong("a closed session came back".to_owned())),
    }
}

async fn a_detached_session_outlives_its_client(a: &Asker) -> Answer {
    let other = a.client().await?;
    let zk = a
        .client_with(Asker::connector().with_detached(), &a.connect)
        .await?;
    let session = zk.session().clone();
    let created = zk.create("/e", b"", &EPHEMERAL).await?.0.czxid;
    zk.close();
    let again = a
        .client_with(Asker::connector().with_session(session), &a.connect)
        .await?;
    same(
        again.stat("/e").await?.czxid,
        created,
        "the ephemeral's creation",
    )?;
    again.close();
    eventually("the session's end", || is_gone(&other, "/e")).await
}

async fn a_silent_session_expires(a: &Asker) -> Answer {
    let other = a.client().await?;
    let relay = Relay::open(&a.connect).await?;
    let with = Asker::connector().with_session_timeout(Duration::from_secs(3));
    let zk = a.client_with(with, &relay.address).await?;
    zk.may_expire();
    zk.create("/e", b"", &EPHEMERAL).await?;
    other.settle().await?;
    let (_, gone) = other.check_and_watch_stat("/e").await?;
    let start = Instant::now();
    relay.refuse();
    hears(gone, EventType::NodeDeleted, "/e").await?;
    // The last sign of life may have come up to one ping interval before the cut.
    holds(
        start.elapsed() > Duration::from_millis(1500),
        "expired too early",
    )?;
    relay.accept();
    eventually("word of the expiry", || async {
        Ok(zk.saw(SessionState::Expired))
    })
    .await?;
    fails(
        Error::SessionExpired,
        zk.get_data("/"),
        "a request of an expired session",
    )
    .await
}

async fn an_idle_session_lives_by_its_pings(a: &Asker) -> Answer {
    let relay = Relay::open(&a.connect).await?;
    let with = Asker::connector().with_session_timeout(Duration::from_millis(1500));
    let zk = a.client_with(with, &relay.address).await?;
    zk.create("/e", b"", &EPHEMERAL).await?;
    // More than twice the timeout: the passing of time is the question here.
    tokio::time::sleep(Duration::from_secs(4)).await;
    same(relay.linked(), 1, "how many connections there were")?;
    same(
        zk.stat("/e").await?.ephemeral_owner,
        zk.session_id().0,
        "the owner",
    )
}
