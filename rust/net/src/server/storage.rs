//! Where the inputs and outputs of asynchronous invocations are: a folder, or S3 itself.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::locations::Location;
use super::s3::{S3, S3Settings};

/// Where objects are.
#[derive(Clone, Debug, PartialEq)]
pub enum StorageSettings {
    /// `s3://bucket/key` is the file `bucket/key` of a folder.
    Folder(PathBuf),
    /// An endpoint of S3, or of something that speaks like it.
    S3(S3Settings),
}

/// Why an object was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotWritten {
    /// A disk is full, or a network away: later it may be.
    Now,
    /// There can be no object of that name.
    Never,
}

/// Reads and writes objects.
pub(super) enum Storage {
    Folder(PathBuf),
    S3(Box<S3>),
}

/// An error of the system's that says which path it is about.
pub(super) fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

impl Storage {
    pub(super) fn new(settings: &StorageSettings) -> io::Result<Self> {
        Ok(match settings {
            StorageSettings::Folder(folder) => {
                fs::create_dir_all(folder).map_err(|error| named(folder, &error))?;
                Self::Folder(folder.clone())
            }
            StorageSettings::S3(settings) => Self::S3(Box::new(S3::new(settings)?)),
        })
    }

    /// An object's bytes, at most `limit` of them.
    pub(super) async fn read(&self, location: &Location, limit: usize) -> io::Result<Bytes> {
        match self {
            Self::Folder(folder) => {
                let file = location.file(folder);
                blocking(move || read_file(&file, limit)).await
            }
            Self::S3(s3) => s3.get(location, limit).await,
        }
    }

    /// Writes an object, whole or not at all.
    pub(super) async fn write(
        &self,
        location: &Location,
        content: Bytes,
    ) -> Result<(), NotWritten> {
        let written = match self {
            Self::Folder(folder) => {
                let file = location.file(folder);
                blocking(move || write_file(&file, &content)).await
            }
            Self::S3(s3) => s3.put(location, content).await,
        };
        written.map_err(|error| match error.kind() {
            // A part of the name is too long for a file, or is a folder where it should be a file,
            // or the other way round.
            ErrorKind::AlreadyExists
            | ErrorKind::DirectoryNotEmpty
            | ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput
            | ErrorKind::IsADirectory
            | ErrorKind::NotADirectory => NotWritten::Never,
            _ => NotWritten::Now,
        })
    }
}

/// Runs what waits for a disk where it holds up no connection.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn read_file(path: &Path, limit: usize) -> io::Result<Bytes> {
    let file = File::open(path)?;
    let mut content = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    file.take(most.saturating_add(1)).read_to_end(&mut content)?;
    if content.len() > limit {
        return Err(io::Error::other("it is too long"));
    }
    Ok(content.into())
}

fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    // Whoever looks for the file finds all of it or nothing; a name of its own, since two calls may
    // write the same object.
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let unique = std::process::id();
    let moment = std::thread::current().id();
    let beside = folder.join(format!(".{name}.{unique}.{moment:?}"));
    let written = write_synced(&beside, content).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // Half a file on a full disk would keep it full.
        let _best_effort = fs::remove_file(&beside);
    }
    written
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}
