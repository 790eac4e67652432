//! From blocks to entries.

use std::io::{self, Read};

use super::header::{Flag, Header, Kind};
use super::pax::{self, Pax};
use super::sparse::{self, Segment};
use super::{BLOCK, MAX_EXTENSION, TarError};

/// One entry. Its body, where it has one, is read from [`Reader::body`] before the next entry is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path as it stands in the archive: nothing is trusted yet.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits as they stand in the archive.
    pub mode: u32,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Where a link leads, as it stands in the archive; else empty.
    pub link: Vec<u8>,
    /// Bytes of the file when it is written out, holes included; 0 for all other kinds.
    pub size: u64,
    /// The stored parts of a sparse file, in order and inside `size`.
    pub segments: Option<Vec<Segment>>,
}

/// An archive that is read once, from its beginning.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    /// Bytes read of the archive so far.
    offset: u64,
    /// Unread bytes of the current body, and of the padding after it.
    body: u64,
    padding: u64,
}

/// What stood in extension headers before an entry.
#[derive(Default)]
struct Extensions {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    pax: Pax,
    bytes: u64,
}

impl<R: Read> Reader<R> {
    /// A reader at the beginning of an archive.
    pub fn new(input: R) -> Self {
        Self {
            input,
            offset: 0,
            body: 0,
            padding: 0,
        }
    }

    /// The next entry, or nothing at the end of the archive. What is unread of the body before is passed over.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, TarError> {
        let mut extensions = Extensions::default();
        loop {
            self.pass_over(self.body.saturating_add(self.padding))?;
            (self.body, self.padding) = (0, 0);
            let Some(block) = self.header_block()? else {
                return Ok(None);
            };
            let header = Header(&block);
            if header.is_zero() {
                return Ok(None);
            }
            if !header.is_checksum_right() {
                return Err(self.malformed("a header whose checksum is wrong"));
            }
            let offset = self.offset;
            let flag = header
                .flag()
                .map_err(|kind| TarError::UnknownKind { offset, kind })?;
            match flag {
                Flag::Entry(kind) => return self.entry(&header, kind, extensions).map(Some),
                Flag::GnuSparse => return self.gnu_sparse(&header, &extensions).map(Some),
                Flag::GnuLongName | Flag::GnuLongLink | Flag::Pax | Flag::PaxGlobal => {
                    self.extension(&header, flag, &mut extensions)?;
                }
            }
        }
    }

    /// The stored bytes of the current entry.
    pub fn body(&mut self) -> impl Read + '_ {
        Body { reader: self }
    }

    /// The stream below, wherever it stands.
    pub fn into_inner(self) -> R {
        self.input
    }

    fn entry(
        &mut self,
        header: &Header<'_>,
        kind: Kind,
        extensions: Extensions,
    ) -> Result<Entry, TarError> {
        // Old tools give links the size of their target, with no body behind it: POSIX leaves that open, GNU and Go
        // take no body for all kinds but files.
        let stored = if kind == Kind::File {
            self.stored_size(header, &extensions)?
        } else {
            0
        };
        self.expect_body(stored);
        let mut entry = self.describe(header, kind, &extensions)?;
        if entry.kind == Kind::File {
            entry.size = stored;
            self.pax_sparse(&mut entry, extensions.pax.sparse)?;
        }
        Ok(entry)
    }

    fn stored_size(&self, header: &Header<'_>, extensions: &Extensions) -> Result<u64, TarError> {
        let size = extensions.pax.size.or_else(|| header.size());
        size.ok_or_else(|| self.malformed("a size that is no number"))
    }

    fn describe(
        &self,
        header: &Header<'_>,
        kind: Kind,
        extensions: &Extensions,
    ) -> Result<Entry, TarError> {
        let pax = &extensions.pax;
        let path = pax
            .path
            .clone()
            .or_else(|| extensions.name.clone())
            .unwrap_or_else(|| header.path());
        // Before ustar a folder was a file whose name ends with a slash.
        let kind = if kind == Kind::File && path.ends_with(b"/") {
            Kind::Directory
        } else {
            kind
        };
        let link = match kind {
            Kind::Symlink | Kind::HardLink => pax
                .link
                .clone()
                .or_else(|| extensions.link.clone())
                .unwrap_or_else(|| header.link()),
            Kind::File | Kind::Directory | Kind::Special => Vec::new(),
        };
        Ok(Entry {
            path,
            kind,
            mode: header
                .mode()
                .ok_or_else(|| self.malformed("a mode that is no number"))?,
            mtime: pax.mtime.unwrap_or_else(|| header.mtime()),
            link,
            size: 0,
            segments: None,
        })
    }

    fn pax_sparse(&mut self, entry: &mut Entry, sparse: pax::PaxSparse) -> Result<(), TarError> {
        if !sparse.is_present() {
            return Ok(());
        }
        let offset = self.offset;
        let segments = if sparse.is_version_1 {
            let malformed = move |what| TarError::Malformed { offset, what };
            sparse::read_pax_1(&mut Body { reader: self }, malformed)?.1
        } else {
            sparse.segments
        };
        if let Some(name) = sparse.name {
            entry.path = name;
        }
        let size = sparse
            .real_size
            .ok_or_else(|| self.malformed("a sparse file without its size"))?;
        self.set_segments(entry, size, segments)
    }

    fn gnu_sparse(
        &mut self,
        header: &Header<'_>,
        extensions: &Extensions,
    ) -> Result<Entry, TarError> {
        let stored = self.stored_size(header, extensions)?;
        let mut entry = self.describe(header, Kind::File, extensions)?;
        let offset = self.offset;
        let malformed = move |what| TarError::Malformed { offset, what };
        let next = || {
            self.header_block()?
                .ok_or_else(|| malformed("the archive ends within a header"))
        };
        let (size, segments) = sparse::read_gnu(header.0, next, malformed)?;
        self.expect_body(stored);
        self.set_segments(&mut entry, size, segments)?;
        Ok(entry)
    }

    /// The segments must account for every stored byte: two readers that disagree here see two archives.
    fn set_segments(
        &self,
        entry: &mut Entry,
        size: u64,
        segments: Vec<Segment>,
    ) -> Result<(), TarError> {
        if sparse::stored(&segments, size) != Some(self.body) {
            return Err(self.malformed("a sparse file whose parts do not fit"));
        }
        entry.size = size;
        entry.segments = Some(segments);
        Ok(())
    }

    fn extension(
        &mut self,
        header: &Header<'_>,
        flag: Flag,
        extensions: &mut Extensions,
    ) -> Result<(), TarError> {
        let size = header
            .size()
            .ok_or_else(|| self.malformed("a size that is no number"))?;
        extensions.bytes = extensions.bytes.saturating_add(size);
        if extensions.bytes > MAX_EXTENSION {
            return Err(self.malformed("extension headers of more than 1 MiB"));
        }
        self.expect_body(size);
        let mut body = Vec::new();
        self.body().read_to_end(&mut body)?;
        let name = || {
            body.split(|byte| *byte == 0)
                .next()
                .unwrap_or_default()
                .to_vec()
        };
        match flag {
            Flag::GnuLongName => extensions.name = Some(name()),
            Flag::GnuLongLink => extensions.link = Some(name()),
            Flag::Pax => extensions
                .pax
                .read(&body)
                .map_err(|what| self.malformed(what))?,
            Flag::PaxGlobal => {
                if !pax::is_harmless_global(&body).map_err(|what| self.malformed(what))? {
                    return Err(self.malformed("a global pax header that renames entries"));
                }
            }
            Flag::Entry(_) | Flag::GnuSparse => {}
        }
        Ok(())
    }

    fn expect_body(&mut self, stored: u64) {
        self.body = stored;
        self.padding = (BLOCK as u64 - stored % BLOCK as u64) % BLOCK as u64;
    }

    /// A whole block, or nothing where the archive ends between two.
    fn header_block(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.input.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(self.malformed("the archive ends within a header")),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.offset += BLOCK as u64;
        Ok(Some(block))
    }

    fn pass_over(&mut self, bytes: u64) -> Result<(), TarError> {
        let passed = io::copy(&mut self.input.by_ref().take(bytes), &mut io::sink())?;
        self.offset += passed;
        if passed < bytes {
            return Err(self.malformed("the archive ends within a file"));
        }
        Ok(())
    }

    fn malformed(&self, what: &'static str) -> TarError {
        TarError::Malformed {
            offset: self.offset,
            what,
        }
    }
}

/// The unread rest of a body. An archive that ends inside it is an error, not a short file.
struct Body<'a, R> {
    reader: &'a mut Reader<R>,
}

impl<R: Read> Read for Body<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.reader.body)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.reader.input.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the archive ends within a file",
            ));
        }
        self.reader.body -= count as u64;
        self.reader.offset += count as u64;
        Ok(count)
    }
}
