//! The records of a pax extension header: `LENGTH KEY=VALUE\n`, the length in decimal and counting all of it.

use super::sparse::Segment;

/// What pax says of the next entry, as far as unpacking cares.
#[derive(Debug, Default)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) mtime: Option<i64>,
    pub(super) sparse: PaxSparse,
}

/// GNU's sparse files in pax: versions 0.0 and 0.1 list the segments here, 1.0 at the start of the body.
#[derive(Debug, Default)]
pub(super) struct PaxSparse {
    pub(super) is_version_1: bool,
    pub(super) name: Option<Vec<u8>>,
    pub(super) real_size: Option<u64>,
    pub(super) segments: Vec<Segment>,
    pub(super) has_map: bool,
    pending_offset: Option<u64>,
}

impl Pax {
    /// Takes over the records of `body`; says what is wrong with the first bad one.
    pub(super) fn read(&mut self, body: &[u8]) -> Result<(), &'static str> {
        for_each_record(body, |key, value| self.take(key, value))
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        match key {
            b"path" => self.path = text(value)?,
            b"linkpath" => self.link = text(value)?,
            b"size" => self.size = Some(decimal(value).ok_or("a pax size that is no number")?),
            b"mtime" => self.mtime = seconds(value),
            _ => {
                if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
                    self.sparse.take(key, value)?;
                }
            }
        }
        Ok(())
    }
}

impl PaxSparse {
    pub(super) fn is_present(&self) -> bool {
        self.is_version_1 || self.has_map || self.real_size.is_some()
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        const BAD: &str = "a sparse record that is no number";
        match key {
            b"major" => self.is_version_1 = value == b"1",
            b"name" => self.name = text(value)?,
            b"size" | b"realsize" => self.real_size = Some(decimal(value).ok_or(BAD)?),
            b"offset" => {
                self.has_map = true;
                self.pending_offset = Some(decimal(value).ok_or(BAD)?);
            }
            b"numbytes" => {
                let offset = self
                    .pending_offset
                    .take()
                    .ok_or("a sparse segment without its offset")?;
                let length = decimal(value).ok_or(BAD)?;
                self.segments.push(Segment { offset, length });
            }
            b"map" => {
                self.has_map = true;
                self.segments = map(value).ok_or(BAD)?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether a global header changes what entries are. Git writes a comment there, which is harmless; a path for all
/// entries is something that readers disagree about.
pub(super) fn is_harmless_global(body: &[u8]) -> Result<bool, &'static str> {
    let mut harmless = true;
    for_each_record(body, |key, _| {
        harmless &=
            !matches!(key, b"path" | b"linkpath" | b"size") && !key.starts_with(b"GNU.sparse.");
        Ok(())
    })?;
    Ok(harmless)
}

fn for_each_record(
    mut body: &[u8],
    mut take: impl FnMut(&[u8], &[u8]) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    const BAD: &str = "a pax record whose length is wrong";
    // Some writers fill the rest of the block with NUL and count it.
    while !body.is_empty() && body.iter().any(|byte| *byte != 0) {
        let digits = body.iter().position(|byte| *byte == b' ').ok_or(BAD)?;
        let length = decimal(&body[..digits])
            .and_then(|length| usize::try_from(length).ok())
            .ok_or(BAD)?;
        if length <= digits + 1 || length > body.len() || body[length - 1] != b'\n' {
            return Err(BAD);
        }
        let record = &body[digits + 1..length - 1];
        let equals = record
            .iter()
            .position(|byte| *byte == b'=')
            .ok_or("a pax record without `=`")?;
        take(&record[..equals], &record[equals + 1..])?;
        body = &body[length..];
    }
    Ok(())
}

/// An empty value takes the key back; a NUL would end the name early for the kernel and not for us.
fn text(value: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
    if value.contains(&0) {
        return Err("a pax name with a NUL in it");
    }
    Ok((!value.is_empty()).then(|| value.to_vec()))
}

pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    let is_plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_plain
        .then(|| std::str::from_utf8(digits).ok()?.parse().ok())
        .flatten()
}

fn seconds(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value)
        .ok()?
        .split('.')
        .next()?
        .parse()
        .ok()
}

fn map(value: &[u8]) -> Option<Vec<Segment>> {
    if value.is_empty() {
        return Some(Vec::new());
    }
    let numbers: Vec<u64> = value
        .split(|byte| *byte == b',')
        .map(decimal)
        .collect::<Option<_>>()?;
    if !numbers.len().is_multiple_of(2) {
        return None;
    }
    Some(
        numbers
            .chunks(2)
            .map(|pair| Segment {
                offset: pair[0],
                length: pair[1],
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8]) -> Result<Pax, &'static str> {
        let mut pax = Pax::default();
        pax.read(body).map(|()| pax)
    }

    #[test]
    fn records_are_taken_and_unknown_ones_passed_over() {
        let pax =
            read(b"12 path=a/b\n30 mtime=1350244992.023960108\n19 SCHILY.xattr.x=\n10 size=7\n")
                .unwrap();
        assert_eq!(pax.path.as_deref(), Some(&b"a/b"[..]));
        assert_eq!((pax.mtime, pax.size), (Some(1_350_244_992), Some(7)));
    }

    #[test]
    fn records_that_lie_about_their_length_are_refused() {
        for body in [
            &b"12 path=a\n"[..],
            b"5 path=a/b\n",
            b"path=a\n",
            b"-1 path=a\n",
            b"3 \n",
            b"7 patha\n",
        ] {
            assert!(read(body).is_err(), "{:?}", String::from_utf8_lossy(body));
        }
        assert!(read(b"13 path=a\0b\n\n").is_err());
    }

    #[test]
    fn a_global_header_may_comment_and_not_rename() {
        assert!(is_harmless_global(b"13 comment=x\n").unwrap());
        assert!(!is_harmless_global(b"10 path=x\n").unwrap());
    }
}
