//! Normalisers: what two texts may differ in and still mean the same.
//!
//! Each is named in rule sets, pure, and never changes its meaning: a better one gets a new name, because rule sets are
//! immutable once used.

use serde::{Deserialize, Serialize};

/// A named normaliser. Several are applied in the order given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normaliser {
    /// Keeps ASCII letters and digits, in capitals; other letters stay as they are.
    UpperAlnum,
    /// Drops zeros in front (`000123` is `123`); a text of zeros becomes `0`.
    StripLeadingZeros,
    /// Keeps ASCII digits.
    DigitsOnly,
    /// Drops blanks and capitalises, as in `DE89 3704 0044 0532 0130 00`.
    Iban,
    /// The longest word with at least four digits (the first of equals); empty if there is none.
    InvoiceToken,
    /// Drops legal forms at the end (`LTD`, `PVT`, `INC`, `GMBH` and so on) with the punctuation around them.
    CompanySuffix,
}

/// Legal forms that [`Normaliser::CompanySuffix`] drops, in capitals and without punctuation.
const LEGAL_FORMS: [&str; 19] = [
    "LTD",
    "LIMITED",
    "PVT",
    "PRIVATE",
    "INC",
    "INCORPORATED",
    "LLC",
    "LLP",
    "PLC",
    "CORP",
    "CORPORATION",
    "CO",
    "COMPANY",
    "GMBH",
    "AG",
    "SA",
    "SARL",
    "BV",
    "KK",
];

/// Working memory of [`normalise`], so that normalising a row allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    current: Vec<u8>,
    next: Vec<u8>,
}

/// The text after all `steps`.
#[inline]
pub(crate) fn normalise<'a>(
    text: &'a [u8],
    steps: &[Normaliser],
    scratch: &'a mut Scratch,
) -> &'a [u8] {
    let Some((first, rest)) = steps.split_first() else {
        return text;
    };
    scratch.current.clear();
    apply(*first, text, &mut scratch.current);
    for step in rest {
        scratch.next.clear();
        apply(*step, &scratch.current, &mut scratch.next);
        std::mem::swap(&mut scratch.current, &mut scratch.next);
    }
    &scratch.current
}

fn apply(step: Normaliser, text: &[u8], out: &mut Vec<u8>) {
    match step {
        Normaliser::UpperAlnum => {
            let kept = text
                .iter()
                .filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
            out.extend(kept.map(u8::to_ascii_uppercase));
        }
        Normaliser::StripLeadingZeros => {
            let zeros = text.iter().take_while(|byte| **byte == b'0').count();
            out.extend_from_slice(&text[zeros.min(text.len().saturating_sub(1))..]);
        }
        Normaliser::DigitsOnly => out.extend(text.iter().filter(|byte| byte.is_ascii_digit())),
        Normaliser::Iban => {
            let kept = text.iter().filter(|byte| !byte.is_ascii_whitespace());
            out.extend(kept.map(u8::to_ascii_uppercase));
        }
        Normaliser::InvoiceToken => out.extend_from_slice(invoice_token(text)),
        Normaliser::CompanySuffix => out.extend_from_slice(without_legal_forms(text)),
    }
}

fn invoice_token(text: &[u8]) -> &[u8] {
    let digits = |word: &[u8]| word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let words = text.split(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric());
    let mut best: &[u8] = &[];
    for word in words {
        if word.len() > best.len() && digits(word) >= 4 {
            best = word;
        }
    }
    best
}

fn without_legal_forms(text: &[u8]) -> &[u8] {
    let mut kept = trim_punctuation(text);
    loop {
        let is_gap = |byte: &u8| matches!(byte, b' ' | b',' | b'\t');
        let Some(gap) = kept.iter().rposition(is_gap) else {
            return kept;
        };
        if !is_legal_form(&kept[gap + 1..]) {
            return kept;
        }
        kept = trim_punctuation(&kept[..gap]);
    }
}

/// `Ltd.`, `L.L.C.` and `Ltd` are the same form.
fn is_legal_form(word: &[u8]) -> bool {
    let letters = || {
        word.iter()
            .filter(|byte| **byte != b'.')
            .map(u8::to_ascii_uppercase)
    };
    LEGAL_FORMS.iter().any(|form| letters().eq(form.bytes()))
}

fn trim_punctuation(text: &[u8]) -> &[u8] {
    let is_edge = |byte: &u8| matches!(byte, b' ' | b',' | b'.' | b'\t');
    let end = text
        .iter()
        .rposition(|byte| !is_edge(byte))
        .map_or(0, |last| last + 1);
    text[..end].trim_ascii_start()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(steps: &[Normaliser], text: &str, wanted: &str) {
        let mut scratch = Scratch::default();
        let found = normalise(text.as_bytes(), steps, &mut scratch);
        assert_eq!(
            std::str::from_utf8(found).unwrap(),
            wanted,
            "{steps:?} of {text:?}"
        );
    }

    #[test]
    fn each_normaliser_does_what_its_name_says() {
        use Normaliser::{
            CompanySuffix, DigitsOnly, Iban, InvoiceToken, StripLeadingZeros, UpperAlnum,
        };
        check(&[], "as it is", "as it is");
        check(&[UpperAlnum], "inv-0001/23 a", "INV000123A");
        check(&[UpperAlnum], "Müller & Co", "MüLLERCO");
        check(&[StripLeadingZeros], "000120", "120");
        check(&[StripLeadingZeros], "000", "0");
        check(&[StripLeadingZeros], "", "");
        check(&[DigitsOnly], "INV-12 34", "1234");
        check(&[Iban], "de89 3704 0044", "DE8937040044");
        check(
            &[InvoiceToken],
            "payment for INV20260001 of 3rd May 1234",
            "INV20260001",
        );
        check(&[InvoiceToken], "no number here", "");
        check(&[CompanySuffix], "Acme Trading Pvt. Ltd.", "Acme Trading");
        check(&[CompanySuffix], "Acme, Inc", "Acme");
        check(&[CompanySuffix], "Ltd", "Ltd");
        check(&[CompanySuffix], "Saco", "Saco");
        check(
            &[CompanySuffix, UpperAlnum],
            "acme trading L.L.C.",
            "ACMETRADING",
        );
        check(
            &[InvoiceToken, DigitsOnly, StripLeadingZeros],
            "ref INV000042",
            "42",
        );
    }

    proptest! {
        #[test]
        fn the_result_is_text_and_a_second_time_changes_nothing(text in "\\PC{0,40}") {
            use Normaliser::*;
            for step in [UpperAlnum, StripLeadingZeros, DigitsOnly, Iban, InvoiceToken, CompanySuffix] {
                let mut first = Scratch::default();
                let mut second = Scratch::default();
                let once = normalise(text.as_bytes(), &[step], &mut first);
                prop_assert!(std::str::from_utf8(once).is_ok());
                let twice = normalise(once, &[step], &mut second);
                prop_assert_eq!(once, twice, "{:?}", step);
            }
        }
    }
}
