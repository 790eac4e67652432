//! What authors write as their licence, and what SPDX reads.

/// An SPDX expression of what an author wrote; nothing where it is none (a file's name, free text).
///
/// Crates of the first years wrote `MIT/Apache-2.0`, which Cargo documented then as "or".
pub(super) fn expression(written: &str) -> Option<String> {
    let text = written.replace('/', " OR ");
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut depth = 0_usize;
    let mut wants_name = true;
    for word in &words {
        match (*word, wants_name) {
            ("(", true) => depth += 1,
            (")", false) => depth = depth.checked_sub(1)?,
            ("AND" | "OR" | "WITH", false) => wants_name = true,
            (name, true) if is_id(name) => wants_name = false,
            _ => return None,
        }
    }
    (depth == 0 && !wants_name).then(|| {
        let joined = words.join(" ");
        joined.replace("( ", "(").replace(" )", ")")
    })
}

/// Letters, digits, `-`, `.`, and `+` at the end.
fn is_id(word: &str) -> bool {
    let stem = word.strip_suffix('+').unwrap_or(word);
    let is_word = !matches!(
        stem,
        "AND" | "OR" | "WITH" | "SEE" | "LICENSE" | "UNLICENSED" | ""
    );
    is_word
        && stem
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_and_npm_authors_write_becomes_an_expression_or_nothing() {
        for (written, expected) in [
            ("MIT", Some("MIT")),
            ("MIT/Apache-2.0", Some("MIT OR Apache-2.0")),
            ("MIT / Apache-2.0", Some("MIT OR Apache-2.0")),
            (
                "(MIT OR Apache-2.0) AND Unicode-3.0",
                Some("(MIT OR Apache-2.0) AND Unicode-3.0"),
            ),
            (
                "Apache-2.0 WITH LLVM-exception OR MIT",
                Some("Apache-2.0 WITH LLVM-exception OR MIT"),
            ),
            ("GPL-2.0+", Some("GPL-2.0+")),
            ("SEE LICENSE IN LICENSE.md", None),
            ("UNLICENSED", None),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT)", None),
            ("MIT Apache", None),
            ("", None),
        ] {
            assert_eq!(expression(written).as_deref(), expected, "{written}");
        }
    }
}
