//! Numbers that never come twice, across crashes: which supervisor this is, and which start of a process.

use std::path::{Path, PathBuf};

use plimsoll_store::state::{self, Format, StateError};
use serde::{Deserialize, Serialize};

const FILE: &str = "supervisor.json";
const FORMAT: Format = Format {
    name: "plimsoll.supervisor",
    version: 1,
};
/// Generations taken with one durable write. A crash skips what was left of them, which nobody minds; without it
/// every restart of a process would wait for the disk.
const BLOCK: u64 = 64;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Numbers {
    /// Rises with every supervisor of this environment.
    epoch: u64,
    /// Every generation from here on is free.
    next_generation: u64,
}

/// Hands out generations.
#[derive(Debug)]
pub(super) struct Generations {
    path: PathBuf,
    durable: Numbers,
    next: u64,
}

impl Generations {
    /// Begins a new epoch in `dir`. `used` is the highest generation seen there.
    pub(super) fn open(dir: &Path, used: u64) -> Result<Self, StateError> {
        let path = dir.join(FILE);
        let before: Numbers = match state::load(&path, FORMAT) {
            Ok(numbers) => numbers,
            Err(error) if error.is_not_found() => Numbers {
                epoch: 0,
                next_generation: 1,
            },
            Err(error) => return Err(error),
        };
        let next = before.next_generation.max(used + 1);
        let durable = Numbers {
            epoch: before.epoch + 1,
            next_generation: next + BLOCK,
        };
        state::save(&path, FORMAT, &durable)?;
        Ok(Self {
            path,
            durable,
            next,
        })
    }

    /// A generation that nobody had.
    pub(super) fn take(&mut self) -> Result<u64, StateError> {
        if self.next == self.durable.next_generation {
            let wanted = Numbers {
                next_generation: self.next + BLOCK,
                ..self.durable
            };
            state::save(&self.path, FORMAT, &wanted)?;
            self.durable = wanted;
        }
        let generation = self.next;
        self.next += 1;
        Ok(generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_generation_comes_twice_across_crashes_and_lost_files() {
        let dir = tempfile::tempdir().unwrap();
        let mut last = 0;
        for _ in 0..3 {
            let mut generations = Generations::open(dir.path(), 0).unwrap();
            for _ in 0..BLOCK + 3 {
                let taken = generations.take().unwrap();
                assert!(taken > last);
                last = taken;
            }
        }
        std::fs::remove_file(dir.path().join(FILE)).unwrap();
        let mut generations = Generations::open(dir.path(), last).unwrap();
        assert!(generations.take().unwrap() > last);
    }
}
