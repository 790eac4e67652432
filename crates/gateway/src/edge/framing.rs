//! What a head of HTTP/1 shows of its framing only in its bytes.
//!
//! Whether it has both lengths, `content-length` and `transfer-encoding`: the parser takes the second and removes the
//! first, as it may (RFC 9112 section 6.3), so that afterwards nobody can see that there were two. No legitimate client
//! sends both. And whether a line of it ends without CR, which is read in one way only and sent on in the right form
//! (section 2.2), but is said in the log, because it is how smuggling is tried.
//!
//! So we look at the bytes as they come. What is not seen here (a head that begins in the middle of a read, behind
//! another request) is still read in one way only; with two lengths, its connection ends.

const LENGTH: &[u8] = b"content-length:";
const CODING: &[u8] = b"transfer-encoding:";

/// Looks at one head after the other.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "two for each of two names, the place, and what was seen"
)]
pub(crate) struct Framing {
    in_head: bool,
    /// GET and HEAD: with a coded body they are refused whatever else they have, so that their lengths do not matter.
    is_read: bool,
    /// Bytes of the present line, as long as it may still become one of the two.
    column: usize,
    /// The byte before the next one; 0 where there is none.
    last: u8,
    may_be_length: bool,
    may_be_coding: bool,
    has_length: bool,
    has_coding: bool,
    has_bare_end: bool,
}

impl Framing {
    /// A head begins with the next bytes.
    pub(crate) fn begin(&mut self) {
        *self = Self {
            in_head: true,
            ..Self::default()
        };
    }

    /// Looks at bytes.
    pub(crate) fn see(&mut self, bytes: &[u8]) {
        let begins = self.in_head && self.column == 0 && self.last == 0;
        if begins && matches!(bytes.first(), Some(b'G' | b'H')) {
            self.is_read = true;
            // Nearly all heads come in one piece, with nothing to say of them.
            self.in_head = !is_plain(bytes);
        }
        let mut rest = bytes;
        while self.in_head && !rest.is_empty() {
            let may_be = self.column == 0 || self.may_be_length || self.may_be_coding;
            // Nothing but the end matters in the rest of other lines.
            let skipped = if may_be {
                0
            } else {
                rest.iter()
                    .position(|byte| *byte == b'\n')
                    .unwrap_or(rest.len())
            };
            if let Some(before) = rest[..skipped].last() {
                self.last = *before;
            }
            if let Some(byte) = rest.get(skipped) {
                self.take(*byte);
                self.last = *byte;
            }
            rest = rest.get(skipped + 1..).unwrap_or_default();
        }
    }

    /// Whether the present head, or the last one, has both lengths as far as it was seen.
    pub(crate) fn has_two_lengths(&self) -> bool {
        self.has_length && self.has_coding && !self.is_read
    }

    /// Whether a line of it ended without CR.
    pub(crate) fn has_bare_end(&self) -> bool {
        self.has_bare_end
    }

    fn take(&mut self, byte: u8) {
        if byte == b'\n' {
            self.has_bare_end |= self.last != b'\r';
        }
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

/// Whether bytes end as a head does, and no line of them ends without CR. Every byte is looked at, so that many are at
/// once.
fn is_plain(bytes: &[u8]) -> bool {
    let pairs = bytes.iter().zip(bytes.iter().skip(1));
    let is_bare = |(one, next): (&u8, &u8)| u8::from(*next == b'\n') & u8::from(*one != b'\r');
    let bare = pairs.map(is_bare).fold(0, |any, bare| any | bare);
    bare == 0 && bytes.ends_with(b"\r\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(head: &str, step: usize) -> Framing {
        let mut framing = Framing::default();
        framing.begin();
        for part in head.as_bytes().chunks(step) {
            framing.see(part);
        }
        framing
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
                let both = seen(head, step).has_two_lengths();
                assert_eq!(both, expected, "{head} {step}");
            }
        }
    }

    #[test]
    fn a_line_that_ends_without_cr_is_seen_in_the_head_and_nowhere_else() {
        let cases = [
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", false),
            ("GET / HTTP/1.1\nhost: a\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nhost: a\n\r\n", true),
            ("GET / HTTP/1.1\r\nhost: a\r\n\n", true),
            ("GET / HTTP/1.1\r\ncontent-length: 3\r\n\r\na\nb", false),
            ("POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\na\nb", false),
            (
                "POST / HTTP/1.1\r\nhost: a\ncontent-length: 3\r\n\r\nabc",
                true,
            ),
            ("POST / HTTP/1.1\r\nx: content-length\n\n", true),
        ];
        for (head, expected) in cases {
            for step in [1, 2, 3, 7, 1000] {
                assert_eq!(seen(head, step).has_bare_end(), expected, "{head} {step}");
            }
        }
    }

    #[test]
    fn the_next_head_starts_anew() {
        let mut framing = seen("GET / HTTP/1.1\n\n", 1000);
        assert!(framing.has_bare_end());
        framing.begin();
        framing.see(b"GET / HTTP/1.1\r\n\r\n");
        assert!(!framing.has_bare_end());
    }
}
