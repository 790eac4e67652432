//! Currencies of ISO 4217 and the number of decimals of each.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A currency of ISO 4217, held as its place in [`TABLE`]. The place is not stable between versions: store
/// [`Ccy::code`], never the number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ccy(u8);

/// A text that is no currency code of ISO 4217.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown currency code {0:?} (expected three capital letters of ISO 4217)")]
pub struct UnknownCurrencyError(String);

impl Ccy {
    /// The currency with this three-letter code, in capitals. `None` if ISO 4217 lists no such code.
    #[inline]
    pub fn from_code(code: &[u8]) -> Option<Self> {
        let &[a, b, c] = code else { return None };
        match LOOKUP[slot(a, b, c)?] {
            0 => None,
            place => Some(Self(place - 1)),
        }
    }

    /// The three capital letters.
    pub fn code(self) -> &'static str {
        TABLE[usize::from(self.0)].0
    }

    /// Its place in the table, for comparisons inside the process.
    #[inline]
    pub(crate) fn place(self) -> u8 {
        self.0
    }

    /// The decimals of one unit: 2 for USD, 0 for JPY, 3 for KWD.
    #[inline]
    pub fn exponent(self) -> u8 {
        TABLE[usize::from(self.0)].1
    }
}

impl fmt::Display for Ccy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Ccy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl TryFrom<String> for Ccy {
    type Error = UnknownCurrencyError;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        Self::from_code(code.as_bytes()).ok_or(UnknownCurrencyError(code))
    }
}

impl From<Ccy> for String {
    fn from(ccy: Ccy) -> Self {
        ccy.code().to_owned()
    }
}

/// Place of a code in a table of all three-letter words, so that a look-up is one load and no comparison: the
/// currency column is read once for each row.
const fn slot(a: u8, b: u8, c: u8) -> Option<usize> {
    if !(a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_uppercase()) {
        return None;
    }
    Some(((a - b'A') as usize * 26 + (b - b'A') as usize) * 26 + (c - b'A') as usize)
}

/// For each three-letter word, one more than its place in [`TABLE`]; 0 for a word that is no currency.
static LOOKUP: [u8; 26 * 26 * 26] = {
    let mut lookup = [0_u8; 26 * 26 * 26];
    let mut place = 0_u8;
    while (place as usize) < TABLE.len() {
        let code = TABLE[place as usize].0.as_bytes();
        if let Some(at) = slot(code[0], code[1], code[2]) {
            lookup[at] = place + 1;
        }
        place += 1;
    }
    lookup
};

/// Active codes of ISO 4217 (list one) with their exponents. Codes without a minor unit (metals, bond units, SDR, test)
/// are left out: an amount in them cannot be put into minor units.
#[rustfmt::skip]
const TABLE: [(&str, u8); 167] = [
    ("AED", 2), ("AFN", 2), ("ALL", 2), ("AMD", 2), ("AOA", 2), ("ARS", 2), ("AUD", 2), ("AWG", 2), ("AZN", 2), ("BAM", 2),
    ("BBD", 2), ("BDT", 2), ("BGN", 2), ("BHD", 3), ("BIF", 0), ("BMD", 2), ("BND", 2), ("BOB", 2), ("BOV", 2), ("BRL", 2),
    ("BSD", 2), ("BTN", 2), ("BWP", 2), ("BYN", 2), ("BZD", 2), ("CAD", 2), ("CDF", 2), ("CHE", 2), ("CHF", 2), ("CHW", 2),
    ("CLF", 4), ("CLP", 0), ("CNY", 2), ("COP", 2), ("COU", 2), ("CRC", 2), ("CUP", 2), ("CVE", 2), ("CZK", 2), ("DJF", 0),
    ("DKK", 2), ("DOP", 2), ("DZD", 2), ("EGP", 2), ("ERN", 2), ("ETB", 2), ("EUR", 2), ("FJD", 2), ("FKP", 2), ("GBP", 2),
    ("GEL", 2), ("GHS", 2), ("GIP", 2), ("GMD", 2), ("GNF", 0), ("GTQ", 2), ("GYD", 2), ("HKD", 2), ("HNL", 2), ("HTG", 2),
    ("HUF", 2), ("IDR", 2), ("ILS", 2), ("INR", 2), ("IQD", 3), ("IRR", 2), ("ISK", 0), ("JMD", 2), ("JOD", 3), ("JPY", 0),
    ("KES", 2), ("KGS", 2), ("KHR", 2), ("KMF", 0), ("KPW", 2), ("KRW", 0), ("KWD", 3), ("KYD", 2), ("KZT", 2), ("LAK", 2),
    ("LBP", 2), ("LKR", 2), ("LRD", 2), ("LSL", 2), ("LYD", 3), ("MAD", 2), ("MDL", 2), ("MGA", 2), ("MKD", 2), ("MMK", 2),
    ("MNT", 2), ("MOP", 2), ("MRU", 2), ("MUR", 2), ("MVR", 2), ("MWK", 2), ("MXN", 2), ("MXV", 2), ("MYR", 2), ("MZN", 2),
    ("NAD", 2), ("NGN", 2), ("NIO", 2), ("NOK", 2), ("NPR", 2), ("NZD", 2), ("OMR", 3), ("PAB", 2), ("PEN", 2), ("PGK", 2),
    ("PHP", 2), ("PKR", 2), ("PLN", 2), ("PYG", 0), ("QAR", 2), ("RON", 2), ("RSD", 2), ("RUB", 2), ("RWF", 0), ("SAR", 2),
    ("SBD", 2), ("SCR", 2), ("SDG", 2), ("SEK", 2), ("SGD", 2), ("SHP", 2), ("SLE", 2), ("SOS", 2), ("SRD", 2), ("SSP", 2),
    ("STN", 2), ("SVC", 2), ("SYP", 2), ("SZL", 2), ("THB", 2), ("TJS", 2), ("TMT", 2), ("TND", 3), ("TOP", 2), ("TRY", 2),
    ("TTD", 2), ("TWD", 2), ("TZS", 2), ("UAH", 2), ("UGX", 0), ("USD", 2), ("USN", 2), ("UYI", 0), ("UYU", 2), ("UYW", 4),
    ("UZS", 2), ("VED", 2), ("VES", 2), ("VND", 0), ("VUV", 0), ("WST", 2), ("XAF", 0), ("XCD", 2), ("XCG", 2), ("XOF", 0),
    ("XPF", 0), ("YER", 2), ("ZAR", 2), ("ZMW", 2), ("ZWG", 2), ("ANG", 2), ("CUC", 2),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponents_are_those_of_iso_4217() {
        for (code, exponent) in [
            ("USD", 2),
            ("EUR", 2),
            ("INR", 2),
            ("JPY", 0),
            ("KWD", 3),
            ("CLF", 4),
            ("TND", 3),
        ] {
            assert_eq!(
                Ccy::from_code(code.as_bytes()).unwrap().exponent(),
                exponent,
                "{code}"
            );
        }
    }

    #[test]
    fn every_entry_is_found_under_its_own_code_and_only_there() {
        for (place, (code, _)) in TABLE.iter().enumerate() {
            assert_eq!(
                usize::from(Ccy::from_code(code.as_bytes()).unwrap().0),
                place,
                "{code}"
            );
        }
        let found = LOOKUP.iter().filter(|place| **place != 0).count();
        assert_eq!(found, TABLE.len());
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for text in ["", "US", "USDX", "usd", "XXX", "XAU", "U$D", "ÄBC"] {
            assert_eq!(Ccy::from_code(text.as_bytes()), None, "{text}");
        }
    }
}
