//! What has been accepted and not been done yet, on disk; native only.
//!
//! An embedded database (redb) with one row a request. A row is there, and synced, before its
//! caller is told that the request was accepted; it goes when the result has been written. A process
//! that is killed in between does the request again: at least once, never not at all.
#![allow(clippy::result_large_err, reason = "redb's error, which is rarely made")]

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use redb::{Database, Error, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use super::storage::named;

/// What a request is, as JSON. The row's number is its age.
const REQUESTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("requests");
/// Bodies that came with their requests.
const BODIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("bodies");

/// A request that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) endpoint: String,
    /// What the model sees of the caller's headers, as the bytes on the wire read as Latin-1.
    pub(super) headers: Vec<(String, String)>,
    /// Where the input is, unless it came with the request.
    pub(super) input: Option<String>,
    pub(super) output: String,
    pub(super) failure: String,
    /// When it was accepted, in seconds since 1970.
    pub(super) accepted_at: i64,
    /// How long it may wait, in seconds.
    pub(super) lives: i64,
    /// How long the model may take, in seconds.
    pub(super) timeout: u64,
}

/// The rows.
pub(super) struct Journal {
    path: PathBuf,
    /// `None` after a failure of the disk: the file is then opened anew before it is used.
    database: Mutex<Option<Database>>,
}

impl Journal {
    /// Opens the database, making it if there is none.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let database = open(path).map_err(|error| named(path, &error))?;
        let database = Mutex::new(Some(database));
        Ok(Self { path: path.to_owned(), database })
    }

    /// Keeps a request; once this returns, it survives the process and the machine.
    pub(super) fn add(&self, request: &Request, body: &[u8]) -> io::Result<u64> {
        let text = serde_json::to_vec(request)?;
        self.with(|database| {
            let write = database.begin_write()?;
            let number = {
                let mut requests = write.open_table(REQUESTS)?;
                let number = requests.last()?.map_or(0, |(number, _)| number.value() + 1);
                requests.insert(number, text.as_slice())?;
                if request.input.is_none() {
                    write.open_table(BODIES)?.insert(number, body)?;
                }
                number
            };
            write.commit()?;
            Ok(number)
        })
    }

    /// The body that came with a request.
    pub(super) fn body(&self, number: u64) -> io::Result<Bytes> {
        self.with(|database| {
            let bodies = database.begin_read()?.open_table(BODIES)?;
            let body = bodies.get(number)?;
            Ok(body.map_or_else(Bytes::new, |body| Bytes::copy_from_slice(body.value())))
        })
    }

    /// Forgets a request.
    pub(super) fn remove(&self, number: u64) -> io::Result<()> {
        self.with(|database| {
            let write = database.begin_write()?;
            write.open_table(REQUESTS)?.remove(number)?;
            write.open_table(BODIES)?.remove(number)?;
            write.commit()?;
            Ok(())
        })
    }

    /// Every request, the oldest first.
    pub(super) fn all(&self) -> io::Result<Vec<(u64, Request)>> {
        let rows = self.with(|database| {
            let requests = database.begin_read()?.open_table(REQUESTS)?;
            let mut rows = Vec::new();
            for row in requests.iter()? {
                let (number, text) = row?;
                rows.push((number.value(), text.value().to_vec()));
            }
            Ok(rows)
        });
        rows?
            .into_iter()
            .map(|(number, text)| Ok((number, serde_json::from_slice(&text)?)))
            .collect()
    }

    /// Does something with the database. After an error of the disk redb takes nothing more: the
    /// file is closed, and opened by whoever comes next.
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, Error>) -> io::Result<T> {
        let mut database = self.lock();
        let opened = match database.take() {
            Some(opened) => opened,
            None => open(&self.path)?,
        };
        let (done, still_opened) = unharmed(move || {
            let done = work(&opened);
            let fails = matches!(done, Err(Error::Io(_) | Error::PreviousIo));
            // Closed in here, too, where a panic does no harm.
            (done, if fails { None } else { Some(opened) })
        })?;
        *database = still_opened;
        done.map_err(io::Error::other)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Database>> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(path: &Path) -> io::Result<Database> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let made = unharmed(|| {
        let database = Database::create(path)?;
        let write = database.begin_write()?;
        write.open_table(REQUESTS)?;
        write.open_table(BODIES)?;
        write.commit()?;
        Ok::<_, Error>(database)
    });
    made?.map_err(io::Error::other)
}

/// Does something with redb, which panics where a damaged file contradicts itself.
fn unharmed<T>(work: impl FnOnce() -> T) -> io::Result<T> {
    let damaged = |_panic| io::Error::other("the file is damaged");
    catch_unwind(AssertUnwindSafe(work)).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(endpoint: &str) -> Request {
        Request {
            endpoint: endpoint.to_owned(),
            headers: vec![("accept".to_owned(), "\u{e9}".to_owned())],
            input: None,
            output: "s3://abc/o".to_owned(),
            failure: "s3://abc/f".to_owned(),
            accepted_at: 5,
            lives: 6,
            timeout: 7,
        }
    }

    #[test]
    fn rows_outlive_the_journal_in_their_order() {
        let folder = std::env::temp_dir().join(format!("sagewire-journal-{}", std::process::id()));
        let path = folder.join("queue.redb");
        let journal = Journal::open(&path).unwrap();
        let first = journal.add(&request("a"), b"body a").unwrap();
        let second = journal.add(&request("b"), b"body b").unwrap();
        drop(journal);
        let journal = Journal::open(&path).unwrap();
        assert_eq!(journal.all().unwrap(), [(first, request("a")), (second, request("b"))]);
        assert_eq!(journal.body(second).unwrap(), "body b");
        journal.remove(first).unwrap();
        // A number is not given again while a later one waits.
        assert!(journal.add(&request("c"), b"").unwrap() > second);
        assert_eq!(journal.all().unwrap().len(), 2);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
