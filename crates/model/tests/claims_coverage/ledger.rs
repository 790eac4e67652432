//! What the documents say, a row a sentence.

/// A sentence of a document.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// Its id: document and number.
    pub(crate) id: &'a str,
    /// The system that the document is about.
    pub(crate) system: &'a str,
    /// What it says.
    pub(crate) claim: &'a str,
    /// The number in it, or a remark.
    pub(crate) value: &'a str,
    /// How it can be proven.
    pub(crate) proof: &'a str,
}

const LEDGER: &str = include_str!("../../fixtures/claims-ledger.tsv");

/// Every row.
pub(crate) fn rows() -> impl Iterator<Item = Row<'static>> {
    LEDGER.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [id, system, _area, claim, value, proof] = cells[..] else {
            panic!("six cells, not: {line}");
        };
        Row {
            id,
            system,
            claim,
            value,
            proof,
        }
    })
}

/// The row that a claim's id belongs to: `A1-048` of `A1-048b`. None: it is no id of the documents.
pub(crate) fn row_of(claim: &str) -> Option<&str> {
    let bytes = claim.as_bytes();
    let shape = bytes.len() >= 6
        && bytes[0].is_ascii_uppercase()
        && bytes[1].is_ascii_digit()
        && bytes[2] == b'-'
        && bytes[3..6].iter().all(u8::is_ascii_digit)
        && matches!(&bytes[6..], [] | [b'a'..=b'z']);
    shape.then(|| &claim[..6])
}
