//! A TCP relay between a client and the servers, so that a question can cut a connection without
//! touching a server.

use std::cell::{Cell, RefCell};
use std::io::Result;
use std::rc::Rc;

use tokio::io::{copy_bidirectional, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// Where the password begins in the first message of a client, length prefix included.
const PASSWORD_AT: usize = 32;

#[derive(Default)]
struct State {
    refusing: Cell<bool>,
    spoiling: Cell<bool>,
    linked: Cell<usize>,
    links: RefCell<Vec<AbortHandle>>,
}

/// One listening relay; it forwards to the first of its servers that accepts.
pub struct Relay {
    pub address: String,
    state: Rc<State>,
    listening: AbortHandle,
}

async fn dial(servers: &[String]) -> Option<TcpStream> {
    for server in servers {
        if let Ok(stream) = TcpStream::connect(server).await {
            return Some(stream);
        }
    }
    None
}

async fn link(mut client: TcpStream, servers: Rc<Vec<String>>, state: Rc<State>) -> Result<()> {
    if state.refusing.get() {
        return Ok(());
    }
    let Some(mut server) = dial(&servers).await else {
        return Ok(());
    };
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    if state.spoiling.get() {
        let mut first = [0; PASSWORD_AT + 1];
        client.read_exact(&mut first).await?;
        first[PASSWORD_AT] ^= 1;
        server.write_all(&first).await?;
    }
    state.linked.set(state.linked.get() + 1);
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

impl Relay {
    pub async fn open(servers: &str) -> Result<Relay> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let state = Rc::new(State::default());
        let servers = Rc::new(servers.split(',').map(str::to_owned).collect::<Vec<_>>());
        let shared = state.clone();
        let listening = tokio::task::spawn_local(async move {
            while let Ok((client, _)) = listener.accept().await {
                let task = tokio::task::spawn_local(link(client, servers.clone(), shared.clone()));
                let mut links = shared.links.borrow_mut();
                links.retain(|link| !link.is_finished());
                links.push(task.abort_handle());
            }
        });
        Ok(Relay {
            address,
            state,
            listening: listening.abort_handle(),
        })
    }

    /// How many connections it has let through so far.
    pub fn linked(&self) -> usize {
        self.state.linked.get()
    }

    pub fn is_used(&self) -> bool {
        self.state
            .links
            .borrow()
            .iter()
            .any(|link| !link.is_finished())
    }

    /// Changes a byte of the password that a client shows from now on.
    pub fn spoil_passwords(&self) {
        self.state.spoiling.set(true);
    }

    /// Ends every open connection; the client may connect again at once.
    pub fn cut(&self) {
        for link in self.state.links.borrow_mut().drain(..) {
            link.abort();
        }
    }

    /// Keeps the open connections, and ends each new one until accept().
    pub fn shut(&self) {
        self.state.refusing.set(true);
    }

    /// Ends every open connection, and each new one until accept().
    pub fn refuse(&self) {
        self.shut();
        self.cut();
    }

    pub fn accept(&self) {
        self.state.refusing.set(false);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut();
    }
}
