//! Any text is answered: no panic, places inside the text, and what is accepted is written and read again unchanged.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_diag::{Report, human, json};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for environment in [None, Some("development")] {
        let parsed = plimsoll_model::parse("plimsoll.toml", text, environment);
        for span in parsed.findings.iter().filter_map(|finding| finding.span) {
            assert!(text.get(span.range()).is_some(), "a place outside the text");
        }
        assert!(parsed.findings.iter().all(|finding| finding.rule != "P000"), "grammar and types disagree");
        let mut report = Report::new();
        report.add_source("plimsoll.toml", text);
        report.add(parsed.findings);
        // Drawing costs more than parsing: a few findings show what many would.
        if report.findings().len() < 8 {
            let _ = human::render(&report, human::Style::PLAIN);
            let _ = json::render(&report);
        }
        let (Some(app), None) = (parsed.app, environment) else {
            continue;
        };
        let written = toml::to_string(&app).expect("an app is written");
        let again = plimsoll_model::parse("again.toml", &written, None);
        assert_eq!(Some(app), again.app, "written and read again, it is another app");
    }
});
