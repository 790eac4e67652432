//! Where answers are kept: bounded in bytes, shared by all cores, gone with the process.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::sync::Semaphore;

use super::rules::Freshness;

/// Enough that two cores rarely meet at one lock.
const SHARDS: usize = 16;
/// Bytes of all answers: what is left of the gateway's 64 MiB when 10,000 connections idle in the rest.
const MAX_BYTES: usize = 32 << 20;
const SHARD_BYTES: usize = MAX_BYTES / SHARDS;
/// The longest body that is kept: a quarter of a shard, so that one cannot drive out all others.
pub(super) const MAX_BODY: usize = SHARD_BYTES / 4;
/// Answers to one address that differ by the headers named in `vary`; the oldest goes first.
const MAX_VARIANTS: usize = 8;
/// What an answer costs beside its bytes: the maps' slack, the list of headers, its keys. Measured, rounded up.
const OVERHEAD: usize = 1024;

/// An answer that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The headers that it depends on, as the request had them.
    pub(super) vary: Vec<(HeaderName, Vec<HeaderValue>)>,
    pub(super) freshness: Freshness,
    /// When it came.
    pub(super) since: Instant,
    /// The release that gave it.
    pub(super) release: String,
}

impl Kept {
    /// Its age now.
    pub(super) fn age(&self) -> Duration {
        self.freshness.age.saturating_add(self.since.elapsed())
    }

    /// Whether it answers a request with these headers.
    pub(super) fn fits(&self, request: &HeaderMap) -> bool {
        self.vary
            .iter()
            .all(|(name, values)| request.get_all(name).iter().eq(values.iter()))
    }

    fn size(&self) -> usize {
        let head: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        self.body.len() + head + OVERHEAD
    }
}

/// All answers that are kept, and the requests under way that will bring more.
#[derive(Debug)]
pub(crate) struct Store {
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<Arc<str>, Entry>,
    /// Keys in the order in which they get a second chance, or go.
    order: VecDeque<Arc<str>>,
    bytes: usize,
    flights: HashMap<Arc<str>, Arc<Semaphore>>,
}

#[derive(Debug, Default)]
struct Entry {
    variants: Vec<Arc<Kept>>,
    used: bool,
}

impl Entry {
    fn size(&self) -> usize {
        self.variants.iter().map(|kept| kept.size()).sum()
    }
}

/// Who asks the replica.
#[derive(Debug)]
pub(super) enum Flight {
    /// We do; the others wait until this is dropped.
    Leader(Leader),
    /// Somebody else does; closed when it is decided what came of it.
    Follower(Arc<Semaphore>),
}

/// The one request that goes to a replica while others wait for what it brings.
#[derive(Debug)]
pub(super) struct Leader {
    store: Arc<Store>,
    key: Arc<str>,
    landed: Arc<Semaphore>,
}

impl Drop for Leader {
    fn drop(&mut self) {
        let mut shard = self.store.shard(&self.key);
        shard.flights.remove(&self.key);
        drop(shard);
        self.landed.close();
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl Store {
    fn shard(&self, key: &str) -> MutexGuard<'_, Shard> {
        let index = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer of this release to a request with these headers, fresh or not.
    pub(super) fn get(&self, key: &str, request: &HeaderMap, release: &str) -> Option<Arc<Kept>> {
        let mut shard = self.shard(key);
        let entry = shard.entries.get_mut(key)?;
        let found = entry
            .variants
            .iter()
            .find(|kept| kept.release == release && kept.fits(request))?;
        entry.used = true;
        Some(Arc::clone(found))
    }

    /// Keeps an answer in place of the one that it follows.
    pub(super) fn put(&self, key: &Arc<str>, kept: Kept) {
        let mut guard = self.shard(key);
        let shard = &mut *guard;
        if !shard.entries.contains_key(key) {
            shard.order.push_back(Arc::clone(key));
        }
        let entry = shard.entries.entry(Arc::clone(key)).or_default();
        let before = entry.size();
        let same = |other: &Arc<Kept>| other.vary == kept.vary || other.release != kept.release;
        entry.variants.retain(|other| !same(other));
        if entry.variants.len() >= MAX_VARIANTS {
            entry.variants.remove(0);
        }
        entry.variants.push(Arc::new(kept));
        shard.bytes = (shard.bytes + entry.size()).saturating_sub(before);
        while shard.bytes > SHARD_BYTES {
            shard.drop_one();
        }
    }

    /// Forgets all answers to an address.
    pub(super) fn remove(&self, key: &str) {
        let mut shard = self.shard(key);
        if let Some(entry) = shard.entries.remove(key) {
            shard.bytes = shard.bytes.saturating_sub(entry.size());
            shard.order.retain(|other| other.as_ref() != key);
        }
    }

    /// Whether to ask a replica, or to wait for somebody who does so already.
    pub(super) fn fly(self: &Arc<Self>, key: &Arc<str>) -> Flight {
        let mut shard = self.shard(key);
        if let Some(landed) = shard.flights.get(key) {
            return Flight::Follower(Arc::clone(landed));
        }
        let landed = Arc::new(Semaphore::new(0));
        shard.flights.insert(Arc::clone(key), Arc::clone(&landed));
        Flight::Leader(Leader {
            store: Arc::clone(self),
            key: Arc::clone(key),
            landed,
        })
    }

    /// Bytes of all answers.
    pub(crate) fn bytes(&self) -> usize {
        let bytes = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.bytes
        };
        self.shards.iter().map(bytes).sum()
    }
}

impl Shard {
    /// Drops the first that was not used since its last turn.
    fn drop_one(&mut self) {
        while let Some(key) = self.order.pop_front() {
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            if std::mem::take(&mut entry.used) {
                self.order.push_back(key);
                continue;
            }
            self.bytes = self.bytes.saturating_sub(entry.size());
            self.entries.remove(&key);
            return;
        }
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(size: usize, language: Option<&'static str>) -> Kept {
        let vary = language.map(|language| {
            let values = vec![HeaderValue::from_static(language)];
            (http::header::ACCEPT_LANGUAGE, values)
        });
        Kept {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from(vec![0; size]),
            vary: vary.into_iter().collect(),
            freshness: Freshness {
                lifetime: Duration::from_secs(1),
                age: Duration::ZERO,
                shareable: false,
            },
            since: Instant::now(),
            release: "r1".into(),
        }
    }

    fn key(text: &str) -> Arc<str> {
        Arc::from(text)
    }

    #[test]
    fn memory_is_bounded_and_what_is_used_stays_longest() {
        let store = Arc::new(Store::default());
        let hot = key("hot");
        store.put(&hot, kept(1000, None));
        for number in 0..2000 {
            store.put(&key(&number.to_string()), kept(MAX_BODY - OVERHEAD, None));
            assert!(
                store.get(&hot, &HeaderMap::new(), "r1").is_some(),
                "{number}"
            );
            assert!(store.bytes() <= MAX_BYTES);
        }
        let shard = store.shard(&hot);
        assert_eq!(shard.entries.len(), shard.order.len());
    }

    #[test]
    fn variants_are_told_apart_and_bounded() {
        let store = Store::default();
        let one = key("one");
        let languages = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        for language in languages {
            store.put(&one, kept(10, Some(language)));
            store.put(&one, kept(10, Some(language)));
        }
        let with = |language: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(
                http::header::ACCEPT_LANGUAGE,
                HeaderValue::from_static(language),
            );
            store.get(&one, &headers, "r1").is_some()
        };
        assert!(!with("a") && with("b") && with("i") && !with("x"));
        assert!(store.get(&one, &HeaderMap::new(), "r1").is_none());
        store.remove(&one);
        assert_eq!(store.bytes(), 0);
    }

    #[test]
    fn another_releases_answer_is_none() {
        let store = Store::default();
        let one = key("one");
        store.put(&one, kept(10, None));
        assert!(store.get(&one, &HeaderMap::new(), "r2").is_none());
        store.put(
            &one,
            Kept {
                release: "r2".into(),
                ..kept(10, None)
            },
        );
        assert!(store.get(&one, &HeaderMap::new(), "r1").is_none());
        assert!(store.get(&one, &HeaderMap::new(), "r2").is_some());
    }

    #[test]
    fn one_asks_and_the_others_wait_for_it() {
        let store = Arc::new(Store::default());
        let one = key("one");
        let Flight::Leader(leader) = store.fly(&one) else {
            panic!("nobody else flies")
        };
        let Flight::Follower(landed) = store.fly(&one) else {
            panic!("somebody flies already")
        };
        assert!(!landed.is_closed());
        drop(leader);
        assert!(landed.is_closed());
        assert!(matches!(store.fly(&one), Flight::Leader(_)));
    }
}
