use proptest::prelude::*;

use super::*;

/// Hands out a few bytes at a time, as a socket does.
struct Trickle<'a> {
    rest: &'a [u8],
    step: usize,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.step.min(self.rest.len()).min(buffer.len());
        let (now, later) = self.rest.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.rest = later;
        Ok(count)
    }
}

type Records = Vec<Vec<Vec<u8>>>;

fn ours(input: &[u8], delimiter: u8, step: usize, window: usize) -> Records {
    let input = Trickle { rest: input, step };
    let mut reader = CsvReader::with_window(input, delimiter, u64::MAX, window);
    let mut records = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        assert_eq!(record.fields().count(), record.len());
        records.push(record.fields().map(<[u8]>::to_vec).collect());
    }
    records
}

fn theirs(input: &[u8], delimiter: u8) -> Records {
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(input);
    reader
        .byte_records()
        .map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect())
        .collect()
}

fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => Just(b','),
        4 => Just(b'"'),
        3 => Just(b'\n'),
        2 => Just(b'\r'),
        4 => Just(b'a'),
        1 => Just(b';'),
        1 => Just(b'\t'),
        1 => Just(0),
        1 => Just(b' '),
        1 => Just(0x1f),
        1 => Just(0x80),
        1 => Just(0xfc),
        1 => any::<u8>(),
    ];
    // A byte order mark is not the scanner's business, and the other one drops it.
    prop::collection::vec(byte, 0..120)
        .prop_filter("no byte order mark", |bytes| bytes.first() != Some(&0xEF))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes_give_the_records_of_the_csv_crate(
        input in hostile_bytes(),
        delimiter in prop_oneof![Just(b','), Just(b';'), Just(b'\t'), Just(b'|')],
        step in 1_usize..40,
        window in 1_usize..40,
    ) {
        prop_assert_eq!(ours(&input, delimiter, step, window), theirs(&input, delimiter));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn records_across_the_real_window_are_those_of_the_csv_crate(
        parts in prop::collection::vec((hostile_bytes(), 0_usize..3000), 1..60),
    ) {
        let mut input = Vec::new();
        for (part, padding) in parts {
            input.extend(part);
            input.extend(std::iter::repeat_n(b'x', padding));
        }
        prop_assert_eq!(ours(&input, b',', usize::MAX, WINDOW), theirs(&input, b','));
    }

    #[test]
    fn the_marks_are_exactly_the_bytes_that_can_mean_something(input in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut marks = Vec::new();
        mark(&input, b';', &mut marks);
        let wanted: Vec<u32> = (0..).zip(&input)
            .filter(|(_, byte)| **byte == b';' || **byte == b'"' || **byte < 0x20)
            .map(|(place, _)| place)
            .collect();
        prop_assert_eq!(marks, wanted);
    }
}

#[test]
fn lines_are_counted_through_quoted_line_ends_and_blank_lines() {
    let input = b"a\r\n\r\n\"b\nb\",x\nc\n\n\nd";
    let mut reader = CsvReader::new(&input[..], b',', u64::MAX);
    let mut lines = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        lines.push((record.field(0).to_vec(), record.line));
    }
    let wanted = [(&b"a"[..], 1), (b"b\nb", 3), (b"c", 5), (b"d", 8)];
    assert_eq!(lines, wanted.map(|(field, line)| (field.to_vec(), line)));
}

#[test]
fn an_open_quote_is_reported_with_the_rest_of_the_input_as_its_field() {
    let mut reader = CsvReader::new(&b"a,b\nc,\"d\ne,f\n"[..], b',', u64::MAX);
    assert!(!reader.next_record().unwrap().unwrap().unclosed);
    let record = reader.next_record().unwrap().unwrap();
    assert!(record.unclosed);
    assert_eq!(record.field(1), b"d\ne,f\n");
    assert!(reader.next_record().unwrap().is_none());
}

#[test]
fn a_field_of_many_windows_is_one_field() {
    let long = "y".repeat(5 * WINDOW);
    for text in [
        format!("a,{long},b\nc,d,e\n"),
        format!("a,\"{long}\",b\nc,d,e\n"),
    ] {
        let records = ours(text.as_bytes(), b',', 10_000, WINDOW);
        assert_eq!(records, theirs(text.as_bytes(), b','));
    }
}

#[test]
fn more_bytes_than_allowed_are_an_error() {
    let mut reader = CsvReader::new(&b"a,b\nc,d\n"[..], b',', 7);
    assert!(matches!(reader.next_record(), Err(CsvError::TooLong(7))));
}
