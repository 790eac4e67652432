//! The loop over the records of a file.

use std::hash::BuildHasher;
use std::io::Read;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::row::{Fault, Plan};
use super::{Duplicate, IngestError, Ingested, Limits, Reject, RejectCode};
use crate::csv::{CsvError, CsvReader, CsvRecord};
use crate::encoding::{Encoding, decode_into};
use crate::mapping::CompiledMapping;
use crate::txn::{TextField, TxnStore};

pub(super) fn read_all(
    input: impl Read,
    mapping: &CompiledMapping,
    limits: &Limits,
) -> Result<Ingested, IngestError> {
    let mut csv = CsvReader::new(input, mapping.delimiter, limits.max_bytes);
    skip_byte_order_mark(&mut csv)?;
    let Some(first) = csv.next_record()? else {
        return Err(IngestError::Empty);
    };
    let plan = Plan::new(mapping, &names(&first, mapping.mapping.encoding)?, limits)?;
    let mut file = File::new(plan.new_store());
    if !mapping.mapping.header {
        file.take(&first, &plan, limits)?;
    }
    while let Some(record) = csv.next_record()? {
        file.take(&record, &plan, limits)?;
    }
    file.store.shrink();
    Ok(Ingested {
        store: file.store,
        rows_in: u64::from(file.rows),
        duplicates: file.duplicates,
        rejected: file.rejected,
        bytes: csv.bytes_read(),
    })
}

fn skip_byte_order_mark(csv: &mut CsvReader<impl Read>) -> Result<(), IngestError> {
    match csv.peek()? {
        [0xEF, 0xBB, 0xBF, ..] => csv.skip(3),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => return Err(IngestError::WideEncoding),
        _ => {}
    }
    Ok(())
}

fn names(record: &CsvRecord<'_>, encoding: Encoding) -> Result<Vec<String>, IngestError> {
    let decode = |field: &[u8]| {
        let mut name = Vec::new();
        let is_text = decode_into(field.trim_ascii(), encoding, &mut name);
        String::from_utf8(name)
            .ok()
            .filter(|_| is_text)
            .ok_or(IngestError::Header)
    };
    record.fields().map(decode).collect()
}

/// What was read of a file so far.
struct File {
    store: TxnStore,
    rows: u32,
    duplicates: Vec<Duplicate>,
    rejected: Vec<Reject>,
    /// Places of the rows in the store, by their external id.
    by_id: HashTable<u32>,
    /// Seeded at random, so that nobody can craft ids that collide; no result depends on it.
    hasher: RandomState,
}

impl File {
    fn new(store: TxnStore) -> Self {
        Self {
            store,
            rows: 0,
            duplicates: Vec::new(),
            rejected: Vec::new(),
            by_id: HashTable::new(),
            hasher: RandomState::default(),
        }
    }

    #[inline]
    fn take(
        &mut self,
        record: &CsvRecord<'_>,
        plan: &Plan<'_>,
        limits: &Limits,
    ) -> Result<(), IngestError> {
        if u64::from(self.rows) >= limits.max_rows || self.rows == u32::MAX - 1 {
            return Err(IngestError::TooManyRows(limits.max_rows));
        }
        self.rows += 1;
        match plan.read(record, u64::from(self.rows), &mut self.store) {
            Ok(()) if plan.has_id() => self.check_id(record, plan),
            Ok(()) => {}
            Err(fault) => self.reject(record, fault),
        }
        Ok(())
    }

    fn reject(&mut self, record: &CsvRecord<'_>, fault: Fault) {
        self.rejected.push(Reject {
            row: self.rows,
            line: record.line,
            column: fault.column,
            code: fault.code,
        });
    }

    /// Takes the row back that was added last if its id is known already.
    fn check_id(&mut self, record: &CsvRecord<'_>, plan: &Plan<'_>) {
        let store = &self.store;
        let last = store.len() - 1;
        let id_of = |row: u32| store.bytes(row as usize, TextField::ExtId);
        let id = store.bytes(last, TextField::ExtId);
        if id.is_empty() {
            return;
        }
        let hash = self.hasher.hash_one(id);
        let rehash = |row: &u32| self.hasher.hash_one(id_of(*row));
        let entry = self.by_id.entry(hash, |row| id_of(*row) == id, rehash);
        let first = match entry {
            Entry::Vacant(slot) => {
                if let Ok(place) = u32::try_from(last) {
                    slot.insert(place);
                }
                return;
            }
            Entry::Occupied(slot) => *slot.get() as usize,
        };
        let first_row = u32::try_from(store.row_id(first)).unwrap_or(0);
        let says_the_same = store.same_content(first, last);
        self.store.pop();
        if says_the_same {
            self.duplicates.push(Duplicate {
                row: self.rows,
                line: record.line,
                first_row,
            });
        } else {
            self.reject(
                record,
                Fault {
                    code: RejectCode::IdConflict,
                    column: plan.id_column(),
                },
            );
        }
    }
}

impl From<CsvError> for IngestError {
    fn from(error: CsvError) -> Self {
        match error {
            CsvError::Read(error) => Self::Read(error),
            CsvError::TooLong(limit) => Self::TooLarge(limit),
        }
    }
}
