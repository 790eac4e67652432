//! The files of the three systems: they say everything that their documents say, and nothing that is refused.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::fmt::Write as _;
use std::path::Path;

use plimsoll_diag::{Finding, Severity};
use plimsoll_model::app::Pool;
use plimsoll_model::{App, Parsed, parse};

const SYSTEMS: [(&str, &str); 3] = [
    (
        "reconciliation",
        "../../systems/reconciliation/plimsoll.toml",
    ),
    ("logistics", "fixtures/systems/logistics.toml"),
    ("cultivai", "fixtures/systems/cultivai.toml"),
];

const ENVIRONMENTS: [&str; 3] = ["development", "staging", "production"];

fn text_of(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn read(path: &str, environment: Option<&str>) -> Parsed {
    parse("plimsoll.toml", &text_of(path), environment)
}

/// What somebody reads who runs a check: level, rule, where, what.
fn listing(findings: &[Finding]) -> String {
    findings.iter().fold(String::new(), |mut text, finding| {
        let _ = writeln!(
            text,
            "{:?} {} {}: {}",
            finding.severity, finding.rule, finding.object, finding.message
        );
        for note in &finding.notes {
            let _ = writeln!(text, "    {note}");
        }
        text
    })
}

#[test]
fn each_systems_file_is_accepted_in_each_of_its_three_environments() {
    for (name, path) in SYSTEMS {
        let plain = read(path, None);
        let errors: Vec<&Finding> = plain
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        assert_eq!(
            plain.environments,
            ["development", "production", "staging"],
            "{name}"
        );
        for environment in ENVIRONMENTS {
            let app = read(path, Some(environment)).app;
            assert_eq!(
                app.map(|app| app.environment),
                Some(environment.to_owned()),
                "{name}"
            );
        }
    }
}

#[test]
fn each_app_written_as_toml_is_a_file_that_reads_back_the_same() {
    for (name, path) in SYSTEMS {
        for environment in [None, Some("production")] {
            let app = read(path, environment).app.unwrap();
            let again = parse("written.toml", &toml::to_string(&app).unwrap(), None);
            let errors: Vec<&Finding> = again
                .findings
                .iter()
                .filter(|finding| finding.severity == Severity::Error)
                .collect();
            assert!(errors.is_empty(), "{name} in {environment:?}: {errors:#?}");
            let again = again.app.map(|again| App {
                environment: app.environment.clone(),
                ..again
            });
            assert!(
                again.as_ref() == Some(&app),
                "{name} in {environment:?} changed in writing"
            );
        }
    }
}

#[test]
fn each_app_of_each_environment_survives_toml_and_json() {
    for (name, path) in SYSTEMS {
        for environment in ENVIRONMENTS {
            let app = read(path, Some(environment)).app.unwrap();
            let toml = toml::to_string(&app).unwrap();
            let from_toml: App = toml::from_str(&toml).unwrap();
            assert_eq!(
                toml::to_string(&from_toml).unwrap(),
                toml,
                "{name} in {environment}"
            );
            let json = serde_json::to_string(&app).unwrap();
            let from_json: App = serde_json::from_str(&json).unwrap();
            assert_eq!(
                serde_json::to_string(&from_json).unwrap(),
                json,
                "{name} in {environment}"
            );
        }
    }
}

#[test]
fn what_is_said_of_the_reconciliation_file_is_what_was_read_and_accepted() {
    insta::assert_snapshot!(listing(&read(SYSTEMS[0].1, None).findings));
}

#[test]
fn what_is_said_of_the_logistics_file_is_what_was_read_and_accepted() {
    insta::assert_snapshot!(listing(&read(SYSTEMS[1].1, None).findings));
}

#[test]
fn what_is_said_of_the_cultivai_file_is_what_was_read_and_accepted() {
    insta::assert_snapshot!(listing(&read(SYSTEMS[2].1, None).findings));
}

#[test]
fn the_documents_numbers_of_the_reconciliation_app_are_those_of_its_file() {
    let app = read(SYSTEMS[0].1, Some("production")).app.unwrap();
    let backend = &app.services["backend"];
    assert_eq!((backend.scale.min, backend.scale.max), (3, 15));
    assert_eq!(
        (backend.ports["http"], backend.ports["metrics"]),
        (2000, 9091)
    );
    assert_eq!(backend.cpu.limit.to_string(), "350m");
    assert_eq!(backend.memory.limit.to_string(), "350Mi");
    assert_eq!(backend.needs["db"].pool.map(Pool::size), Some(2));
    assert_eq!(
        (
            app.services["frontend"].scale.min,
            app.services["frontend"].scale.max
        ),
        (3, 10)
    );
}

#[test]
fn development_runs_the_reconciliation_app_on_two_cores_and_ports_of_its_own() {
    let app = read(SYSTEMS[0].1, Some("development")).app.unwrap();
    let backend = &app.services["backend"];
    assert_eq!(
        (
            backend.scale.min,
            backend.scale.max,
            backend.disruption.keep
        ),
        (2, 4, 1)
    );
    assert!(backend.seed.is_some());
    assert_eq!(
        (app.edge.http, app.edge.https, app.edge.tls.redirect),
        (8080, 8443, false)
    );
    // 45 connections over the five replicas that a rolling change can have at once.
    assert_eq!(backend.needs["db"].pool.map(Pool::size), Some(9));
}
