//! AWS Signature Version 4: what a request becomes before it is signed, the key it is signed with,
//! the two places a signature goes to (header, query), and the check on the other side.
//!
//! Source of every rule:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
//! The pure twin is `python/sagewire/_pure/sigv4`, file by file.
//!
//! ```text
//! canonical.rs  method, path, query, headers and payload hash -> canonical request
//! key.rs        secret, date, region, service                 -> signing key (cached)
//! sign.rs       canonical request -> string to sign -> Authorization header
//! presign.rs    the same, as query parameters
//! prepared.rs   what requests have in common
//! event.rs      a chain of signed event-stream messages
//! claim.rs      what a request says about its own signature
//! verify.rs     is it true
//! ```

mod canonical;
mod claim;
mod credentials;
mod error;
mod event;
mod explain;
mod key;
mod prepared;
mod presign;
mod sign;
mod timestamp;
mod url;
mod verify;

pub use canonical::Header;
pub use credentials::Credentials;
pub use error::{InvalidArgument, Refusal, SignatureError};
pub use event::EventSigner;
pub use explain::Explanation;
pub use key::sha256_hex;
pub use prepared::Prepared;
pub use sign::{Payload, Signature, Signer, SignerOptions};
pub use verify::{Identity, Verifier, VerifierOptions};

/// The algorithm's name, as it stands in front of every signature.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The last part of every credential scope.
pub(crate) const TERMINATOR: &str = "aws4_request";

/// The word in place of a payload's hash that leaves the payload unsigned.
pub(crate) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// The longest life of a presigned URL, in seconds: seven days.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html>
pub const MAX_EXPIRES_IN: i64 = 604_800;
