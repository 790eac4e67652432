//! A section more in a linked program, and reading one.
//!
//! Nothing that the kernel loads is moved: the section, a longer table of names and a new table of sections are
//! written behind the last byte, and the header points there. The old tables stay as a few dead kilobytes.

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

/// A file that no section can be put into or found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// It does not begin as 64-bit little-endian ELF files do.
    #[error("it is no 64-bit little-endian ELF file")]
    NotElf,
    /// Its section table is missing, or points outside.
    #[error("its table of sections is missing or damaged")]
    BadTable,
}

/// `program` with the section `name` holding `data`. A section of that name that is there already stays as it is: the
/// linker's own is better informed.
pub fn with_section(program: &[u8], name: &str, data: &[u8]) -> Result<Vec<u8>, ElfError> {
    let table = Table::read(program)?;
    if table.find(name)?.is_some() {
        return Ok(program.to_vec());
    }
    if table.count + 1 >= MAX_SECTIONS {
        return Err(ElfError::BadTable);
    }
    let mut out = program.to_vec();
    let data_at = out.len();
    out.extend(data);

    let names_at = out.len();
    let names = table.names()?;
    out.extend(names);
    out.extend(name.as_bytes());
    out.push(0);
    let names_len = out.len() - names_at;

    out.resize(out.len().next_multiple_of(8), 0);
    let table_at = out.len();
    out.extend(&program[table.at..table.at + table.count * ENTRY]);
    let names_entry = table_at + table.names_index * ENTRY;
    put_u64(&mut out, names_entry + OFFSET, names_at as u64);
    put_u64(&mut out, names_entry + SIZE, names_len as u64);

    let entry = out.len();
    out.resize(entry + ENTRY, 0);
    let own_name = u32::try_from(names.len()).map_err(|_| ElfError::BadTable)?;
    put_u32(&mut out, entry + NAME, own_name);
    put_u32(&mut out, entry + KIND, PROGBITS);
    put_u64(&mut out, entry + OFFSET, data_at as u64);
    put_u64(&mut out, entry + SIZE, data.len() as u64);
    put_u64(&mut out, entry + ALIGN, 1);

    put_u64(&mut out, SHOFF, table_at as u64);
    let count = u16::try_from(table.count + 1).map_err(|_| ElfError::BadTable)?;
    out[SHNUM..SHNUM + 2].copy_from_slice(&count.to_le_bytes());
    Ok(out)
}

/// The bytes of the section `name`, where there is one.
pub fn section<'a>(program: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, ElfError> {
    Table::read(program)?.find(name)
}

/// Whether `bytes` begin as an ELF file does.
pub fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF")
}

struct Table<'a> {
    program: &'a [u8],
    at: usize,
    count: usize,
    names_index: usize,
}

impl<'a> Table<'a> {
    fn read(program: &'a [u8]) -> Result<Self, ElfError> {
        // Class 2: 64 bits; data 1: little-endian.
        if program.len() < HEADER || !is_elf(program) || program[4] != 2 || program[5] != 1 {
            return Err(ElfError::NotElf);
        }
        let number = |at: usize| usize::from(u16::from_le_bytes([program[at], program[at + 1]]));
        let at = usize::try_from(get_u64(program, SHOFF)?).map_err(|_| ElfError::BadTable)?;
        let table = Self {
            program,
            at,
            count: number(SHNUM),
            names_index: number(SHSTRNDX),
        };
        let end = table
            .count
            .checked_mul(ENTRY)
            .and_then(|len| len.checked_add(at));
        let fits = end.is_some_and(|end| end <= program.len());
        let good = at > 0 && number(SHENTSIZE) == ENTRY && table.names_index < table.count && fits;
        good.then_some(table).ok_or(ElfError::BadTable)
    }

    fn names(&self) -> Result<&'a [u8], ElfError> {
        self.bytes(self.names_index)
    }

    fn bytes(&self, index: usize) -> Result<&'a [u8], ElfError> {
        let entry = self.at + index * ENTRY;
        let place = |at| get_u64(self.program, at).map(usize::try_from);
        let (Ok(from), Ok(len)) = (place(entry + OFFSET)?, place(entry + SIZE)?) else {
            return Err(ElfError::BadTable);
        };
        let end = from.checked_add(len).ok_or(ElfError::BadTable)?;
        self.program.get(from..end).ok_or(ElfError::BadTable)
    }

    fn find(&self, name: &str) -> Result<Option<&'a [u8]>, ElfError> {
        let names = self.names()?;
        for index in 0..self.count {
            let entry = self.at + index * ENTRY;
            let bytes = &self.program[entry + NAME..entry + NAME + 4];
            let at = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
            let rest = names.get(at..).ok_or(ElfError::BadTable)?;
            if rest
                .strip_prefix(name.as_bytes())
                .is_some_and(|rest| rest.first() == Some(&0))
            {
                return self.bytes(index).map(Some);
            }
        }
        Ok(None)
    }
}

fn get_u64(bytes: &[u8], at: usize) -> Result<u64, ElfError> {
    let slice = at
        .checked_add(8)
        .and_then(|end| bytes.get(at..end))
        .ok_or(ElfError::BadTable)?;
    Ok(slice
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn put_u32(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

fn put_u64(bytes: &mut [u8], at: usize, number: u64) {
    bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    /// The test itself is a linked program.
    fn program() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    #[test]
    fn a_section_reads_back_and_everything_before_it_stays_but_the_header() {
        let program = program();
        let out = with_section(&program, ".dep-v0", b"the list").unwrap();
        assert_eq!(section(&out, ".dep-v0").unwrap(), Some(&b"the list"[..]));
        assert_eq!(section(&program, ".dep-v0").unwrap(), None);
        assert_eq!(
            section(&out, ".text").unwrap(),
            section(&program, ".text").unwrap()
        );
        assert_eq!(out[HEADER..program.len()], program[HEADER..]);
        assert_eq!(with_section(&out, ".dep-v0", b"another").unwrap(), out);
    }

    #[test]
    fn a_program_with_a_section_more_still_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        let out = with_section(&program(), ".dep-v0", b"the list").unwrap();
        plimsoll_stdx::fs::write_atomic(&path, &out).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let status = Command::new(&path)
            .arg("--list")
            .stdout(std::process::Stdio::null())
            .status();
        assert!(status.unwrap().success());
    }

    #[test]
    fn text_and_damaged_programs_are_errors_and_never_a_panic() {
        assert_eq!(
            with_section(b"#!/bin/sh\n", "x", b""),
            Err(ElfError::NotElf)
        );
        let program = program();
        for length in [0, 4, HEADER - 1] {
            assert_eq!(section(&program[..length], "x"), Err(ElfError::NotElf));
        }
        assert_eq!(
            section(&program[..program.len() / 2], "x"),
            Err(ElfError::BadTable)
        );
        for at in [SHOFF, SHNUM, SHSTRNDX, SHENTSIZE] {
            let mut damaged = program.clone();
            damaged[at] = 0xff;
            damaged[at + 1] = 0xff;
            assert!(with_section(&damaged, "x", b"y").is_err(), "{at:#x}");
        }
    }
}
