use super::*;
use crate::span::LineIndex;

const TEXT: &str = "[service.api]\nscale = { min = 3, max = 2 }\n";

fn report() -> Report {
    let index = LineIndex::new(TEXT);
    let at = |part: &str| {
        let start = TEXT.find(part).unwrap();
        index.span(start..start + part.len())
    };
    let mut report = Report::new();
    report.add_source("app.toml", TEXT);
    report.add([
        Finding::error("P001", "app.toml", "`max` is smaller than `min`")
            .at(at("2"), "at most 2 replicas")
            .also(at("3"), "at least 3")
            .also(at("[service.api]"), "")
            .note("a service cannot have fewer replicas at most than at least")
            .edit("raise `max`", at("2"), "3"),
    ]);
    report
}

#[test]
fn a_finding_shows_message_place_excerpt_reason_and_fix() {
    let expected = "\
error[P001]: `max` is smaller than `min`
 --> app.toml:2:26
  |
1 | [service.api]
2 | scale = { min = 3, max = 2 }
  |                 -        ^ at most 2 replicas
  |                 |
  |                 at least 3
  |
  = note: a service cannot have fewer replicas at most than at least
help: raise `max`
  |
2 - scale = { min = 3, max = 2 }
2 + scale = { min = 3, max = 3 }
  |

app.toml: 1 error
";
    assert_eq!(render(&report(), Style::PLAIN), expected);
}

#[test]
fn colour_adds_escapes_and_takes_no_word_away() {
    let coloured = render(
        &report(),
        Style {
            colour: true,
            ..Style::PLAIN
        },
    );
    assert!(coloured.contains("\u{1b}["));
    for word in ["P001", "at most 2 replicas", "raise `max`", "1 error"] {
        assert!(coloured.contains(word), "{word} is missing");
    }
}

#[test]
fn escapes_in_the_users_file_do_not_reach_the_terminal() {
    let text = "a = \"\u{1b}[2J\"\n";
    let span = LineIndex::new(text).span(0..1);
    let mut report = Report::new();
    report.add_source("x", text);
    report.add([Finding::warning("P002", "x", "odd \u{1b}[2J name").at(span, "here")]);
    assert!(!render(&report, Style::PLAIN).contains('\u{1b}'));
}

#[test]
fn a_finding_about_a_whole_file_and_one_without_its_text_still_name_the_place() {
    let span = LineIndex::new("ab\ncd").span(3..4);
    let mut report = Report::new();
    report.add([
        Finding::error("P003", "gone.toml", "whole"),
        Finding::error("P004", "gone.toml", "part").at(span, ""),
    ]);
    let text = render(&report, Style::PLAIN);
    assert!(
        text.contains("gone.toml\n") && text.contains("gone.toml:2:1"),
        "{text}"
    );
}

#[test]
fn findings_stand_in_the_order_of_the_file() {
    let index = LineIndex::new(TEXT);
    let mut report = Report::new();
    report.add([Finding::error("B", "f", "second").at(index.span(9..10), "")]);
    report.add([Finding::error("A", "f", "first").at(index.span(1..2), "")]);
    let order: Vec<&str> = report
        .findings()
        .iter()
        .map(|finding| finding.message.as_str())
        .collect();
    assert_eq!(order, ["first", "second"]);
}
