use proptest::prelude::*;

use super::*;
use crate::mapping::Mapping;
use crate::money::format_minor;

const MAPPING: &str = r#"{
    "amount": {"signed": "amount"},
    "currency": {"column": "ccy"},
    "columns": {"ext_id": "id", "booking_date": "date", "value_date": "value", "reference": "ref"}
}"#;
const HEADER: &str = "id,date,value,ref,amount,ccy\n";

fn mapping(document: &str) -> CompiledMapping {
    serde_json::from_str::<Mapping>(document)
        .unwrap()
        .compile()
        .unwrap()
}

fn read(bytes: &[u8], document: &str) -> Result<Ingested, IngestError> {
    ingest(bytes, &mapping(document), &Limits::default())
}

/// What became of each row, in words: `1 id 2026-01-02 -5.00 EUR ref`, `2 duplicate of 1`, `3 line 4 column 5
/// amount_missing`.
fn check(bytes: &[u8], document: &str, wanted: &[&str]) {
    let file = read(bytes, document).unwrap();
    let mut found: Vec<(u64, String)> = Vec::new();
    for row in 0..file.store.len() {
        let txn = file.store.get(row);
        let amount = format_minor(txn.amount_minor, txn.ccy);
        let text = format!(
            "{} {} {amount} {} {}",
            txn.ext_id, txn.booking_date, txn.ccy, txn.reference
        );
        found.push((txn.row_id, text));
    }
    for row in &file.duplicates {
        found.push((row.row.into(), format!("duplicate of {}", row.first_row)));
    }
    for row in &file.rejected {
        let text = format!(
            "line {} column {} {}",
            row.line,
            row.column,
            row.code.name()
        );
        found.push((row.row.into(), text));
    }
    found.sort();
    let numbers: Vec<u64> = found.iter().map(|(row, _)| *row).collect();
    let all: Vec<u64> = (1..=file.rows_in).collect();
    assert_eq!(numbers, all, "each row is in exactly one state");
    let found: Vec<String> = found
        .iter()
        .map(|(row, text)| format!("{row} {text}"))
        .collect();
    assert_eq!(found, wanted);
}

fn check_rows(rows: &[u8], wanted: &[&str]) {
    check(&[HEADER.as_bytes(), rows].concat(), MAPPING, wanted);
}

#[test]
fn plain_rows_are_read() {
    check_rows(
        b"a,2026-01-02,,R 1,-5.00,EUR\nb,2026-01-03,2026-01-04,\"R,2\",7,JPY\r\n\r\nc,2026-01-03,, x ,1.5,KWD",
        &["1 a 2026-01-02 -5.00 EUR R 1", "2 b 2026-01-03 7 JPY R,2", "3 c 2026-01-03 1.500 KWD x"],
    );
}

#[test]
fn every_fault_is_named_with_its_line_and_column() {
    check_rows(
        b"a,2026-01-02,,r,1.00\n\
          b,2026-01-02,,r,1.00,EUR,extra\n\
          c,,,r,1.00,EUR\n\
          d,2026-02-30,,r,1.00,EUR\n\
          e,2026-01-02,soon,r,1.00,EUR\n\
          f,2026-01-02,,r,,EUR\n\
          g,2026-01-02,,r,1x,EUR\n\
          h,2026-01-02,,r,1.001,EUR\n\
          i,2026-01-02,,r,99999999999999999999,EUR\n\
          j,2026-01-02,,r,1.00,EURO\n\
          k,2026-01-02,,r\0,1.00,EUR\n\
          l,2026-01-02,,M\xfcller,1.00,EUR\n\
          m,2026-01-02,,\"two\nlines\",1x,EUR\n\
          n,2026-01-02,,\"never closed,1.00,EUR\n",
        &[
            "1 line 2 column 0 column_count",
            "2 line 3 column 0 column_count",
            "3 line 4 column 2 date_missing",
            "4 line 5 column 2 date_malformed",
            "5 line 6 column 3 date_malformed",
            "6 line 7 column 5 amount_missing",
            "7 line 8 column 5 amount_malformed",
            "8 line 9 column 5 amount_too_many_decimals",
            "9 line 10 column 5 amount_overflow",
            "10 line 11 column 6 unknown_currency",
            "11 line 12 column 4 nul_byte",
            "12 line 13 column 4 bad_encoding",
            "13 line 14 column 5 amount_malformed",
            "14 line 16 column 0 unclosed_quote",
        ],
    );
}

#[test]
fn a_text_above_the_limit_rejects_its_row_only() {
    let long = "y".repeat(5000);
    check_rows(
        format!("a,2026-01-02,,{long},1.00,EUR\nb,2026-01-02,,r,1.00,EUR\n").as_bytes(),
        &[
            "1 line 2 column 4 field_too_long",
            "2 b 2026-01-02 1.00 EUR r",
        ],
    );
}

#[test]
fn a_known_id_is_a_duplicate_if_all_is_equal_and_a_conflict_if_not() {
    check_rows(
        b"a,2026-01-02,,r,1.00,EUR\na,2026-01-02,,r,1.00,EUR\na,2026-01-02,,r,2.00,EUR\n,2026-01-02,,r,1.00,EUR\n,2026-01-02,,r,1.00,EUR\n\
          b,2026-01-02,,r,1x,EUR\nb,2026-01-02,,r,1.00,EUR\nb,2026-01-02,2026-01-02,r,1.00,EUR\n",
        &[
            "1 a 2026-01-02 1.00 EUR r",
            "2 duplicate of 1",
            "3 line 4 column 1 id_conflict",
            "4  2026-01-02 1.00 EUR r",
            "5  2026-01-02 1.00 EUR r",
            "6 line 7 column 5 amount_malformed",
            "7 b 2026-01-02 1.00 EUR r",
            "8 line 9 column 1 id_conflict",
        ],
    );
}

#[test]
fn a_european_file_in_code_page_1252_without_header_is_read() {
    let document = r#"{
        "delimiter": ";", "header": false, "encoding": "windows-1252", "decimal": "comma", "thousands": ".",
        "dates": ["DD.MM.YYYY", "YYYYMMDD"], "negate": true,
        "amount": {"pair": {"debit": 2, "credit": 3}}, "currency": {"fixed": "EUR"},
        "columns": {"booking_date": 0, "reference": 1}
    }"#;
    check(
        b"07.03.2026;M\xfcller \x80;1.234,56;\n20260308;x;;7\n09.03.2026;x;0,00;5\n10.03.2026;x;1;2\n11.03.2026;x;;\n",
        document,
        &[
            "1  2026-03-07 1234.56 EUR Müller €",
            "2  2026-03-08 -7.00 EUR x",
            "3  2026-03-09 -5.00 EUR x",
            "4 line 4 column 4 amount_twice",
            "5 line 5 column 3 amount_missing",
        ],
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    let text = format!("\u{feff}{HEADER}a,2026-01-02,,r,1.00,EUR\n");
    check(text.as_bytes(), MAPPING, &["1 a 2026-01-02 1.00 EUR r"]);
    let quoted = text.replace("id,", "\"id\",");
    check(quoted.as_bytes(), MAPPING, &["1 a 2026-01-02 1.00 EUR r"]);
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let error = |bytes: &[u8]| read(bytes, MAPPING).unwrap_err().to_string();
    assert_eq!(error(b""), "the file is empty");
    assert_eq!(error(b"\n\r\n\n"), "the file is empty");
    assert_eq!(
        error(b"\xff\xfei\0d\0"),
        "the file is UTF-16 or UTF-32; save it as UTF-8"
    );
    assert!(error(b"id,date,value,ref,amount\n").contains("no column \"ccy\""));
    assert!(error(b"id,date,value,ref,amount,ccy,ID\n").contains("more than one column \"id\""));
    assert!(error(b"\xfc,date\n").contains("header"));
}

#[test]
fn limits_of_rows_and_bytes_hold_exactly() {
    let text = format!("{HEADER}a,2026-01-02,,r,1.00,EUR\nb,2026-01-02,,r,1.00,EUR\n");
    let run = |limits: Limits| ingest(text.as_bytes(), &mapping(MAPPING), &limits);
    let rows = |max_rows| {
        run(Limits {
            max_rows,
            ..Limits::default()
        })
    };
    let bytes = |max_bytes| {
        run(Limits {
            max_bytes,
            ..Limits::default()
        })
    };
    assert!(rows(2).is_ok());
    assert!(matches!(rows(1), Err(IngestError::TooManyRows(1))));
    assert!(bytes(text.len() as u64).is_ok());
    assert!(matches!(
        bytes(text.len() as u64 - 1),
        Err(IngestError::TooLarge(_))
    ));
}

#[test]
fn a_reader_that_fails_is_an_error_and_not_the_end_of_the_file() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk on fire"))
        }
    }
    let input = HEADER.as_bytes().chain(Broken);
    let result = ingest(input, &mapping(MAPPING), &Limits::default());
    assert!(matches!(result, Err(IngestError::Read(_))));
}

proptest! {
    #[test]
    fn whatever_the_bytes_each_row_is_in_exactly_one_state(
        rows in prop::collection::vec(
            prop::collection::vec(prop_oneof![
                Just("a"), Just("b"), Just(""), Just("2026-01-02"), Just("EUR"), Just("1.00"), Just("\""), Just("\n"),
                Just("\0"), Just("é"), Just("-"),
            ], 0..9),
            0..20,
        ),
    ) {
        let rows: Vec<String> = rows.into_iter().map(|fields| fields.join(",")).collect();
        let text = format!("{HEADER}{}", rows.join("\n"));
        let file = read(text.as_bytes(), MAPPING).unwrap();
        let mut numbers: Vec<u64> = (0..file.store.len()).map(|row| file.store.row_id(row)).collect();
        numbers.extend(file.duplicates.iter().map(|row| u64::from(row.row)));
        numbers.extend(file.rejected.iter().map(|row| u64::from(row.row)));
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (1..=file.rows_in).collect::<Vec<_>>());
    }
}
