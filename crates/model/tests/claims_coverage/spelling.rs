//! Numbers as people write them.

use plimsoll_model::units::Quantity;

/// Whether `quantity`, written `text` in the file, occurs in a row of the ledger in any usual spelling.
pub(crate) fn occurs(quantity: &Quantity, text: &str, row: &str) -> bool {
    let row = plain(row);
    spellings(quantity, text)
        .iter()
        .any(|spelling| stands_in(&spelling.to_lowercase(), &row))
}

fn spellings(quantity: &Quantity, text: &str) -> Vec<String> {
    let number: String = text
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    match quantity {
        Quantity::Time(time) => times(time.0),
        Quantity::Share(_) => vec![
            format!("{number}%"),
            format!("cpu {number}"),
            format!("mem {number}"),
        ],
        Quantity::Rate(_) => vec![
            text.to_owned(),
            text.replace('/', "req/"),
            format!("{number}rps"),
        ],
        Quantity::Money(_) => vec![format!("${number}")],
        Quantity::Cpu(cpu) => {
            let (whole, rest) = (cpu.0 / 1000, cpu.0 % 1000);
            let cpus = format!("{whole}.{rest:03}");
            vec![
                format!("{}m", cpu.0),
                format!("{}cpu", cpus.trim_end_matches('0').trim_end_matches('.')),
            ]
        }
        Quantity::Bytes(_) => vec![text.to_owned(), format!("{number}bytes")],
        Quantity::Number(_) | Quantity::Truth(_) | Quantity::Text(_) => vec![number],
    }
}

/// `300s` is also five minutes, and `212s` three minutes and 32 seconds.
fn times(ms: u64) -> Vec<String> {
    const UNITS: [(u64, &[&str]); 5] = [
        (1, &["ms"]),
        (1000, &["s", "seconds"]),
        (60_000, &["min", "m", "minutes"]),
        (3_600_000, &["h", "hours"]),
        (86_400_000, &["d", "day", "days"]),
    ];
    let mut all = vec![format!("{}m {}s", ms / 60_000, ms % 60_000 / 1000)];
    for (factor, names) in UNITS {
        let (whole, tenths) = (ms / factor, ms % factor * 10 / factor);
        let number = match (ms % factor, tenths * factor == ms % factor * 10) {
            (0, _) => whole.to_string(),
            (_, true) => format!("{whole}.{tenths}"),
            _ => continue,
        };
        all.extend(names.iter().map(|name| format!("{number}{name}")));
    }
    if ms == 365 * 86_400_000 {
        all.push("1year".to_owned());
    }
    all
}

/// Lower case, no comma within numbers, no blank before a unit, and both ends of `70-83%` with the unit.
fn plain(row: &str) -> String {
    let chars: Vec<char> = row.to_lowercase().chars().collect();
    let mut out = String::with_capacity(row.len());
    for (at, &c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| chars[at]);
        let after = chars.get(at + 1).copied();
        let within = before.is_some_and(|c| c.is_ascii_digit());
        let unit = after.is_some_and(|c| c.is_ascii_lowercase() || c == '%');
        match c {
            ',' if within && after.is_some_and(|c| c.is_ascii_digit()) => {}
            ' ' | '-' if within && unit => {}
            '-' if within && after.is_some_and(|c| c.is_ascii_digit()) => {
                let rest: String = chars[at + 1..].iter().collect();
                let unit = rest
                    .trim_start_matches(|c: char| c.is_ascii_digit())
                    .trim_start();
                out.extend(
                    unit.chars()
                        .take_while(|c| c.is_ascii_lowercase() || *c == '%'),
                );
                out.push(' ');
            }
            _ => out.push(c),
        }
    }
    out
}

/// Whether `spelling` stands there as a whole: no digit before it, none after, and no letter after its unit.
fn stands_in(spelling: &str, row: &str) -> bool {
    let bare = spelling.ends_with(|c: char| c.is_ascii_digit());
    row.match_indices(spelling).any(|(at, _)| {
        let before = row[..at].chars().next_back();
        let mut rest = row[at + spelling.len()..].chars();
        let (after, then) = (rest.next(), rest.next());
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let clear_before = !digit(before) && before != Some('.');
        let decimal = after == Some('.') && digit(then);
        let letter = !bare && after.is_some_and(|c| c.is_ascii_alphanumeric());
        clear_before && !digit(after) && !decimal && !letter
    })
}

#[test]
fn a_number_is_found_in_the_spellings_of_documents_and_not_inside_another() {
    let time = |text: &str| Quantity::Time(text.parse().unwrap());
    let bytes = |text: &str| Quantity::Bytes(text.parse().unwrap());
    assert!(occurs(&time("300s"), "300s", "TTL 5 min"));
    assert!(occurs(&time("1.5s"), "1.5s", "FCP < 1.5 s"));
    assert!(occurs(&time("212s"), "212s", "built in 3 m 32 s"));
    assert!(occurs(&time("30d"), "30d", "30-day retention"));
    assert!(occurs(&bytes("417500B"), "417500B", "417,500 bytes"));
    assert!(occurs(
        &Quantity::Share("70%".parse().unwrap()),
        "70%",
        "size 70-83%"
    ));
    assert!(!occurs(&bytes("60MB"), "60MB", "160 MB"));
    assert!(!occurs(&bytes("60MB"), "60MB", "60.5 MB"));
    assert!(!occurs(&time("5s"), "5s", "5 services"));
}
