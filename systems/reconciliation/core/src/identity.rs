//! The identity of a row across files of one source: its external id, or else its content and how often it came before.
//!
//! Two identical rows without an id are two payments until somebody says otherwise, so both survive; the same file read
//! twice gives the same identities, so nothing is doubled.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::date::Day;
use crate::txn::TxnStore;

/// What makes a row the same row in another file of the source. Stored: the formula is part of the data's format,
/// and the
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

/// The hash of everything that a row says, whether or not it has an external id: for a second row with a known id
/// it tells
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::currency::Ccy;
    use crate::txn::Txn;

    fn txn<'a>(ext_id: &'a str, reference: &'a str, counterparty: &'a str) -> Txn<'a> {
        Txn {
            row_id: 1,
            booking_date: Day::from_days(20_000),
            value_date: None,
            amount_minor: 5,
            ccy: Ccy::from_code(b"EUR").unwrap(),
            ext_id,
            reference,
            counterparty,
            description: "",
            kind: "",
        }
    }

    fn of(rows: &[Txn<'_>]) -> Vec<RowIdentity> {
        let mut store = TxnStore::new();
        for row in rows {
            store.push(row).unwrap();
        }
        identities(&store)
    }

    #[test]
    fn equal_rows_without_an_id_are_told_apart_by_their_count_and_the_same_file_gives_the_same_identities()
     {
        let rows = [txn("", "R", ""), txn("", "R", ""), txn("", "S", "")];
        let first = of(&rows);
        assert_eq!(
            (
                first[0].occurrence,
                first[1].occurrence,
                first[2].occurrence
            ),
            (0, 1, 0)
        );
        assert_eq!(first[0].hash, first[1].hash);
        assert_ne!(first[0].hash, first[2].hash);
        assert_eq!(first, of(&rows));
    }

    #[test]
    fn with_an_id_the_content_does_not_matter() {
        let found = of(&[txn("A", "R", ""), txn("A", "S", ""), txn("B", "R", "")]);
        assert_eq!(found[0], found[1]);
        assert_ne!(found[0], found[2]);
    }

    #[test]
    fn the_end_of_one_text_cannot_pass_for_the_start_of_the_next() {
        let found = of(&[txn("", "AB", "C"), txn("", "A", "BC")]);
        assert_ne!(found[0].hash, found[1].hash);
    }

    #[test]
    fn the_stored_format_does_not_change() {
        let hash = of(&[txn("", "R", "P")])[0].hash;
        assert_eq!(
            u128::from_be_bytes(hash),
            0xbd24_8608_1f6e_f5ed_caa1_d971_0ca0_70ec
        );
    }
}
