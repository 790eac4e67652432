//! Values of headers that are made for one request.

use std::cell::RefCell;

use bytes::BytesMut;
use http::HeaderValue;

/// What one piece of memory holds: the ids of some twenty requests. A stream that stays for hours keeps one from being
/// given back, so it is small beside what a connection has anyway.
const PIECE: usize = 2048;

/// Cuts values from one piece of memory after the other. Each for itself would cost an allocation, and one more when it
/// is shared for the first time.
#[derive(Debug, Default)]
pub(crate) struct Values(RefCell<BytesMut>);

impl Values {
    /// A value of visible ASCII; an empty one of anything else.
    pub(crate) fn cut(&self, bytes: &[u8]) -> HeaderValue {
        let mut piece = self.0.borrow_mut();
        if piece.capacity() < bytes.len() {
            *piece = BytesMut::with_capacity(PIECE.max(bytes.len()));
        }
        piece.extend_from_slice(bytes);
        let value = HeaderValue::from_maybe_shared(piece.split().freeze());
        value.unwrap_or(HeaderValue::from_static(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_they_were_cut_from_however_many_there_are() {
        let values = Values::default();
        let texts: Vec<String> = (0..500).map(|number| format!("id-{number:040}")).collect();
        let cut: Vec<HeaderValue> = texts
            .iter()
            .map(|text| values.cut(text.as_bytes()))
            .collect();
        assert!(cut.iter().zip(&texts).all(|(value, text)| value == text));
        assert_eq!(values.cut(&[b'x'; 3 * PIECE]).len(), 3 * PIECE);
        assert_eq!(values.cut(b"\n"), "");
    }
}
