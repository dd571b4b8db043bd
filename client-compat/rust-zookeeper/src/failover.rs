//! Failover to the next server: the way to one is cut off, or a server is killed.

use std::cell::Cell;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zookeeper_client::{Error, EventType, OneshotWatcher};

use crate::asker::*;
use crate::relay::Relay;

use EventType::{NodeChildrenChanged, NodeCreated, NodeDataChanged};

/// What needs no server to be killed.
pub mod moving {
    use super::*;

    crate::questions![a_session_moves_to_the_next_server];
}

/// What kills servers of the ensemble in $COMPAT_ENSEMBLE.
pub mod killing {
    use super::*;

    crate::questions![
        the_server_of_a_session_is_killed,
        the_leader_is_killed,
        each_server_is_killed_in_turn,
    ];
}

/// What has to outlive a server.
struct Belongings {
    zk: Handle,
    other: Handle,
    created: i64,
    changed: OneshotWatcher,
    quiet: OneshotWatcher,
    found: OneshotWatcher,
    children: OneshotWatcher,
}

impl Belongings {
    async fn of(a: &Asker, servers: &str) -> Result<Belongings, Wrong> {
        let zk = a.client_with(Asker::connector(), servers).await?;
        let other = a.client().await?;
        let created = zk.create("/e", b"", &EPHEMERAL).await?.0.czxid;
        for path in ["/changed", "/quiet", "/parent"] {
            zk.make(path, "").await?;
        }
        let changed = zk.get_and_watch_data("/changed").await?.2;
        let quiet = zk.get_and_watch_data("/quiet").await?.2;
        let found = zk.check_and_watch_stat("/found").await?.1;
        let children = zk.list_and_watch_children("/parent").await?.1;
        Ok(Belongings {
            zk,
            other,
            created,
            changed,
            quiet,
            found,
            children,
        })
    }

    /// Is done by the other client while the owner may be without a connection.
    async fn change(&self) -> Answer {
        insist(|| self.other.set_data("/changed", b"1", None)).await?;
        for path in ["/found", "/parent/child"] {
            insist(|| create_once(&self.other, path)).await?;
        }
        Ok(())
    }

    async fn survive(self) -> Answer {
        hears(self.changed, NodeDataChanged, "/changed").await?;
        hears(self.found, NodeCreated, "/found").await?;
        hears(self.children, NodeChildrenChanged, "/parent").await?;
        insist(|| self.other.sync("/")).await?;
        let stat = insist(|| self.other.check_stat("/e")).await?;
        let stat = stat.ok_or_else(|| Wrong("the ephemeral is gone".to_owned()))?;
        let owner = self.zk.session_id().0;
        same(
            (stat.czxid, stat.ephemeral_owner),
            (self.created, owner),
            "the ephemeral",
        )?;
        let set = insist(|| self.zk.set_data("/quiet", b"1", None)).await?;
        same(
            self.quiet.changed().await.zxid,
            set.mzxid,
            "what the quiet watch hears first",
        )
    }
}

/// A create whose reply may have been lost.
async fn create_once(zk: &Handle, path: &str) -> Result<(), Error> {
    match zk.create(path, b"", &OPEN).await {
        Ok(_) | Err(Error::NodeExists) => Ok(()),
        Err(error) => Err(error),
    }
}

/// What a server answers to a four-letter word.
async fn four_letters(server: &str, word: &str) -> Result<String, Wrong> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(word.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// The number of the server that holds the session's connection, counted from 1.
async fn server_of(a: &Asker, zk: &Handle) -> Result<String, Wrong> {
    let sid = format!("sid={:#x},", zk.session_id().0);
    for (i, server) in a.connect.split(',').enumerate() {
        if four_letters(server, "cons").await?.contains(&sid) {
            return Ok((i + 1).to_string());
        }
    }
    Err(Wrong(format!("no server has {sid}")))
}

async fn a_session_moves_to_the_next_server(a: &Asker) -> Answer {
    let mut relays = Vec::new();
    for server in a.connect.split(',') {
        relays.push(Relay::open(server).await?);
    }
    let addresses: Vec<&str> = relays.iter().map(|relay| relay.address.as_str()).collect();
    let own = Belongings::of(a, &addresses.join(",")).await?;
    for i in 0..4 {
        let used = relays.iter().position(Relay::is_used);
        let used = &relays[used.ok_or_else(|| Wrong("no relay is used".to_owned()))?];
        let before: usize = relays.iter().map(Relay::linked).sum();
        if relays.len() > 1 {
            used.refuse();
        } else {
            used.cut();
        }
        if i == 1 {
            own.change().await?;
        }
        insist(|| own.zk.sync("/")).await?;
        let after: usize = relays.iter().map(Relay::linked).sum();
        holds(after > before, "the connection was not lost")?;
        holds(
            relays.len() == 1 || !used.is_used(),
            "the client came back to the same server",
        )?;
        used.accept();
    }
    own.survive().await
}

async fn kill_and_check(a: &Asker, which: Option<String>) -> Answer {
    let own = Belongings::of(a, &a.connect).await?;
    let killed = match which {
        Some(number) => number,
        None => server_of(a, &own.zk).await?,
    };
    a.ensemble("kill", &[&killed]).await?;
    own.change().await?;
    own.survive().await?;
    a.ensemble("revive", &[]).await.map(|_| ())
}

async fn the_server_of_a_session_is_killed(a: &Asker) -> Answer {
    kill_and_check(a, None).await
}

async fn the_leader_is_killed(a: &Asker) -> Answer {
    let leader = a.ensemble("leader", &[]).await?;
    kill_and_check(a, Some(leader)).await
}

/// While that is done somebody writes; what was acknowledged to him must be there at the end.
async fn each_server_is_killed_in_turn(a: &Asker) -> Answer {
    let own = Belongings::of(a, &a.connect).await?;
    let writer = a.client().await?;
    let (is_over, count) = (Cell::new(false), Cell::new(0));
    let writing = async {
        while !is_over.get() {
            let path = format!("/n{}", count.get());
            insist(|| create_once(&writer, &path)).await?;
            count.set(count.get() + 1);
        }
        Ok::<(), Wrong>(())
    };
    let killing = async {
        for i in 1..=a.connect.split(',').count() {
            a.ensemble("kill", &[&i.to_string()]).await?;
            if i == 2 {
                own.change().await?;
            }
            a.ensemble("revive", &[]).await?;
        }
        is_over.set(true);
        Ok::<(), Wrong>(())
    };
    let (written, killed) = futures::join!(writing, killing);
    written?;
    killed?;
    insist(|| own.zk.sync("/")).await?;
    let names = insist(|| own.zk.list_children("/")).await?;
    let is_numbered = |name: &&String| {
        name.strip_prefix('n')
            .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
    };
    let kept = names.iter().filter(is_numbered).count();
    holds(count.get() > 0, "nothing was written")?;
    let text = format!("{kept} of {} acknowledged creates are there", count.get());
    holds(kept >= count.get(), &text)?;
    own.survive().await
}
