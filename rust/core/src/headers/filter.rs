//! The rule: what the table names stays, in order; all else goes. Twin: `_pure/headers/filter.py`.
//!
//! Every header is checked, not only the ones that stay: a line feed in a header that would have
//! been dropped is still somebody's attempt to smuggle one.

use super::Operation;

/// What a name and a value may be, in an error's words.
pub const ALLOWED_TEXT: &str = "Latin-1 text without carriage return, line feed and NUL";

const LONGEST_NAME_SHOWN: usize = 64;

/// The part of a header that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Before the colon.
    Name,
    /// After the colon.
    Value,
}

/// What a header must not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// U+000D.
    CarriageReturn,
    /// U+000A.
    LineFeed,
    /// U+0000.
    Nul,
    /// Anything above U+00FF.
    NotLatin1,
}

/// A header that was refused. It never holds the value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "header {number}{}: the {} has {} at position {position}",
    self.shown_name(),
    match part { Part::Name => "name", Part::Value => "value" },
    match found {
        Found::CarriageReturn => "a carriage return",
        Found::LineFeed => "a line feed",
        Found::Nul => "a NUL",
        Found::NotLatin1 => "a character outside Latin-1",
    }
)]
pub struct HeaderError {
    /// Which header, counted from 0.
    pub number: usize,
    /// Its name, if that can be shown without harm.
    pub name: Option<String>,
    /// Name or value.
    pub part: Part,
    /// What is there.
    pub found: Found,
    /// Where, in characters from 0.
    pub position: usize,
}

impl HeaderError {
    fn shown_name(&self) -> String {
        self.name.as_ref().map_or_else(String::new, |name| format!(" ({name})"))
    }
}

/// The numbers of the headers of a request that `operation` supports.
pub fn filter_request<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    operation: Operation,
) -> Result<Vec<usize>, HeaderError> {
    filter(headers, |name| operation.supports_in_request(name))
}

/// The numbers of the headers of a response that `operation` supports.
pub fn filter_response<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    operation: Operation,
) -> Result<Vec<usize>, HeaderError> {
    filter(headers, |name| operation.supports_in_response(name))
}

fn filter<'a>(
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    supported: impl Fn(&[u8]) -> bool,
) -> Result<Vec<usize>, HeaderError> {
    let mut kept = Vec::new();
    for (number, (name, value)) in headers.into_iter().enumerate() {
        check(number, name, Part::Name, name)?;
        check(number, name, Part::Value, value)?;
        if supported(name.as_bytes()) {
            kept.push(number);
        }
    }
    Ok(kept)
}

fn check(number: usize, name: &str, part: Part, text: &str) -> Result<(), HeaderError> {
    let refused = text.chars().enumerate().find_map(|(position, character)| {
        let found = match character {
            '\r' => Found::CarriageReturn,
            '\n' => Found::LineFeed,
            '\0' => Found::Nul,
            '\u{100}'.. => Found::NotLatin1,
            _ => return None,
        };
        Some((position, found))
    });
    match refused {
        None => Ok(()),
        Some((position, found)) => {
            let name = Some(name).filter(|name| is_showable(name)).map(str::to_owned);
            Err(HeaderError { number, name, part, found, position })
        }
    }
}

/// RFC 9110, section 5.6.2: a token. Anything else has no place in an error message.
fn is_showable(name: &str) -> bool {
    (1..=LONGEST_NAME_SHOWN).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_what_the_operation_supports_in_order() {
        let headers = [("Cookie", "a"), ("ACCEPT", "b"), ("Host", "c"), ("accept", "d")];
        assert_eq!(filter_request(headers, Operation::InvokeEndpoint), Ok(vec![1, 3]));
        assert_eq!(filter_request(headers, Operation::InvokeEndpointAsync), Ok(vec![]));
    }

    #[test]
    fn says_where_and_never_what() {
        let error = filter_request([("Cookie", "se\ncret")], Operation::InvokeEndpoint);
        let text = error.map_err(|error| error.to_string());
        assert_eq!(
            text,
            Err("header 0 (Cookie): the value has a line feed at position 2".to_owned())
        );
    }

    proptest! {
        #[test]
        fn what_passes_once_passes_again(names in prop::collection::vec("[aA]ccept|[cC]ookie|.*", 0..8)) {
            let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
            if let Ok(kept) = filter_request(headers.iter().copied(), Operation::InvokeEndpoint) {
                let again: Vec<_> = kept.iter().map(|&number| headers[number]).collect();
                let every: Vec<_> = (0..again.len()).collect();
                prop_assert_eq!(filter_request(again, Operation::InvokeEndpoint), Ok(every));
            }
        }
    }
}
