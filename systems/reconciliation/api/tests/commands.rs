//! The binary without anything around it: its command line and its settings.
#![expect(clippy::unwrap_used, reason = "helpers stop at the first surprise too")]

use std::process::{Command, Output};

fn recon(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_recon"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

const GOOD: [(&str, &str); 3] = [
    (
        "DATABASE_URL",
        "postgres://recon:pw@localhost/recon?host=/run/needs/db",
    ),
    (
        "REDIS_URL",
        "redis+unix:///run/needs/cache/redis.sock?pass=pw",
    ),
    ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
];

#[test]
fn a_good_configuration_is_said_to_be_valid_without_connecting_to_anything() {
    let output = recon(&["--check-config"], &GOOD);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tcp = [
        ("DATABASE_URL", "postgres://recon:pw@db:5432/recon"),
        ("REDIS_URL", "redis://:pw@cache:6379/0"),
        GOOD[2],
    ];
    assert_eq!(
        recon(&["serve", "--check-config"], &tcp).status.code(),
        Some(0)
    );
}

#[test]
fn a_bad_configuration_ends_with_78_and_names_every_key() {
    let bad = [
        ("DATABASE_URL", "mysql://localhost"),
        ("REDIS_URL", "nonsense"),
        ("JWT_SECRET", "short"),
        ("DB_POOL_SIZE", "60"),
        ("DB_MAX_CONNECTIONS", "50"),
        ("METRIC_PORT", "1"),
        ("PORT", "70000"),
        ("RUST_LOG", "sqlx=loudly"),
        ("HOST", "everywhere"),
        ("UPLOAD_DIR", "/nonexistent"),
        ("BOOTSTRAP_ADMIN_EMAIL", "a@example.com"),
    ];
    for command in [
        &["--check-config"][..],
        &["serve"],
        &["migrate", "up"],
        &["seed"],
    ] {
        let output = recon(command, &bad);
        assert_eq!(output.status.code(), Some(78), "{command:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        for key in [
            "DATABASE_URL:",
            "REDIS_URL:",
            "JWT_SECRET: must have at least 32 bytes",
            "DB_POOL_SIZE: is more than DB_MAX_CONNECTIONS (50)",
            "METRIC_PORT: is not a setting; did you mean METRICS_PORT?",
            "PORT: is not a port",
            "RUST_LOG:",
            "HOST: is not an IP address",
            "UPLOAD_DIR:",
            "BOOTSTRAP_ADMIN_EMAIL: needs BOOTSTRAP_ADMIN_PASSWORD_FILE",
        ] {
            assert!(text.contains(key), "{key} is missing in:\n{text}");
        }
        assert!(!text.contains("mysql"), "values are not repeated:\n{text}");
    }
}

#[test]
fn a_command_that_is_not_understood_shows_the_usage() {
    let output = recon(&["migrate", "sideways"], &[]);
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("usage: recon serve"));
}

#[test]
fn health_says_no_when_nobody_listens() {
    assert_eq!(recon(&["health"], &[("PORT", "1")]).status.code(), Some(1));
}

#[test]
fn the_same_seed_generates_the_same_files() {
    let dir = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| dir.path().join(name));
    for out in [&one, &two] {
        let arguments = [
            "gen",
            "--rows",
            "50",
            "--seed",
            "3",
            "--out",
            out.to_str().unwrap(),
        ];
        assert!(recon(&arguments, &[]).status.success());
    }
    for file in ["left.csv", "right.csv", "truth.csv"] {
        let read = |dir: &std::path::Path| std::fs::read(dir.join(file)).unwrap();
        assert_eq!(read(&one), read(&two), "{file}");
    }
}
