//! The questions that the crate zookeeper-client asks of the servers given as the one argument.
//!
//! The exit status is 0 when every answer was as expected; else the reason stands in the file
//! that $COMPAT_REASON names.

mod asker;
mod basics;
mod failover;
mod relay;
mod rights;
mod sessions;
mod watches;

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::pin::Pin;
use std::process::exit;
use std::time::{Duration, Instant};

use zookeeper_client::{Acls, Client, CreateMode};

use asker::{Answer, Asker};

const QUESTION_LIMIT: Duration = Duration::from_secs(120);

type Asked<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;

/// A question is named after what is expected.
pub struct Question {
    name: &'static str,
    ask: for<'a> fn(&'a Asker) -> Asked<'a>,
}

/// The questions of a module, by the names of their functions.
#[macro_export]
macro_rules! questions {
    ($($name:ident),* $(,)?) => {
        pub const QUESTIONS: &[$crate::Question] = &[
            $($crate::Question { name: stringify!($name), ask: |a| Box::pin($name(a)) }),*
        ];
    };
}

/// What was wrong, or an empty text.
async fn answer(question: &Question, asker: &Asker) -> String {
    let asked = tokio::time::timeout(QUESTION_LIMIT, (question.ask)(asker)).await;
    let text = match asked {
        Ok(Ok(())) => String::new(),
        Ok(Err(wrong)) => wrong.0,
        Err(_) => format!("no answer within {QUESTION_LIMIT:?}"),
    };
    let expired = asker.clean_up().await;
    if text.is_empty() && expired > 0 {
        return format!("{expired} sessions expired that should not");
    }
    text
}

/// Removes what the questions have left, as the super user whom no ACL stops.
async fn remove_tree(client: &Client, root: &str) {
    let mut paths = vec![root.to_owned()];
    let mut next = 0;
    while next < paths.len() {
        let path = paths[next].clone();
        for name in client.list_children(&path).await.unwrap_or_default() {
            paths.push(format!("{path}/{name}"));
        }
        next += 1;
    }
    for path in paths.iter().rev() {
        let _ = client.delete(path, None).await;
    }
}

async fn ask_all(connect: &str) -> Result<(), String> {
    let owner = Client::connector()
        .with_auth("digest", b"super:compat")
        .with_session_timeout(Duration::from_secs(20))
        .connect(connect)
        .await
        .map_err(|error| format!("the first connection: {error}"))?;
    let root = format!(
        "/compat-rust-zookeeper-{:012x}",
        RandomState::new().build_hasher().finish() >> 16
    );
    let open = CreateMode::Persistent.with_acls(Acls::anyone_all());
    owner
        .create(&root, b"", &open)
        .await
        .map_err(|error| format!("create {root}: {error}"))?;

    let mut questions: Vec<&Question> = Vec::new();
    for group in [
        basics::QUESTIONS,
        rights::QUESTIONS,
        watches::QUESTIONS,
        sessions::QUESTIONS,
        failover::moving::QUESTIONS,
    ] {
        questions.extend(group);
    }
    if std::env::var_os("COMPAT_ENSEMBLE").is_some() {
        questions.extend(failover::killing::QUESTIONS);
    } else {
        for question in failover::killing::QUESTIONS {
            println!(
                "  skipped: {} (no ensemble whose servers may be killed)",
                question.name
            );
        }
    }
    let mut failed = Vec::new();
    for question in &questions {
        let path = format!("{root}/{}", question.name);
        if let Err(error) = asker::insist(|| owner.mkdir(&path, &open)).await {
            return Err(format!("create {path}: {}", error.0));
        }
        let start = Instant::now();
        let text = answer(question, &Asker::new(connect, &path)).await;
        let verdict = if text.is_empty() { "ok   " } else { "wrong" };
        println!(
            "  {verdict} {} ({:.1} s)",
            question.name,
            start.elapsed().as_secs_f64()
        );
        if !text.is_empty() {
            println!("          {text}");
            failed.push(format!("{} ({text})", question.name));
        }
    }
    remove_tree(&owner, &root).await;
    println!(
        "  {} questions, {} wrong answers",
        questions.len(),
        failed.len()
    );
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} of {} questions: {}",
        failed.len(),
        questions.len(),
        failed.join("; ")
    ))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    tokio::task::LocalSet::new().run_until(run()).await;
}

async fn run() {
    let Some(connect) = std::env::args().nth(1) else {
        eprintln!("usage: rust-zookeeper HOST:PORT[,HOST:PORT...]");
        exit(2);
    };
    if let Err(reason) = ask_all(&connect).await {
        let reason = reason.replace('\n', " ");
        match std::env::var("COMPAT_REASON") {
            Ok(file) => std::fs::write(file, reason + "\n").expect("the reason can be written"),
            Err(_) => eprintln!("{reason}"),
        }
        exit(1);
    }
}
