//! What has been accepted and not been done yet, on disk; native only.
//!
//! An embedded database (redb) with one row a request. A row is there, and synced, before its
//! caller is told that the request was accepted; it goes when the result has been written. A process
//! that is killed in between does the request again: at least once, never not at all.

use std::io;
use std::path::Path;

use bytes::Bytes;
use redb::{Database, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

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
    database: Database,
}

impl Journal {
    /// Opens the database, making it if there is none.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let database = Database::create(path).map_err(io::Error::other)?;
        let made = database.begin_write().map_err(io::Error::other)?;
        made.open_table(REQUESTS).map_err(io::Error::other)?;
        made.open_table(BODIES).map_err(io::Error::other)?;
        made.commit().map_err(io::Error::other)?;
        Ok(Self { database })
    }

    /// Keeps a request; once this returns, it survives the process and the machine.
    pub(super) fn add(&self, request: &Request, body: &[u8]) -> io::Result<u64> {
        let text = serde_json::to_vec(request)?;
        let write = self.database.begin_write().map_err(io::Error::other)?;
        let number = {
            let mut requests = write.open_table(REQUESTS).map_err(io::Error::other)?;
            let last = requests.last().map_err(io::Error::other)?;
            let number = last.map_or(0, |(number, _)| number.value() + 1);
            requests.insert(number, text.as_slice()).map_err(io::Error::other)?;
            if request.input.is_none() {
                let mut bodies = write.open_table(BODIES).map_err(io::Error::other)?;
                bodies.insert(number, body).map_err(io::Error::other)?;
            }
            number
        };
        write.commit().map_err(io::Error::other)?;
        Ok(number)
    }

    /// The body that came with a request.
    pub(super) fn body(&self, number: u64) -> io::Result<Bytes> {
        let read = self.database.begin_read().map_err(io::Error::other)?;
        let bodies = read.open_table(BODIES).map_err(io::Error::other)?;
        let body = bodies.get(number).map_err(io::Error::other)?;
        Ok(body.map_or_else(Bytes::new, |body| Bytes::copy_from_slice(body.value())))
    }

    /// Forgets a request.
    pub(super) fn remove(&self, number: u64) -> io::Result<()> {
        let write = self.database.begin_write().map_err(io::Error::other)?;
        {
            let mut requests = write.open_table(REQUESTS).map_err(io::Error::other)?;
            requests.remove(number).map_err(io::Error::other)?;
            let mut bodies = write.open_table(BODIES).map_err(io::Error::other)?;
            bodies.remove(number).map_err(io::Error::other)?;
        }
        write.commit().map_err(io::Error::other)
    }

    /// Every request, the oldest first.
    pub(super) fn all(&self) -> io::Result<Vec<(u64, Request)>> {
        let read = self.database.begin_read().map_err(io::Error::other)?;
        let requests = read.open_table(REQUESTS).map_err(io::Error::other)?;
        let rows = requests.iter().map_err(io::Error::other)?;
        rows.map(|row| {
            let (number, text) = row.map_err(io::Error::other)?;
            Ok((number.value(), serde_json::from_slice(text.value())?))
        })
        .collect()
    }
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
