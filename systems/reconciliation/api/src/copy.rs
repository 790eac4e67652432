//! PostgreSQL's binary COPY format, both ways: the fastest path in and out of a table.
//!
//! <https://www.postgresql.org/docs/15/sql-copy.html>, "Binary Format": a header, then rows of (field count, then
//! length and bytes
//! of each field), then a field count of -1. All numbers are big-endian.

use uuid::Uuid;

/// Signature, flags, length of the header's extension.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// PostgreSQL counts days from 2000-01-01, we from 1970-01-01.
const EPOCH_SHIFT: i32 = 10_957;

/// OID of `bigint`, which an array carries with it.
const OID_INT8: i32 = 20;

/// Writes rows.
#[derive(Debug)]
pub struct Encoder {
    buffer: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// Starts with the header.
    pub fn new() -> Self {
        let mut buffer = Vec::with_capacity(96 * 1024);
        buffer.extend_from_slice(HEADER);
        Self { buffer }
    }

    /// Begins a row.
    pub fn row(&mut self, fields: i16) -> &mut Self {
        self.buffer.extend_from_slice(&fields.to_be_bytes());
        self
    }

    fn field(&mut self, bytes: &[u8]) -> &mut Self {
        self.length(bytes.len());
        self.buffer.extend_from_slice(bytes);
        self
    }

    fn length(&mut self, length: usize) {
        // Fields are at most 64 KiB here; PostgreSQL's own bound is 1 GiB.
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        self.buffer.extend_from_slice(&length.to_be_bytes());
    }

    /// `NULL`.
    pub fn null(&mut self) -> &mut Self {
        self.buffer.extend_from_slice(&(-1_i32).to_be_bytes());
        self
    }

    /// `integer`.
    pub fn int4(&mut self, value: i32) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    /// `bigint`.
    pub fn int8(&mut self, value: i64) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    /// `real`.
    pub fn float4(&mut self, value: f32) -> &mut Self {
        self.field(&value.to_be_bytes())
    }

    /// `boolean`.
    pub fn boolean(&mut self, value: bool) -> &mut Self {
        self.field(&[u8::from(value)])
    }

    /// `text`, `char(n)`. A zero character, which PostgreSQL cannot hold, becomes a replacement character.
    pub fn text(&mut self, value: &str) -> &mut Self {
        if value.as_bytes().contains(&0) {
            return self.field(value.replace('\0', "\u{fffd}").as_bytes());
        }
        self.field(value.as_bytes())
    }

    /// `jsonb`: version 1, then text.
    pub fn jsonb(&mut self, text: &str) -> &mut Self {
        self.length(text.len() + 1);
        self.buffer.push(1);
        self.buffer.extend_from_slice(text.as_bytes());
        self
    }

    /// `uuid`.
    pub fn uuid(&mut self, value: Uuid) -> &mut Self {
        self.field(value.as_bytes())
    }

    /// `date`, from days since 1970.
    pub fn date(&mut self, days: i32) -> &mut Self {
        self.field(&(days - EPOCH_SHIFT).to_be_bytes())
    }

    /// `bigint[]` of one dimension.
    pub fn int8_array(&mut self, values: &[i64]) -> &mut Self {
        self.length(20 + values.len() * 12);
        for number in [
            1,
            0,
            OID_INT8,
            i32::try_from(values.len()).unwrap_or(i32::MAX),
            1,
        ] {
            self.buffer.extend_from_slice(&number.to_be_bytes());
        }
        for value in values {
            self.field(&value.to_be_bytes());
        }
        self
    }

    /// What has been written so far, when it is worth sending.
    pub fn full(&mut self) -> Option<Vec<u8>> {
        const WORTH_SENDING: usize = 64 * 1024;
        (self.buffer.len() >= WORTH_SENDING)
            .then(|| std::mem::replace(&mut self.buffer, Vec::with_capacity(96 * 1024)))
    }

    /// The rest, with the trailer.
    pub fn end(mut self) -> Vec<u8> {
        self.buffer.extend_from_slice(&(-1_i16).to_be_bytes());
        self.buffer
    }
}

/// What came is not the binary format.
#[derive(Debug, thiserror::Error)]
#[error("the database sent a malformed copy")]
pub struct MalformedCopyError;

/// Reads rows from chunks that may be cut anywhere.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    at: usize,
    started: bool,
}

impl Decoder {
    /// Adds a chunk.
    pub fn feed(&mut self, chunk: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(chunk);
    }

    /// Gives the next complete row to `read`; `None` when a chunk is missing or all is read.
    pub fn next_row<T>(
        &mut self,
        read: impl FnOnce(&mut Fields<'_>) -> Result<T, MalformedCopyError>,
    ) -> Result<Option<T>, MalformedCopyError> {
        if !self.started {
            if self.buffer.len() < HEADER.len() {
                return Ok(None);
            }
            if self.buffer[..11] != HEADER[..11] {
                return Err(MalformedCopyError);
            }
            self.at = HEADER.len();
            self.started = true;
        }
        let Some(length) = row_length(&self.buffer[self.at..]) else {
            return Ok(None);
        };
        let row = &self.buffer[self.at..self.at + length];
        let mut fields = Fields(&row[2..]);
        let value = read(&mut fields)?;
        self.at += length;
        Ok(Some(value))
    }
}

/// Bytes of the row that starts here, if all of it is here and it is not the trailer.
fn row_length(bytes: &[u8]) -> Option<usize> {
    let count = i16::from_be_bytes(bytes.first_chunk::<2>().copied()?);
    let count = usize::try_from(count).ok()?;
    let mut at = 2;
    for _ in 0..count {
        let length = i32::from_be_bytes(bytes.get(at..)?.first_chunk::<4>().copied()?);
        at += 4 + usize::try_from(length).unwrap_or(0);
    }
    (at <= bytes.len()).then_some(at)
}

/// The fields of one row, in order.
#[derive(Debug)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The bytes of the next field; `None` for `NULL`.
    pub fn next_field(&mut self) -> Result<Option<&'a [u8]>, MalformedCopyError> {
        let (length, rest) = self.0.split_first_chunk::<4>().ok_or(MalformedCopyError)?;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            self.0 = rest;
            return Ok(None);
        };
        let (field, rest) = rest.split_at_checked(length).ok_or(MalformedCopyError)?;
        self.0 = rest;
        Ok(Some(field))
    }

    /// `bigint`.
    pub fn int8(&mut self) -> Result<i64, MalformedCopyError> {
        let field = self.next_field()?.ok_or(MalformedCopyError)?;
        field
            .try_into()
            .map(i64::from_be_bytes)
            .map_err(|_| MalformedCopyError)
    }

    /// `date` as days since 1970.
    pub fn date(&mut self) -> Result<Option<i32>, MalformedCopyError> {
        let Some(field) = self.next_field()? else {
            return Ok(None);
        };
        let days = field
            .try_into()
            .map(i32::from_be_bytes)
            .map_err(|_| MalformedCopyError)?;
        days.checked_add(EPOCH_SHIFT)
            .map(Some)
            .ok_or(MalformedCopyError)
    }

    /// `text`.
    pub fn text(&mut self) -> Result<&'a str, MalformedCopyError> {
        let field = self.next_field()?.unwrap_or_default();
        std::str::from_utf8(field).map_err(|_| MalformedCopyError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_survive_chunks_cut_anywhere() {
        let mut encoder = Encoder::new();
        encoder.row(4).int8(7).date(20_000).text("a\0b").null();
        encoder.row(4).int8(-8).null().text("").null();
        let bytes = encoder.end();
        for cut in 1..bytes.len() {
            let mut decoder = Decoder::default();
            let mut rows = Vec::new();
            for chunk in bytes.chunks(cut) {
                decoder.feed(chunk);
                while let Some(row) = decoder
                    .next_row(|f| Ok((f.int8()?, f.date()?, f.text()?.to_owned())))
                    .unwrap()
                {
                    rows.push(row);
                }
            }
            let first = (7, Some(20_000), "a\u{fffd}b".to_owned());
            assert_eq!(rows, [first, (-8, None, String::new())]);
        }
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let mut decoder = Decoder::default();
        decoder.feed(b"something else entirely");
        assert!(decoder.next_row(|f| Ok((f.int8()?,))).is_err());
    }
}
