//! Names of parties, and the ways in which people write them.

use super::rng::Rng;

const FIRST: [&str; 40] = [
    "Amber", "Atlas", "Birch", "Blue", "Cedar", "Clear", "Copper", "Coral", "Delta", "Eagle",
    "Ember", "Falcon", "Fern", "Frost", "Golden", "Granite", "Green", "Harbour", "Hazel", "Indigo",
    "Iron", "Ivory", "Jade", "Jasper", "Lark", "Lotus", "Maple", "Marble", "Mint", "North", "Oak",
    "Onyx", "Orchid", "Pearl", "Pine", "Quartz", "Raven", "Silver", "Tiger", "Willow",
];

const SECOND: [&str; 40] = [
    "Analytics",
    "Apparel",
    "Bakery",
    "Bearings",
    "Cables",
    "Castings",
    "Ceramics",
    "Chemicals",
    "Coffee",
    "Components",
    "Dairy",
    "Design",
    "Electric",
    "Farms",
    "Fasteners",
    "Foods",
    "Freight",
    "Furniture",
    "Glass",
    "Hardware",
    "Imports",
    "Instruments",
    "Labs",
    "Logistics",
    "Machines",
    "Metals",
    "Mills",
    "Motors",
    "Optics",
    "Packaging",
    "Paper",
    "Pharma",
    "Plastics",
    "Press",
    "Software",
    "Steel",
    "Textiles",
    "Tools",
    "Trading",
    "Works",
];

const FORMS: [&str; 6] = ["Ltd", "Inc", "GmbH", "Pvt Ltd", "LLC", "PLC"];

/// How many parties there are.
pub(super) const PARTIES: usize = FIRST.len() * SECOND.len() * FORMS.len();

/// A party by its number. Two parties differ in more than their legal form.
pub(super) fn party(number: usize) -> String {
    let form = FORMS[number % FORMS.len()];
    let second = SECOND[number / FORMS.len() % SECOND.len()];
    let first = FIRST[number / FORMS.len() / SECOND.len() % FIRST.len()];
    // The form's number is part of the name, because the rules do not look at the form itself.
    format!("{first} {second} {} {form}", number % FORMS.len() + 1)
}

/// The same party as another clerk writes it: the rules must see through this.
pub(super) fn rewritten(party: &str, rng: &mut Rng) -> String {
    match rng.below(4) {
        0 => party.to_uppercase(),
        1 => party
            .rsplit_once(' ')
            .map_or(party.to_owned(), |(name, form)| format!("{name}, {form}.")),
        2 => format!("{party}."),
        _ => party.replace(' ', "  "),
    }
}

/// A reference as another clerk writes it.
pub(super) fn respelt(reference: &str, rng: &mut Rng) -> String {
    let (prefix, number) = reference.split_at(3);
    match rng.below(4) {
        0 => reference.to_lowercase(),
        1 => format!("{prefix}-{number}"),
        2 => format!("{prefix} {number}"),
        _ => format!("{prefix}/{}", number.replacen('0', "0 ", 1)),
    }
}

/// The reference of an item by its number.
pub(super) fn reference(number: u32) -> String {
    format!("INV{number:08}")
}

/// A damaged reference. May be any text; the caller makes sure that it equals no other.
pub(super) fn damaged(reference: &str, rng: &mut Rng) -> String {
    let (prefix, number) = reference.split_at(3);
    let place = rng.below(number.len());
    match rng.below(5) {
        // A letter that looks like a digit.
        0 => format!(
            "{prefix}{}{}{}",
            &number[..place],
            "OlSZB".as_bytes()[place % 5] as char,
            &number[place + 1..]
        ),
        1 => reference[..reference.len() - 2 - rng.below(3)].to_owned(),
        2 => format!("PAYMENT FOR {reference}"),
        3 => format!("{prefix}{}", number.trim_start_matches('0')),
        _ => {
            let mut digits: Vec<char> = number.chars().collect();
            let at = place.min(digits.len() - 2);
            digits.swap(at, at + 1);
            format!("{prefix}{}", digits.into_iter().collect::<String>())
        }
    }
}
