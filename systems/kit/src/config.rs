//! Settings from the environment: every mistake in one run, each with the name of its key.
//!
//! A key is known once it has been read; [`Reader::finish`] then looks for names that the app would have known had
//! they been
//! spelt right. Secrets come from `KEY_FILE`; the plain `KEY` is accepted for programs that can do no better.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// The exit code of a bad configuration (`EX_CONFIG` of sysexits.h).
pub const EXIT_CONFIG: u8 = 78;

/// Names shorter than this are never taken for a misspelling: `HOST` and `HOME` differ by two letters.
const SHORTEST_MISSPELT: usize = 6;

/// Two letters off (a transposition counts one) is a slip; three is another word.
const LARGEST_SLIP: usize = 2;

/// A secret file larger than this is not a secret.
const LARGEST_SECRET: u64 = 64 * 1024;

/// One mistake: the key, and what is wrong with it. It never repeats the value, which may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The environment variable.
    pub key: String,
    /// What is wrong and what would be right.
    pub why: String,
}

/// All mistakes of one reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Mistake>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, mistake) in self.0.iter().enumerate() {
            let line_break = if nth == 0 { "" } else { "\n" };
            write!(f, "{line_break}{}: {}", mistake.key, mistake.why)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Reads keys one by one and remembers what was wrong.
#[derive(Debug)]
pub struct Reader {
    environment: BTreeMap<String, String>,
    known: BTreeSet<&'static str>,
    mistakes: Vec<Mistake>,
}

impl Reader {
    /// Reads from the process environment.
    pub fn from_process() -> Self {
        // A variable that is not UTF-8 can be none of ours: all our keys and values are text.
        let pairs = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
        Self::new(pairs)
    }

    /// Reads from given pairs.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            environment: pairs.into_iter().collect(),
            known: BTreeSet::new(),
            mistakes: Vec::new(),
        }
    }

    /// The text of a key; empty counts as absent, so that a manifest can blank a default.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.known.insert(key);
        self.environment
            .get(key)
            .filter(|value| !value.is_empty())
            .cloned()
    }

    /// A value with a type, or `default` when absent. `expects` completes "is not …".
    pub fn parse<T: FromStr>(&mut self, key: &'static str, default: T, expects: &str) -> T {
        let Some(text) = self.text(key) else {
            return default;
        };
        text.trim().parse().unwrap_or_else(|_| {
            self.mistake(key, format!("is not {expects}"));
            default
        })
    }

    /// A whole number within bounds.
    pub fn number(
        &mut self,
        key: &'static str,
        default: u64,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> u64 {
        let value = self.parse(key, default, "a whole number");
        if bounds.contains(&value) {
            return value;
        }
        self.mistake(
            key,
            format!("must be from {} to {}", bounds.start(), bounds.end()),
        );
        default
    }

    /// `true`/`false`, `1`/`0`, `on`/`off`, `yes`/`no`.
    pub fn switch(&mut self, key: &'static str, default: bool) -> bool {
        let Some(text) = self.text(key) else {
            return default;
        };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "on" | "yes" => true,
            "false" | "0" | "off" | "no" => false,
            _ => {
                self.mistake(key, "is neither true nor false".to_owned());
                default
            }
        }
    }

    /// A secret: the content of the file that `file_key` names (a final newline is dropped), else the value of `key`.
    pub fn secret(&mut self, key: &'static str, file_key: &'static str) -> Option<String> {
        debug_assert_eq!(file_key.strip_suffix("_FILE"), Some(key));
        let plain = self.text(key);
        let Some(path) = self.text(file_key) else {
            return plain;
        };
        if plain.is_some() {
            self.mistake(
                file_key,
                format!("is set together with {key}: keep one of them"),
            );
        }
        match read_secret(Path::new(&path)) {
            Ok(secret) => Some(secret),
            Err(why) => {
                self.mistake(file_key, why);
                None
            }
        }
    }

    /// A secret without which the app cannot run.
    pub fn required_secret(&mut self, key: &'static str, file_key: &'static str) -> String {
        let before = self.mistakes.len();
        self.secret(key, file_key).unwrap_or_else(|| {
            if self.mistakes.len() == before {
                self.mistake(key, format!("is missing: set {file_key} (a file) or {key}"));
            }
            String::new()
        })
    }

    /// Notes a mistake that only the caller can see.
    pub fn mistake(&mut self, key: &str, why: String) {
        self.mistakes.push(Mistake {
            key: key.to_owned(),
            why,
        });
    }

    /// Ends the reading: all mistakes, misspelt names among them.
    pub fn finish(mut self) -> Result<(), ConfigError> {
        let unknown: Vec<String> = self
            .environment
            .keys()
            .filter(|key| !self.known.contains(key.as_str()))
            .cloned()
            .collect();
        for key in unknown {
            if let Some(meant) = self.nearest(&key) {
                self.mistake(&key, format!("is not a setting; did you mean {meant}?"));
            }
        }
        if self.mistakes.is_empty() {
            Ok(())
        } else {
            Err(ConfigError(self.mistakes))
        }
    }

    fn nearest(&self, key: &str) -> Option<&'static str> {
        if key.len() < SHORTEST_MISSPELT {
            return None;
        }
        let distance = |known: &str| strsim::osa_distance(&key.to_ascii_uppercase(), known);
        self.known
            .iter()
            .filter(|known| known.len() >= SHORTEST_MISSPELT)
            .map(|known| (distance(known), *known))
            .filter(|(distance, _)| *distance <= LARGEST_SLIP)
            .min()
            .map(|(_, known)| known)
    }
}

fn read_secret(path: &Path) -> Result<String, String> {
    let meta = std::fs::metadata(path)
        .map_err(|error| format!("names {}, which cannot be read ({error})", path.display()))?;
    if meta.len() > LARGEST_SECRET {
        return Err(format!(
            "names {}, which is larger than 64 KiB",
            path.display()
        ));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("names {}, which cannot be read ({error})", path.display()))?;
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() {
        return Err(format!("names {}, which is empty", path.display()));
    }
    Ok(secret.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(pairs: &[(&str, &str)]) -> Reader {
        Reader::new(
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn every_mistake_is_reported_in_one_run_with_its_key() {
        let mut reader = reader(&[
            ("METRICS_PROT", "9091"),
            ("DB_POOL_SIZE", "many"),
            ("CACHE_TTL", "0"),
            ("ENABLE_CACHING", "perhaps"),
        ]);
        reader.number("METRICS_PORT", 9091, 1..=65_535);
        reader.number("DB_POOL_SIZE", 5, 1..=100);
        reader.number("CACHE_TTL", 3600, 1..=86_400);
        reader.switch("ENABLE_CACHING", true);
        reader.required_secret("JWT_SECRET", "JWT_SECRET_FILE");
        let error = reader.finish().unwrap_err();
        assert_eq!(
            error.to_string(),
            "DB_POOL_SIZE: is not a whole number\n\
             CACHE_TTL: must be from 1 to 86400\n\
             ENABLE_CACHING: is neither true nor false\n\
             JWT_SECRET: is missing: set JWT_SECRET_FILE (a file) or JWT_SECRET\n\
             METRICS_PROT: is not a setting; did you mean METRICS_PORT?"
        );
    }

    #[test]
    fn names_of_the_surroundings_are_not_taken_for_misspellings() {
        let mut reader = reader(&[
            ("HOME", "/"),
            ("PATH", "/bin"),
            ("HOSTNAME", "a"),
            ("PWD", "/"),
        ]);
        reader.text("HOST");
        reader.text("PORT");
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn a_secret_file_wins_over_nothing_and_quarrels_with_a_plain_value() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("jwt");
        std::fs::File::create(&path).unwrap();
        let path_text = path.to_str().unwrap();
        let mut empty = reader(&[("JWT_SECRET_FILE", path_text)]);
        assert_eq!(empty.secret("JWT_SECRET", "JWT_SECRET_FILE"), None);
        assert!(
            empty
                .finish()
                .unwrap_err()
                .to_string()
                .contains("which is empty")
        );

        std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), b"s3cret\n").unwrap();
        let mut one = reader(&[("JWT_SECRET_FILE", path_text)]);
        assert_eq!(
            one.secret("JWT_SECRET", "JWT_SECRET_FILE").as_deref(),
            Some("s3cret")
        );
        assert_eq!(one.finish(), Ok(()));

        let mut both = reader(&[("JWT_SECRET_FILE", path_text), ("JWT_SECRET", "other")]);
        both.secret("JWT_SECRET", "JWT_SECRET_FILE");
        assert!(
            both.finish()
                .unwrap_err()
                .to_string()
                .contains("keep one of them")
        );
    }

    #[test]
    fn a_mistake_never_repeats_the_value() {
        let mut reader = reader(&[("DB_POOL_SIZE", "hunter2")]);
        reader.number("DB_POOL_SIZE", 5, 1..=100);
        assert!(!reader.finish().unwrap_err().to_string().contains("hunter2"));
    }
}
