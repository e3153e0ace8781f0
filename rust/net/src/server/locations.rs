//! `s3://bucket/key`, and the file of a folder that stands for it. Twin: `_pure/server/locations.py`.

use std::fmt;
use std::path::{Path, PathBuf};

/// An object in S3, or what stands for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub(super) bucket: String,
    pub(super) key: String,
}

impl Location {
    /// Reads `s3://bucket/key`; `None` for anything that no file can stand for.
    pub fn parse(text: &str) -> Option<Self> {
        let (bucket, key) = text.strip_prefix("s3://")?.split_once('/')?;
        let place = Self { bucket: bucket.to_owned(), key: key.to_owned() };
        (is_bucket(bucket) && is_key(key)).then_some(place)
    }

    /// An object under this one, which is taken for a folder. An empty part is left out.
    pub(super) fn join(&self, parts: &[&str]) -> Option<Self> {
        let mut key = self.key.trim_end_matches('/').to_owned();
        for part in parts.iter().filter(|part| !part.is_empty()) {
            if !key.is_empty() {
                key.push('/');
            }
            key.push_str(part.trim_matches('/'));
        }
        let joined = Self { bucket: self.bucket.clone(), key };
        is_key(&joined.key).then_some(joined)
    }

    /// Reads `s3://bucket/prefix`, in which the prefix may be absent.
    pub fn parse_prefix(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("s3://")?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let key = key.trim_end_matches('/');
        let sound = is_bucket(bucket) && (key.is_empty() || is_key(key));
        sound.then(|| Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// The file that stands for it.
    pub(super) fn file(&self, folder: &Path) -> PathBuf {
        folder.join(&self.bucket).join(&self.key)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.key)
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn is_bucket(name: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.first().is_some_and(|first| sound(*first))
        && bytes.last().is_some_and(|last| sound(*last))
        && bytes.iter().all(|byte| sound(*byte) || matches!(byte, b'.' | b'-'))
}

/// A key that is also a path which stays below its folder.
fn is_key(key: &str) -> bool {
    let sound = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    key.split('/').all(sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_file_can_stand_for() {
        for text in ["s3://abc/d", "s3://a.b-c/d/e f/\u{e9}"] {
            assert_eq!(Location::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "s3://abc",
            "s3://abc/",
            "s3://abc//d",
            "s3://abc/../d",
            "s3://abc/./d",
            "s3://../d",
            "s3://ab/c",
            "s3://-ab/c",
            "s3://Abc/d",
            "https://abc/d",
            "s3://abc/d/",
            "s3://abc/\0",
        ] {
            assert_eq!(Location::parse(text), None, "{text}");
        }
    }

    #[test]
    fn parts_are_joined_and_stay_below() {
        let prefix = Location::parse_prefix("s3://abc/out/").unwrap();
        assert_eq!(prefix.join(&["", "x"]).unwrap().to_string(), "s3://abc/out/x");
        assert_eq!(prefix.join(&["y/z/", "x"]).unwrap().to_string(), "s3://abc/out/y/z/x");
        assert_eq!(prefix.join(&["../..", "x"]), None);
        let bare = Location::parse_prefix("s3://abc").unwrap();
        assert_eq!(bare.join(&["x"]).unwrap().to_string(), "s3://abc/x");
        assert!(bare.join(&[]).is_none());
    }
}
