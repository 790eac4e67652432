//! Whether a program runs in an image that holds nothing else.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The file header and the program headers of any linker stand within this.
const HEAD: u64 = 4096;
/// What every file of this kind begins with: the mark, 64 bits, little end first.
const MARK: &[u8] = b"\x7fELF\x02\x01";
/// Where the header says where the table of program headers is, how long its entries are and how many there are.
const TABLE: usize = 32;
const ENTRY: usize = 54;
const COUNT: usize = 56;
/// The kind of a program header that names a loader.
const INTERPRETER: u32 = 3;

/// Whether the file is a program that needs no loader and so no library: linked statically. What cannot be read, or
/// is no such file (a script), is not.
pub fn is_static(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    read.is_ok() && loader(&head) == Some(false)
}

/// Whether it names a loader; `None` where this cannot be told.
fn loader(head: &[u8]) -> Option<bool> {
    if !head.starts_with(MARK) {
        return None;
    }
    let table = usize::try_from(u64::from_le_bytes(bytes(head, TABLE)?)).ok()?;
    let length = usize::from(u16::from_le_bytes(bytes(head, ENTRY)?));
    let count = usize::from(u16::from_le_bytes(bytes(head, COUNT)?));
    let mut found = false;
    for number in 0..count {
        let kind = u32::from_le_bytes(bytes(head, table.checked_add(number * length)?)?);
        found |= kind == INTERPRETER;
    }
    Some(found)
}

fn bytes<const LEN: usize>(head: &[u8], at: usize) -> Option<[u8; LEN]> {
    head.get(at..at.checked_add(LEN)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with program headers of these kinds behind it.
    fn program(kinds: &[u32]) -> Vec<u8> {
        let mut head = vec![0; 64];
        head[..MARK.len()].copy_from_slice(MARK);
        head[TABLE] = 64;
        head[ENTRY] = 56;
        head[COUNT] = u8::try_from(kinds.len()).unwrap();
        for kind in kinds {
            let mut entry = [0; 56];
            entry[..4].copy_from_slice(&kind.to_le_bytes());
            head.extend(entry);
        }
        head
    }

    #[test]
    fn a_program_with_a_loader_is_told_from_one_without() {
        assert_eq!(loader(&program(&[6, 3, 1])), Some(true));
        assert_eq!(loader(&program(&[6, 1, 1])), Some(false));
    }

    #[test]
    fn what_is_no_program_or_is_cut_off_cannot_be_told() {
        assert_eq!(loader(b"#!/bin/sh\n"), None);
        let whole = program(&[1, 1]);
        for cut in 0..whole.len() - 56 {
            assert_eq!(loader(&whole[..cut]), None, "{cut}");
        }
        let mut far = whole;
        far[TABLE..TABLE + 8].fill(0xff);
        assert_eq!(loader(&far), None);
    }
}
