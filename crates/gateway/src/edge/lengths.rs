//! Whether a head of HTTP/1 has both lengths, `content-length` and `transfer-encoding`.
//!
//! The parser takes the second and removes the first, as it may (RFC 9112 section 6.3), so that afterwards nobody can
//! see that there were two. No legitimate client sends both, so we look at the bytes as they come. What is not seen
//! here (a head that begins in the middle of a read, behind another request) is still read in one way only, and its
//! connection ends.

const LENGTH: &[u8] = b"content-length:";
const CODING: &[u8] = b"transfer-encoding:";

/// Looks at one head after the other.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "two for each of two names, and the place"
)]
pub(crate) struct Lengths {
    in_head: bool,
    /// Bytes of the present line, as long as it may still become one of the two.
    column: usize,
    may_be_length: bool,
    may_be_coding: bool,
    has_length: bool,
    has_coding: bool,
}

impl Lengths {
    /// A head begins with the next bytes.
    pub(crate) fn begin(&mut self) {
        *self = Self {
            in_head: true,
            ..Self::default()
        };
    }

    /// Looks at bytes; whether the head has both by now. GET and HEAD are let pass unseen: with a coded body they are
    /// refused whatever else they have.
    pub(crate) fn see(&mut self, bytes: &[u8]) -> bool {
        let at_start = self.column == 0 && !self.has_length && !self.has_coding;
        if at_start && matches!(bytes.first(), Some(b'G' | b'H')) {
            self.in_head = false;
        }
        let mut rest = bytes;
        while self.in_head && !rest.is_empty() {
            let may_be = self.column == 0 || self.may_be_length || self.may_be_coding;
            if may_be {
                self.take(rest[0]);
                rest = &rest[1..];
            } else {
                // Nothing in the rest of this line matters.
                let end = rest.iter().position(|byte| *byte == b'\n');
                rest = end.map_or(&[], |end| &rest[end + 1..]);
                if end.is_some() {
                    self.column = 0;
                }
            }
        }
        self.has_length && self.has_coding
    }

    fn take(&mut self, byte: u8) {
        match byte {
            // An empty line ends the head.
            b'\n' if self.column == 0 => self.in_head = false,
            b'\n' => self.column = 0,
            b'\r' if self.column == 0 => {}
            byte => {
                let byte = byte.to_ascii_lowercase();
                let fits = |pattern: &[u8]| pattern.get(self.column) == Some(&byte);
                let first = self.column == 0;
                self.may_be_length = (first || self.may_be_length) && fits(LENGTH);
                self.may_be_coding = (first || self.may_be_coding) && fits(CODING);
                self.column += 1;
                self.has_length |= self.may_be_length && self.column == LENGTH.len();
                self.has_coding |= self.may_be_coding && self.column == CODING.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_both(head: &str, step: usize) -> bool {
        let mut lengths = Lengths::default();
        lengths.begin();
        let mut seen = false;
        for part in head.as_bytes().chunks(step) {
            seen = lengths.see(part);
        }
        seen
    }

    #[test]
    fn both_are_found_in_any_order_and_case_however_the_bytes_come() {
        let cases = [
            (
                "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
                true,
            ),
            (
                "POST / HTTP/1.1\r\nTRANSFER-ENCODING:chunked\r\nx: y\r\ncontent-length:3\r\n\r\n",
                true,
            ),
            (
                "POST / HTTP/1.1\ncontent-length: 3\ntransfer-encoding: x\n\n",
                true,
            ),
            (
                "POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\ntransfer-encoding: chunked\r\n",
                false,
            ),
            (
                "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\n\ncontent-length:\r\n",
                false,
            ),
            (
                "POST / HTTP/1.1\r\ncontent-lengths: 3\r\ntransfer-encoding: chunked\r\n\r\n",
                false,
            ),
            (
                "POST / HTTP/1.1\r\nx-content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
                false,
            ),
            (
                "POST / HTTP/1.1\r\nx: content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
                false,
            ),
        ];
        for (head, expected) in cases {
            for step in [1, 2, 3, 7, 1000] {
                assert_eq!(has_both(head, step), expected, "{head} {step}");
            }
        }
    }
}
