//! A section more in a linked program, and reading one.
//!
//! Nothing that the kernel loads is moved: the section, a longer table of names and a new table of sections are
//! written behind the last byte, and the header points there. The old tables stay as a few dead kilobytes.

use std::io::{self, Read, Seek, SeekFrom, Write};

/// Where the fields of the header of a 64-bit ELF file are, and how long its section headers.
const SHOFF: usize = 0x28;
const SHENTSIZE: usize = 0x3a;
const SHNUM: usize = 0x3c;
const SHSTRNDX: usize = 0x3e;
const HEADER: usize = 0x40;
const ENTRY: usize = 0x40;
/// Fields of a section header.
const NAME: usize = 0x00;
const KIND: usize = 0x04;
const OFFSET: usize = 0x18;
const SIZE: usize = 0x20;
const ALIGN: usize = 0x30;
/// `SHT_PROGBITS`: bytes whose meaning is the program's own.
const PROGBITS: u32 = 1;
/// Section numbers from here on have another meaning (`SHN_LORESERVE`).
const MAX_SECTIONS: usize = 0xff00;
/// Names of sections, or one section's content, that are read at the most: both are some kilobytes, and a damaged
/// header must not make us ask for all the memory there is.
const MAX_READ: u64 = 64 << 20;

/// A file that no section can be put into or found in.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// It does not begin as 64-bit little-endian ELF files do.
    #[error("it is no 64-bit little-endian ELF file")]
    NotElf,
    /// Its section table is missing, or points outside.
    #[error("its table of sections is missing or damaged")]
    BadTable,
    /// It could not be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Puts the section `name` with `data` behind the end of `program`. A section of that name that is there already stays
/// as it is: the linker's own is better informed. After an error the program may be damaged: it is a copy.
pub fn add_section(
    program: &mut (impl Read + Write + Seek),
    name: &str,
    data: &[u8],
) -> Result<(), ElfError> {
    let table = Table::read(program)?;
    let mut names = table.names(program)?;
    if table.find(&names, name)?.is_some() {
        return Ok(());
    }
    if table.count() + 1 >= MAX_SECTIONS {
        return Err(ElfError::BadTable);
    }
    let own_name = u32::try_from(names.len()).map_err(|_| ElfError::BadTable)?;
    names.extend(name.as_bytes());
    names.push(0);

    let data_at = table.file_len;
    let names_at = data_at + data.len() as u64;
    let names_end = names_at + names.len() as u64;
    let table_at = names_end.next_multiple_of(8);
    let entries = table.with_entry(&names, names_at, &entry(own_name, data_at, data.len()));
    let count = u16::try_from(table.count() + 1).map_err(|_| ElfError::BadTable)?;

    names.resize(names.len() + to_usize(table_at - names_end)?, 0);
    program.seek(SeekFrom::Start(data_at))?;
    for part in [data, &names, &entries] {
        program.write_all(part)?;
    }
    program.seek(SeekFrom::Start(SHOFF as u64))?;
    program.write_all(&table_at.to_le_bytes())?;
    program.seek(SeekFrom::Start(SHNUM as u64))?;
    program.write_all(&count.to_le_bytes())?;
    Ok(())
}

/// The bytes of the section `name`, where there is one.
pub fn section(program: &mut (impl Read + Seek), name: &str) -> Result<Option<Vec<u8>>, ElfError> {
    let table = Table::read(program)?;
    let names = table.names(program)?;
    let found = table.find(&names, name)?;
    found.map(|index| table.content(program, index)).transpose()
}

/// Whether `bytes` begin as an ELF file does.
pub fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF")
}

/// A section header for bytes whose meaning is the program's own.
fn entry(name: u32, offset: u64, size: usize) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    entry[NAME..NAME + 4].copy_from_slice(&name.to_le_bytes());
    entry[KIND..KIND + 4].copy_from_slice(&PROGBITS.to_le_bytes());
    put_u64(&mut entry, OFFSET, offset);
    put_u64(&mut entry, SIZE, size as u64);
    put_u64(&mut entry, ALIGN, 1);
    entry
}

/// The section headers of a program, without the sections.
struct Table {
    entries: Vec<u8>,
    names_index: usize,
    file_len: u64,
}

impl Table {
    fn read(program: &mut (impl Read + Seek)) -> Result<Self, ElfError> {
        let file_len = program.seek(SeekFrom::End(0))?;
        let header = read_at(program, 0, (HEADER as u64).min(file_len))?;
        // Class 2: 64 bits; data 1: little-endian.
        if header.len() < HEADER || !is_elf(&header) || header[4] != 2 || header[5] != 1 {
            return Err(ElfError::NotElf);
        }
        let number = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let (at, count, names_index) = (get_u64(&header, SHOFF), number(SHNUM), number(SHSTRNDX));
        let len = (count * ENTRY) as u64;
        let fits = at.checked_add(len).is_some_and(|end| end <= file_len);
        if at == 0 || number(SHENTSIZE) != ENTRY || names_index >= count || !fits {
            return Err(ElfError::BadTable);
        }
        Ok(Self {
            entries: read_at(program, at, len)?,
            names_index,
            file_len,
        })
    }

    fn count(&self) -> usize {
        self.entries.len() / ENTRY
    }

    fn names(&self, program: &mut (impl Read + Seek)) -> Result<Vec<u8>, ElfError> {
        self.content(program, self.names_index)
    }

    fn content(&self, program: &mut (impl Read + Seek), index: usize) -> Result<Vec<u8>, ElfError> {
        let entry = index * ENTRY;
        let from = get_u64(&self.entries, entry + OFFSET);
        let len = get_u64(&self.entries, entry + SIZE);
        let fits = from
            .checked_add(len)
            .is_some_and(|end| end <= self.file_len);
        if !fits || len > MAX_READ {
            return Err(ElfError::BadTable);
        }
        read_at(program, from, len)
    }

    fn find(&self, names: &[u8], name: &str) -> Result<Option<usize>, ElfError> {
        for (index, entry) in self.entries.chunks_exact(ENTRY).enumerate() {
            let bytes = &entry[NAME..NAME + 4];
            let at = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
            let rest = names.get(at..).ok_or(ElfError::BadTable)?;
            if rest
                .strip_prefix(name.as_bytes())
                .is_some_and(|rest| rest.first() == Some(&0))
            {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// The headers with one more, and with the names at another place.
    fn with_entry(&self, names: &[u8], names_at: u64, more: &[u8]) -> Vec<u8> {
        let mut entries = self.entries.clone();
        let own = self.names_index * ENTRY;
        put_u64(&mut entries, own + OFFSET, names_at);
        put_u64(&mut entries, own + SIZE, names.len() as u64);
        entries.extend(more);
        entries
    }
}

fn read_at(program: &mut (impl Read + Seek), at: u64, len: u64) -> Result<Vec<u8>, ElfError> {
    let mut bytes = vec![0; to_usize(len)?];
    program.seek(SeekFrom::Start(at))?;
    program.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn to_usize(len: u64) -> Result<usize, ElfError> {
    usize::try_from(len).map_err(|_| ElfError::BadTable)
}

fn get_u64(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8]
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn put_u64(bytes: &mut [u8], at: usize, number: u64) {
    bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Cursor, ErrorKind};
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::*;

    /// The test itself is a linked program.
    fn program() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    fn with(program: &[u8], data: &[u8]) -> Result<Vec<u8>, ElfError> {
        let mut file = Cursor::new(program.to_vec());
        add_section(&mut file, ".dep-v0", data)?;
        Ok(file.into_inner())
    }

    fn find(program: &[u8], name: &str) -> Result<Option<Vec<u8>>, ElfError> {
        section(&mut Cursor::new(program), name)
    }

    #[test]
    fn a_section_reads_back_and_everything_before_it_stays_but_the_header() {
        let program = program();
        let out = with(&program, b"the list").unwrap();
        assert_eq!(find(&out, ".dep-v0").unwrap().unwrap(), b"the list");
        assert_eq!(find(&program, ".dep-v0").unwrap(), None);
        assert_eq!(
            find(&out, ".text").unwrap(),
            find(&program, ".text").unwrap()
        );
        assert_eq!(out[HEADER..program.len()], program[HEADER..]);
        assert_eq!(with(&out, b"another").unwrap(), out);
    }

    #[test]
    fn a_program_with_a_section_more_still_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        std::fs::copy(std::env::current_exe().unwrap(), &path).unwrap();
        let mut file = File::options().read(true).write(true).open(&path).unwrap();
        add_section(&mut file, ".dep-v0", b"the list").unwrap();
        drop(file);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = Command::new(&path);
        command.arg("--list").stdout(std::process::Stdio::null());
        let deadline = Instant::now() + Duration::from_secs(30);
        let status = loop {
            match command.status() {
                // A child that another test forked while this one wrote has the file open until it executes.
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                    assert!(Instant::now() < deadline, "{error}");
                    std::thread::yield_now();
                }
                ended => break ended.unwrap(),
            }
        };
        assert!(status.success());
    }

    #[test]
    fn text_and_damaged_programs_are_errors_and_never_a_panic() {
        assert!(matches!(with(b"#!/bin/sh\n", b""), Err(ElfError::NotElf)));
        let program = program();
        for length in [0, 4, HEADER - 1] {
            assert!(matches!(
                find(&program[..length], "x"),
                Err(ElfError::NotElf)
            ));
        }
        assert!(matches!(
            find(&program[..program.len() / 2], "x"),
            Err(ElfError::BadTable)
        ));
        for at in [SHOFF, SHNUM, SHSTRNDX, SHENTSIZE] {
            let mut damaged = program.clone();
            damaged[at] = 0xff;
            damaged[at + 1] = 0xff;
            assert!(with(&damaged, b"y").is_err(), "{at:#x}");
        }
    }
}
