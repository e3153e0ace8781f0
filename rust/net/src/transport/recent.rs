//! Heads of the calls of late: a client calls the same endpoint with the same headers again and again,
//! and then only time, payload and id differ. No I/O.

use std::sync::{Arc, Mutex, TryLockError};

use sagewire_core::sigv4::{Prepared, Signer};

use super::template::Order;

/// As many are kept.
const KEPT: usize = 8;
/// Once there are as many, every so many calls that are like none of them one is replaced: calls
/// that are all different, such as by an id in a header, hardly pay for what is of no use to them.
const REPLACED_EVERY: usize = 64;

/// The heads of late.
///
/// The lock is never waited for: while another thread has it, or had it when this process was forked, a
/// head is made afresh.
#[derive(Default)]
pub(super) struct Recent(Mutex<Heads>);

#[derive(Default)]
struct Heads {
    kept: Vec<Arc<Head>>,
    unlike: usize,
}

/// What the heads of calls that are alike have in common.
pub(super) struct Head {
    target: String,
    url: String,
    members: Vec<(String, String)>,
    /// All lines that stand before the signature's.
    pub(super) lines: Vec<u8>,
    pub(super) prepared: Prepared,
}

impl Head {
    pub(super) fn new(order: &Order<'_>, lines: &[u8], prepared: Prepared) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            target: order.target.to_owned(),
            url: order.url.to_owned(),
            members: order.members.iter().map(owned).collect(),
            lines: lines.to_vec(),
            prepared,
        }
    }

    fn is_of(&self, order: &Order<'_>, signer: &Signer) -> bool {
        let members = self.members.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.target == order.target
            && self.url == order.url
            && members.eq(order.members.iter().copied())
            && signer.would_prepare(&self.prepared)
    }
}

impl Recent {
    /// The head of a call that is like this one; or else whether this one's is to be kept.
    pub(super) fn like(&self, order: &Order<'_>, signer: &Signer) -> Result<Arc<Head>, bool> {
        let mut heads = match self.0.try_lock() {
            Ok(heads) => heads,
            Err(TryLockError::Poisoned(heads)) => heads.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(false),
        };
        if let Some(known) = heads.kept.iter().find(|head| head.is_of(order, signer)) {
            return Ok(Arc::clone(known));
        }
        // What was signed for with a session token that has been replaced is of no use any more.
        heads.kept.retain(|head| signer.would_prepare(&head.prepared));
        heads.unlike = (heads.unlike + 1) % REPLACED_EVERY;
        Err(heads.kept.len() < KEPT || heads.unlike == 0)
    }

    /// Keeps a head for the calls to come.
    pub(super) fn keep(&self, head: Head) {
        let Ok(mut heads) = self.0.try_lock() else { return };
        if heads.kept.len() >= KEPT {
            heads.kept.remove(0);
        }
        heads.kept.push(Arc::new(head));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sagewire_core::sigv4::{Credentials, Payload, Signer, SignerOptions};

    use super::super::template::{Order, Template};
    use super::{KEPT, REPLACED_EVERY};

    fn signer(token: &str) -> Signer {
        let credentials = Credentials {
            access_key_id: "AKID".to_owned(),
            secret_access_key: "secret".to_owned(),
            token: Some(token.to_owned()),
            expires_at: None,
        };
        let options = SignerOptions {
            region: "us-east-1".to_owned(),
            service: "sagemaker".to_owned(),
            normalize_path: true,
            double_encode: true,
            content_sha256_header: false,
        };
        Signer::new(credentials, options)
    }

    fn template() -> Template {
        let extra = vec![("accept".to_owned(), "x/y".to_owned())];
        Template::new("h.test".to_owned(), "us", extra, None).unwrap()
    }

    fn head(template: &Template, order: &Order<'_>, token: &str, at: i64) -> Option<Vec<u8>> {
        let mut out = b"kept".to_vec();
        let body = format!("{at}");
        let signing = (&signer(token), Payload::Body(body.as_bytes()), at);
        template.push_head(&mut out, order, Some(signing)).ok().map(|()| out)
    }

    fn plain<'a>(members: &'a [(&'a str, &'a str)]) -> Order<'a> {
        Order {
            target: "/a",
            url: "http://h.test/a",
            members,
            trace_id: None,
            identity: "id",
            progress: "attempt=1",
            length: None,
        }
    }

    type Call = (usize, bool, Vec<(usize, usize)>, bool, bool, Option<u64>, i64);

    fn call() -> impl Strategy<Value = Call> {
        let members = prop::collection::vec((0_usize..3, 0_usize..4), 0..3);
        let length = prop::option::of(0_u64..3);
        (0_usize..3, any::<bool>(), members, any::<bool>(), any::<bool>(), length, 0_i64..3)
    }

    proptest! {
        #[test]
        fn a_head_is_the_same_whatever_went_before(calls in prop::collection::vec(call(), 1..40)) {
            let used = template();
            for (place, other_url, members, traced, other_token, length, at) in &calls {
                let names = ["Content-Type", "Accept", "X-Amzn-SageMaker-Inference-Id"];
                let values = ["a", "b ", "", "bad\nvalue"];
                let members: Vec<(&str, &str)> =
                    members.iter().map(|(name, value)| (names[*name], values[*value])).collect();
                let order = Order {
                    target: ["/a", "/b", "/a b"][*place],
                    url: if *other_url { "http://h.test/b" } else { "http://h.test/a" },
                    members: &members,
                    trace_id: traced.then_some("Root=1"),
                    identity: if *other_token { "one" } else { "two" },
                    progress: "attempt=1",
                    length: *length,
                };
                let token = if *other_token { "one" } else { "two" };
                prop_assert_eq!(
                    head(&used, &order, token, *at),
                    head(&template(), &order, token, *at)
                );
            }
        }
    }

    #[test]
    fn calls_that_are_alike_find_their_head_and_others_take_little_room() {
        let used = template();
        let signer = signer("one");
        let call = |number: usize| {
            let value = number.to_string();
            let members = [("Accept-Language", value.as_str())];
            let known = used.recent.like(&plain(&members), &signer).is_ok();
            head(&used, &plain(&members), "one", 0).unwrap();
            known
        };
        assert!((0..KEPT).all(|number| !call(number) && call(number)));
        assert!(!call(KEPT) && !call(KEPT) && call(0));
        assert!((KEPT..KEPT + REPLACED_EVERY).all(|number| !call(number)));
        assert!(!call(0));
        assert_eq!(used.recent.0.lock().unwrap().kept.len(), KEPT);
    }

    #[test]
    fn heads_go_with_their_session_token() {
        let (used, order) = (template(), plain(&[]));
        for token in ["one", "two", "two"] {
            head(&used, &order, token, 0).unwrap();
            assert_eq!(used.recent.0.lock().unwrap().kept.len(), 1);
        }
        assert!(used.recent.like(&order, &signer("two")).is_ok());
        assert!(used.recent.like(&order, &signer("one")).is_err());
    }

    #[test]
    fn a_lock_that_another_has_is_not_waited_for() {
        let (used, order) = (template(), plain(&[]));
        let free = head(&used, &order, "one", 0);
        let _held = used.recent.0.lock().unwrap();
        assert_eq!(head(&used, &order, "one", 0), free);
    }
}
