//! A rate limit that all gateways of an environment share: the buckets of [`super::limit`], in a Redis.
//!
//! The gateway's own bucket is asked first. Whoever is over it here is over it everywhere, so that a flood stays here
//! and does not become one on Redis; and where Redis does not answer in time, its word is all there is.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use http::HeaderMap;
use plimsoll_bundle::local::{LimitKey, RateLimit};
use sha2::{Digest as _, Sha256};

use super::core::Core;
use super::limit::Verdict;
use super::resp::{Address, Reply, command};
use super::subject;
use crate::cidr;

/// What a request waits for Redis: many times what an answer takes in one data centre, and hardly felt.
const BUDGET: Duration = Duration::from_millis(5);

/// The bucket's step, as in [`super::limit`], in microseconds of Redis's own clock. Answers 0, or how long to wait.
const SCRIPT: &str = "\
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local cost, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local account = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
if account - now > tolerance then return account - now - tolerance end
account = account + cost
redis.call('SET', KEYS[1], string.format('%d', account), 'PX', math.ceil((account - now) / 1000) + 1)
return 0";

/// A limit's buckets in a Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SharedLimit {
    /// Where.
    pub(crate) address: Address,
    /// What the keys of this limit begin with.
    prefix: String,
    by: Vec<LimitKey>,
    cost_us: String,
    tolerance_us: String,
}

impl SharedLimit {
    /// The buckets of limit `name` of an environment.
    pub(crate) fn new(
        address: Address,
        environment: (&str, &str),
        name: &str,
        rule: &RateLimit,
    ) -> Self {
        let period = rule.per_ms.max(1).saturating_mul(1000);
        let cost = (period / rule.requests.max(1)).max(1);
        let tolerance = cost.saturating_mul(rule.burst.max(1) - 1);
        let (app, environment) = environment;
        Self {
            address,
            prefix: format!("plimsoll:limit:{app}:{environment}:{name}:"),
            by: rule.by.clone(),
            cost_us: cost.to_string(),
            tolerance_us: tolerance.to_string(),
        }
    }

    /// Charges a request; `None` where Redis has no say in time.
    pub(crate) async fn charge(
        &self,
        core: &Rc<Core>,
        headers: &HeaderMap,
        client: IpAddr,
    ) -> Option<Verdict> {
        let key = self.key(headers, client);
        let link = core.link(&self.address);
        // Redis knows a script that it has seen by its text; the name that it could be called by would be SHA-1.
        let asked = command(&[
            b"EVAL",
            SCRIPT.as_bytes(),
            b"1",
            key.as_bytes(),
            self.cost_us.as_bytes(),
            self.tolerance_us.as_bytes(),
        ]);
        match link.ask(asked, BUDGET).await? {
            Reply::Integer(0) => Some(Verdict::Pass),
            Reply::Integer(wait) => {
                let micros = u64::try_from(wait).ok()?;
                let nanoseconds = micros.saturating_mul(1000);
                Some(Verdict::Wait { nanoseconds })
            }
            Reply::Error(_) | Reply::Other => None,
        }
    }

    /// The same for the same client in every gateway, and nothing that says who it is.
    fn key(&self, headers: &HeaderMap, client: IpAddr) -> String {
        let mut hash = Sha256::new();
        let found = self.by.iter().find_map(|by| match by {
            LimitKey::User => subject::of_bearer(headers).map(|user| (0_u8, user.into_owned())),
            LimitKey::Key => headers
                .get("x-api-key")
                .map(|key| (1, key.as_bytes().to_vec())),
            LimitKey::Ip => None,
        });
        let (kind, who) = found.unwrap_or_else(|| {
            let address = cidr::limited_as(client).to_string();
            (2, address.into_bytes())
        });
        hash.update([kind]);
        hash.update(who);
        format!("{}{}", self.prefix, hex(&hash.finalize()[..16]))
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
