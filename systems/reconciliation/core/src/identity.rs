//! The identity of a row across files of one source: its external id, or else its content and how often it came before.
//!
//! Two identical rows without an id are two payments until somebody says otherwise, so both survive; the same file read
//! twice gives the same identities, so nothing is doubled.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::date::Day;
use crate::txn::TxnStore;

/// What makes a row the same row in another file of the source. Stored: the formula is part of the data's format, and the
/// first byte that is hashed is its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowIdentity {
    /// The first half of a SHA-256, so that nobody can craft a row that passes for another.
    pub hash: [u8; 16],
    /// How many rows before it in the file have the same hash; 0 with an external id.
    pub occurrence: u32,
}

const FORMAT: u8 = 1;

/// The identities of all rows, in the order of the store.
pub fn identities(store: &TxnStore) -> Vec<RowIdentity> {
    let mut seen: HashMap<[u8; 16], u32> = HashMap::new();
    (0..store.len())
        .map(|row| {
            let hash = hash(store, row);
            if !store.get(row).ext_id.is_empty() {
                return RowIdentity {
                    hash,
                    occurrence: 0,
                };
            }
            let count = seen.entry(hash).or_insert(0);
            let occurrence = *count;
            *count += 1;
            RowIdentity { hash, occurrence }
        })
        .collect()
}

/// The hash of everything that a row says, whether or not it has an external id: for a second row with a known id it tells
/// a duplicate from a conflict.
pub fn content_hash(store: &TxnStore, row: usize) -> [u8; 16] {
    let txn = store.get(row);
    let mut hasher = Hasher::new(b'c');
    hasher.text(txn.ext_id);
    hasher.content(store, row);
    hasher.finish()
}

fn hash(store: &TxnStore, row: usize) -> [u8; 16] {
    let txn = store.get(row);
    if txn.ext_id.is_empty() {
        let mut hasher = Hasher::new(b'r');
        hasher.content(store, row);
        hasher.finish()
    } else {
        let mut hasher = Hasher::new(b'i');
        hasher.text(txn.ext_id);
        hasher.finish()
    }
}

struct Hasher(Sha256);

impl Hasher {
    fn new(domain: u8) -> Self {
        Self(Sha256::new_with_prefix([FORMAT, domain]))
    }

    /// With its length, so that the end of one text cannot pass for the start of the next.
    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    fn content(&mut self, store: &TxnStore, row: usize) {
        let txn = store.get(row);
        self.0.update(txn.booking_date.days().to_le_bytes());
        let value_date = txn.value_date.map_or(i32::MIN, Day::days);
        self.0.update(value_date.to_le_bytes());
        self.0.update(txn.amount_minor.to_le_bytes());
        self.0.update(txn.ccy.code());
        for text in [txn.reference, txn.counterparty, txn.description, txn.kind] {
            self.text(text);
        }
    }

    fn finish(self) -> [u8; 16] {
        let digest = self.0.finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        half
    }
}
