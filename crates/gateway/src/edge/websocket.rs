//! Where WebSocket frames begin and end (RFC 6455 section 5.2), so that a close frame can be put between two.

/// A close frame of the server with code 1001, "going away".
pub(crate) const GOING_AWAY: [u8; 4] = [0x88, 0x02, 0x03, 0xe9];

/// Follows a stream of frames.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// Bytes of the present frame's header.
    header: [u8; 14],
    have: usize,
    /// Bytes of the present frame's payload that are still to come.
    payload: u64,
}

impl Frames {
    /// Whether the last byte seen was the last one of a frame.
    pub(crate) fn at_border(&self) -> bool {
        self.have == 0 && self.payload == 0
    }

    /// Sees the next bytes.
    pub(crate) fn see(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.payload > 0 {
                let skip = bytes
                    .len()
                    .min(usize::try_from(self.payload).unwrap_or(usize::MAX));
                self.payload -= skip as u64;
                bytes = &bytes[skip..];
                continue;
            }
            self.header[self.have] = bytes[0];
            self.have += 1;
            bytes = &bytes[1..];
            if self.have >= 2 && self.have == self.header_size() {
                self.payload = self.payload_size();
                self.have = 0;
            }
        }
    }

    fn header_size(&self) -> usize {
        let mask = if self.header[1] & 0x80 == 0 { 0 } else { 4 };
        let extended = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + mask
    }

    fn payload_size(&self) -> u64 {
        let big_endian = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
        };
        match self.header[1] & 0x7f {
            126 => big_endian(&self.header[2..4]),
            127 => big_endian(&self.header[2..10]),
            short => u64::from(short),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(payload: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut frame = vec![0x82];
        match payload {
            0..=125 => frame.push(mask | u8::try_from(payload).unwrap()),
            126..=65_535 => {
                frame.push(mask | 0x7e);
                frame.extend(u16::try_from(payload).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(mask | 0x7f);
                frame.extend((payload as u64).to_be_bytes());
            }
        }
        frame.extend(vec![7; payload + if masked { 4 } else { 0 }]);
        frame
    }

    proptest! {
        #[test]
        fn borders_are_found_however_the_bytes_are_cut(
            frames in prop::collection::vec((0_usize..300, any::<bool>()), 1..8),
            cut in 1_usize..50,
        ) {
            let mut seen = Frames::default();
            let mut position = 0;
            let mut borders = vec![0];
            let mut bytes = Vec::new();
            for (payload, masked) in frames {
                bytes.extend(frame(payload, masked));
                borders.push(bytes.len());
            }
            for piece in bytes.chunks(cut) {
                seen.see(piece);
                position += piece.len();
                prop_assert_eq!(seen.at_border(), borders.contains(&position));
            }
        }
    }

    #[test]
    fn a_frame_longer_than_sixteen_bits_is_followed() {
        let mut seen = Frames::default();
        let bytes = frame(70_000, false);
        seen.see(&bytes[..bytes.len() - 1]);
        assert!(!seen.at_border());
        seen.see(&bytes[bytes.len() - 1..]);
        assert!(seen.at_border());
    }
}
