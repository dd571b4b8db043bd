//! What one question has at hand: the servers, a path of its own, its clients.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::future::Future;
use std::net::TcpListener;
use std::ops::Deref;
use std::rc::Rc;
use std::time::{Duration, Instant};

use zookeeper_client::{
    Acl, Acls, Client, Connector, CreateMode, CreateOptions, Error, EventType, OneshotWatcher,
    PersistentWatcher, SessionState, Stat, WatchedEvent,
};

use crate::relay::Relay;

pub const PATIENCE: Duration = Duration::from_secs(30);
pub const OPEN: CreateOptions<'static> = CreateMode::Persistent.with_acls(Acls::anyone_all());
pub const EPHEMERAL: CreateOptions<'static> = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
pub const SEQUENTIAL: CreateOptions<'static> =
    CreateMode::PersistentSequential.with_acls(Acls::anyone_all());
pub const EPHEMERAL_SEQUENTIAL: CreateOptions<'static> =
    CreateMode::EphemeralSequential.with_acls(Acls::anyone_all());

/// An answer that differs from what the question expects.
#[derive(Debug)]
pub struct Wrong(pub String);

pub type Answer = Result<(), Wrong>;

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        Wrong(error.to_string())
    }
}

impl From<std::io::Error> for Wrong {
    fn from(error: std::io::Error) -> Self {
        Wrong(error.to_string())
    }
}

pub fn same<T: Debug + PartialEq>(got: T, expected: T, what: &str) -> Answer {
    holds(
        got == expected,
        &format!("{what}: got {got:?}, expected {expected:?}"),
    )
}

pub fn holds(condition: bool, what: &str) -> Answer {
    if condition {
        Ok(())
    } else {
        Err(Wrong(what.to_owned()))
    }
}

/// The request must fail with exactly this error.
pub async fn fails<T: Debug>(
    expected: Error,
    request: impl Future<Output = Result<T, Error>>,
    what: &str,
) -> Answer {
    match request.await {
        Err(error) => same(error, expected, what),
        Ok(value) => Err(Wrong(format!(
            "{what}: answered with {value:?}, expected {expected:?}"
        ))),
    }
}

/// Waits until the condition holds.
pub async fn eventually<F, R>(what: &str, condition: F) -> Answer
where
    F: Fn() -> R,
    R: Future<Output = Result<bool, Wrong>>,
{
    let start = Instant::now();
    while !condition().await? {
        holds(
            start.elapsed() < PATIENCE,
            &format!("not within {PATIENCE:?}: {what}"),
        )?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Asks until the connection holds long enough for an answer.
pub async fn insist<T, F, R>(request: F) -> Result<T, Wrong>
where
    F: Fn() -> R,
    R: Future<Output = Result<T, Error>>,
{
    let start = Instant::now();
    loop {
        match request().await {
            // What is not one of ZooKeeper's own errors came from the connection, too.
            Err(Error::ConnectionLoss | Error::Custom(_)) if start.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            result => return Ok(result?),
        }
    }
}

async fn in_time<T>(event: impl Future<Output = T>, what: &str) -> Result<T, Wrong> {
    tokio::time::timeout(PATIENCE, event)
        .await
        .map_err(|_| Wrong(format!("not within {PATIENCE:?}: {what}")))
}

pub async fn hears(watcher: OneshotWatcher, kind: EventType, path: &str) -> Answer {
    let event = in_time(watcher.changed(), &format!("{kind} of {path}")).await?;
    same(
        (event.event_type, event.path.as_str()),
        (kind, path),
        "the event",
    )
}

/// The next event of a node; what is said of the connection is passed over.
pub async fn next_event(watcher: &mut PersistentWatcher) -> Result<WatchedEvent, Wrong> {
    loop {
        let event = in_time(watcher.changed(), "an event").await?;
        if event.event_type != EventType::Session || event.session_state.is_terminated() {
            return Ok(event);
        }
    }
}

pub async fn hears_next(watcher: &mut PersistentWatcher, kind: EventType, path: &str) -> Answer {
    let event = next_event(watcher).await?;
    same(
        (event.event_type, event.path.as_str()),
        (kind, path),
        "the next event",
    )
}

/// To be asked after a sync: what was on its way has come.
pub async fn silent<T: Debug>(event: impl Future<Output = T>, what: &str) -> Answer {
    match tokio::time::timeout(Duration::from_millis(1), event).await {
        Ok(event) => Err(Wrong(format!("{what} hears {event:?}"))),
        Err(_) => Ok(()),
    }
}

/// One client, with the states that it came into.
pub struct Zk {
    client: RefCell<Option<Client>>,
    states: Rc<RefCell<Vec<SessionState>>>,
    /// Set by questions that end the session on purpose.
    pub may_expire: Cell<bool>,
}

/// Requests go to the client itself.
pub struct Handle(Rc<Zk>, Client);

impl Deref for Handle {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.1
    }
}

impl Handle {
    fn new(client: Client) -> Handle {
        let states = Rc::new(RefCell::new(Vec::new()));
        let (mut watcher, seen) = (client.state_watcher(), states.clone());
        tokio::task::spawn_local(async move {
            loop {
                let state = watcher.changed().await;
                seen.borrow_mut().push(state);
                if state.is_terminated() {
                    break;
                }
            }
        });
        let zk = Zk {
            client: RefCell::new(Some(client.clone())),
            states,
            may_expire: false.into(),
        };
        Handle(Rc::new(zk), client)
    }

    pub fn may_expire(&self) {
        self.0.may_expire.set(true);
    }

    pub fn saw(&self, state: SessionState) -> bool {
        self.0.states.borrow().contains(&state)
    }

    /// Closes the session: that is what the library does when nobody holds the client any more.
    pub fn close(self) {
        self.0.client.borrow_mut().take();
    }

    pub async fn make(&self, path: &str, data: &str) -> Result<Stat, Wrong> {
        Ok(self.create(path, data.as_bytes(), &OPEN).await?.0)
    }

    pub async fn make_with(&self, path: &str, data: &str, acl: &[Acl]) -> Answer {
        let options = CreateMode::Persistent.with_acls(Acls::new(acl));
        self.create(path, data.as_bytes(), &options).await?;
        Ok(())
    }

    pub async fn put(&self, path: &str, data: &str) -> Result<Stat, Wrong> {
        Ok(self.set_data(path, data.as_bytes(), None).await?)
    }

    pub async fn data(&self, path: &str) -> Result<String, Wrong> {
        Ok(String::from_utf8_lossy(&self.get_data(path).await?.0).into_owned())
    }

    pub async fn is_there(&self, path: &str) -> Result<bool, Wrong> {
        Ok(self.check_stat(path).await?.is_some())
    }

    pub async fn stat(&self, path: &str) -> Result<Stat, Wrong> {
        let stat = self.check_stat(path).await?;
        stat.ok_or_else(|| Wrong(format!("{path} does not exist")))
    }

    /// Returns when the client sees all that was done before.
    pub async fn settle(&self) -> Answer {
        Ok(self.sync("/").await?)
    }
}

pub struct Asker {
    pub connect: String,
    pub root: String,
    clients: RefCell<Vec<Rc<Zk>>>,
    is_ensemble_hurt: Cell<bool>,
}

impl Asker {
    pub fn new(connect: &str, root: &str) -> Asker {
        Asker {
            connect: connect.to_owned(),
            root: root.to_owned(),
            clients: RefCell::default(),
            is_ensemble_hurt: false.into(),
        }
    }

    pub fn connector() -> Connector {
        Client::connector().with_session_timeout(Duration::from_secs(20))
    }

    /// A client whose root is the question's own path.
    pub async fn client(&self) -> Result<Handle, Wrong> {
        self.client_with(Asker::connector(), &self.connect).await
    }

    pub async fn client_with(&self, with: Connector, servers: &str) -> Result<Handle, Wrong> {
        let handle = Handle::new(with.connect(&format!("{servers}{}", self.root)).await?);
        self.clients.borrow_mut().push(handle.0.clone());
        handle.settle().await?;
        Ok(handle)
    }

    pub async fn two_clients(&self) -> Result<(Handle, Handle), Wrong> {
        Ok((self.client().await?, self.client().await?))
    }

    /// A client, and the relay that is its only way to the servers.
    pub async fn relayed(&self) -> Result<(Relay, Handle), Wrong> {
        let relay = Relay::open(&self.connect).await?;
        let client = self.client_with(Asker::connector(), &relay.address).await?;
        Ok((relay, client))
    }

    /// A command of lib/ensemble.py; returns what it prints.
    pub async fn ensemble(&self, command: &str, arguments: &[&str]) -> Result<String, Wrong> {
        let variable = |name| std::env::var(name).map_err(|_| Wrong(format!("{name} is not set")));
        self.is_ensemble_hurt.set(command == "kill");
        let output = tokio::process::Command::new("python3")
            .arg(variable("COMPAT_LIB")? + "/ensemble.py")
            .args([command, &variable("COMPAT_ENSEMBLE")?])
            .args(arguments)
            .output()
            .await?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        holds(
            output.status.success(),
            &format!("ensemble.py {command}: {errors}"),
        )?;
        Ok(text)
    }

    /// Closes everything; returns how many sessions have expired against all expectation.
    pub async fn clean_up(&self) -> usize {
        if self.is_ensemble_hurt.get() {
            if let Err(wrong) = self.ensemble("revive", &[]).await {
                println!("          {}", wrong.0);
            }
        }
        let mut expired = 0;
        for zk in self.clients.borrow_mut().drain(..) {
            zk.client.borrow_mut().take();
            if !zk.may_expire.get() && zk.states.borrow().contains(&SessionState::Expired) {
                expired += 1;
            }
        }
        expired
    }
}

/// An address that nobody listens on.
pub fn dead_address() -> Result<String, Wrong> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
