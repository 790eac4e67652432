use super::*;

fn txn(row_id: u64, reference: &str) -> Txn<'_> {
    Txn {
        row_id,
        booking_date: Day::from_ymd(2026, 1, 2).unwrap(),
        value_date: row_id
            .is_multiple_of(2)
            .then(|| Day::from_ymd(2026, 1, 3).unwrap()),
        amount_minor: -5,
        ccy: Ccy::from_code(b"EUR").unwrap(),
        ext_id: "id",
        reference,
        counterparty: "",
        description: "späte Zahlung",
        kind: "K",
    }
}

#[test]
fn rows_come_back_as_they_went_in() {
    let mut store = TxnStore::new();
    for row_id in 1..=4 {
        store.push(&txn(row_id, "R")).unwrap();
    }
    for (place, row_id) in (1..=4).enumerate() {
        assert_eq!(store.get(place), txn(row_id, "R"));
    }
}

#[test]
fn ids_that_are_not_counted_from_one_come_back_too() {
    for ids in [[1, 2, 9, 4], [7, 2, 3, 4], [1, 3, 3, u64::MAX]] {
        let mut store = TxnStore::new();
        for id in ids {
            store.push(&txn(id, "R")).unwrap();
        }
        assert_eq!([0, 1, 2, 3].map(|row| store.row_id(row)), ids);
        store.pop();
        store.push(&txn(11, "R")).unwrap();
        assert_eq!(
            [0, 1, 2, 3].map(|row| store.row_id(row)),
            [ids[0], ids[1], ids[2], 11]
        );
    }
}

#[test]
fn a_store_with_one_text_takes_any_row_afterwards() {
    let mut store = TxnStore::with_texts([false, true, false, false, false]);
    let mut record = store.start_record();
    record.arena().extend_from_slice(b"R1");
    record.end_text();
    let numbers = Numbers {
        row_id: 1,
        booking_date: Day::from_days(20_000),
        value_date: None,
        amount_minor: 5,
        ccy: Ccy::from_code(b"EUR").unwrap(),
    };
    record.commit(numbers).unwrap();
    let narrow = store.get(0);
    assert_eq!(
        (narrow.reference, narrow.ext_id, narrow.kind),
        ("R1", "", "")
    );
    store.push(&txn(2, "R2")).unwrap();
    let wide = store.get(0);
    assert_eq!(
        (wide.reference, wide.ext_id, wide.amount_minor),
        ("R1", "", 5)
    );
    assert_eq!(store.get(1), txn(2, "R2"));
}

#[test]
fn a_row_that_is_too_long_leaves_no_trace() {
    let mut store = TxnStore::new();
    store.push(&txn(1, "R")).unwrap();
    let before = store.arena.len();
    let long = "x".repeat(70_000);
    assert_eq!(store.push(&txn(2, &long)), Err(StoreError::RowTooLong));
    assert_eq!((store.len(), store.arena.len()), (1, before));
    store.push(&txn(3, "S")).unwrap();
    assert_eq!(store.get(1), txn(3, "S"));
}
