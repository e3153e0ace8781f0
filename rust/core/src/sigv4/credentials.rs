//! The keys that a request is signed with.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// An access key id, its secret, and the session token of temporary credentials.
///
/// Secrets are wiped when the value is dropped, and never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Credentials {
    /// The public half.
    #[zeroize(skip)]
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: String,
    /// The session token of temporary credentials. An empty one counts as none.
    pub token: Option<String>,
    /// When they expire, in seconds since 1970.
    #[zeroize(skip)]
    pub expires_at: Option<i64>,
}

impl Credentials {
    /// The session token, unless there is none or it is empty.
    pub(crate) fn session_token(&self) -> Option<&str> {
        self.token.as_deref().filter(|token| !token.is_empty())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}
