//! Single values of a configuration file: each in its range, or an error at its line and key.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use super::config::ConfigError;

/// The longest time that a setting may name: a day.
const MAX_SECONDS: f64 = 86_400.0;
const NAME_ALLOWED: &str = "1 to 63 letters, digits and hyphens, no hyphen first or last";

/// The line of a span, and the key that stands on it or the table that it is in.
pub(super) fn place(text: &str, span: &Range<usize>) -> (usize, String) {
    let before = text.get(..span.start).unwrap_or(text);
    let number = before.matches('\n').count();
    let key_of = |line: &str| {
        let key = line.split('=').next().unwrap_or_default().trim();
        key.trim_matches(|edge| edge == '[' || edge == ']').to_owned()
    };
    let mut lines = text.lines().take(number + 1).collect::<Vec<_>>();
    let key = lines.pop().map(key_of).unwrap_or_default();
    let table = lines.iter().rev().find(|line| line.trim_start().starts_with('['));
    let name = match table {
        Some(table) if !text.lines().nth(number).is_some_and(|line| line.starts_with('[')) => {
            format!("{}.{key}", key_of(table))
        }
        _ => key,
    };
    (number + 1, name)
}

/// A URL without what stands in front of its host, which may be somebody's password.
pub(super) fn without_password(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((before, after)) => {
            let scheme = before.split_once("://").map_or(before, |(scheme, _)| scheme);
            format!("{scheme}://***@{after}")
        }
        None => url.to_owned(),
    }
}

/// Turns what stands in the file into settings.
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
    pub(super) clock: fn() -> Duration,
}

impl Reader<'_> {
    pub(super) fn error<T>(
        &self,
        value: &Spanned<T>,
        problem: impl fmt::Display,
        allowed: &str,
    ) -> ConfigError {
        let (line, key) = place(self.text, &value.span());
        ConfigError { line, key, problem: problem.to_string(), allowed: allowed.to_owned() }
    }

    pub(super) fn address(&self, given: Option<&Spanned<String>>) -> Result<IpAddr, ConfigError> {
        let Some(given) = given else { return Ok(Ipv4Addr::LOCALHOST.into()) };
        match given.get_ref().as_str() {
            "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
            text => text.parse().map_err(|_no_address| {
                self.error(given, format!("{text:?} is no address"), "an IP address, or localhost")
            }),
        }
    }

    pub(super) fn region(&self, given: Option<&Spanned<String>>) -> Result<String, ConfigError> {
        let Some(given) = given else { return Ok("us-east-1".to_owned()) };
        let text = given.get_ref();
        let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if text.is_empty() || !text.bytes().all(sound) {
            let problem = format!("{text:?} is no region");
            return Err(self.error(given, problem, "lower-case letters, digits and hyphens"));
        }
        Ok(text.clone())
    }

    pub(super) fn seconds(
        &self,
        given: Option<&Spanned<f64>>,
        least: f64,
        usual: f64,
    ) -> Result<Duration, ConfigError> {
        let Some(given) = given else { return Ok(Duration::from_secs_f64(usual)) };
        let value = *given.get_ref();
        if (least..=MAX_SECONDS).contains(&value) {
            return Ok(Duration::from_secs_f64(value));
        }
        let allowed = format!("{least} to {MAX_SECONDS} seconds");
        Err(self.error(given, format!("{value} is out of range"), &allowed))
    }

    pub(super) fn count(
        &self,
        given: Option<&Spanned<usize>>,
        usual: usize,
        least: usize,
        most: usize,
    ) -> Result<usize, ConfigError> {
        let Some(given) = given else { return Ok(usual) };
        let value = *given.get_ref();
        if (least..=most).contains(&value) {
            return Ok(value);
        }
        let problem = format!("{value} is out of range");
        Err(self.error(given, problem, &format!("{least} to {most}")))
    }

    pub(super) fn name(&self, given: &Spanned<String>) -> Result<String, ConfigError> {
        let text = given.get_ref();
        let edges = [text.bytes().next(), text.bytes().last()];
        let sound = text.len() <= 63
            && edges.iter().all(|edge| edge.is_some_and(|byte| byte.is_ascii_alphanumeric()))
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if sound {
            return Ok(text.clone());
        }
        Err(self.error(given, format!("{text:?} is no name"), NAME_ALLOWED))
    }
}
