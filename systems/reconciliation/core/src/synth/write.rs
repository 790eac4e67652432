//! The three files.

use std::io::{self, Write};

use super::{Dataset, Flaw, SynthRow};
use crate::money::format_minor;

impl Dataset {
    /// The bank statement, read by [`super::left_mapping`].
    pub fn write_left(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "id,booking_date,value_date,amount,currency,reference,counterparty"
        )?;
        for row in &self.left {
            let (date, amount, ccy) = row.written();
            let (id, value) = (&row.ext_id, row.value);
            let (reference, party) = (quoted(&row.reference), quoted(&row.party));
            writeln!(
                out,
                "{id},{date},{value},{amount},{ccy},{reference},{party}"
            )?;
        }
        Ok(())
    }

    /// The ledger, read by [`super::right_mapping`].
    pub fn write_right(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "entry,posted,document,party,ccy,amount")?;
        for row in &self.right {
            let (date, amount, ccy) = row.written();
            let (reference, party) = (quoted(&row.reference), quoted(&row.party));
            writeln!(
                out,
                "{},{date},{reference},{party},{ccy},{amount}",
                row.ext_id
            )?;
        }
        Ok(())
    }

    /// The truth: one line for each row of both files. `row` counts from 1 without the header; `match_id` is empty
    /// for a
    /// row that belongs to no match.
    pub fn write_truth(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "match_id,side,row,ext_id,state,effect")?;
        for truth in self.truth() {
            let match_id = truth
                .match_id
                .map(|id| format!("M{id:07}"))
                .unwrap_or_default();
            let (side, state, effect) =
                (truth.side.name(), truth.state.name(), truth.effect.name());
            writeln!(
                out,
                "{match_id},{side},{},{},{state},{effect}",
                truth.row, truth.ext_id
            )?;
        }
        Ok(())
    }
}

impl SynthRow {
    /// Date, amount and currency as the file has them, flaw included.
    fn written(&self) -> (String, String, &'static str) {
        let date = self.booking.to_string();
        let amount = format_minor(self.minor, self.ccy);
        let ccy = self.ccy.code();
        match self.flaw {
            None => (date, amount, ccy),
            Some(Flaw::Amount) => (date, format!("{amount}x"), ccy),
            Some(Flaw::Decimals) => {
                let point = if self.ccy.exponent() == 0 { "." } else { "" };
                (date, format!("{amount}{point}5"), ccy)
            }
            Some(Flaw::Currency) => (date, amount, "XQZ"),
            Some(Flaw::Date) => ("2026-02-30".to_owned(), amount, ccy),
        }
    }
}

/// In quotes if it needs them.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
