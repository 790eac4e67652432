//! `--help` teaches: what a command is for, how it is used, how it ends.

use crate::folder::Folder;

const COMMANDS: [&[&str]; 21] = [
    &[],
    &["init"],
    &["build"],
    &["image"],
    &["image", "diff"],
    &["up"],
    &["down"],
    &["status"],
    &["logs"],
    &["scale"],
    &["secret"],
    &["secret", "set"],
    &["secret", "list"],
    &["secret", "rotate"],
    &["audit"],
    &["cleanup"],
    &["deploy"],
    &["rollback"],
    &["releases"],
    &["doctor"],
    &["schema"],
];
/// What every terminal shows on one line, with a little room for names of options.
const WIDEST: usize = 100;

#[test]
fn the_help_of_every_command_has_examples_of_itself_and_the_exit_codes() {
    let folder = Folder::new();
    for command in COMMANDS {
        let help = folder.run(&[command, &["--help"]].concat()).ends_with(0);
        let called = format!("plimsoll {}", command.join(" "));
        let (_, examples) = help.stdout.split_once("Examples:\n").unwrap();
        assert!(examples.contains(called.trim_end()), "{called}: {examples}");
        let codes = "Exit codes: 0 done and as promised, 1 the app falls short, 2 wrong usage";
        assert!(examples.contains(codes), "{called}: {examples}");
        assert!(help.stderr.is_empty(), "{called}: {}", help.stderr);
        for line in help.stdout.lines() {
            assert!(line.chars().count() <= WIDEST, "{called}: {line}");
        }
    }
}

#[test]
fn every_command_that_the_help_lists_is_tested_here() {
    let help = Folder::new().run(&["--help"]).stdout;
    let (_, rest) = help.split_once("Commands:\n").unwrap();
    let (list, _) = rest.split_once("\n\n").unwrap();
    let names = list.lines().filter_map(|line| {
        let name = line.strip_prefix("  ")?.split(' ').next()?;
        (!name.is_empty() && name != "help").then_some(name)
    });
    let listed: Vec<&str> = names.collect();
    assert!(!listed.is_empty());
    for name in listed {
        assert!(
            COMMANDS
                .iter()
                .any(|command| command.first() == Some(&name)),
            "{name}"
        );
    }
}

#[test]
fn the_schema_is_the_published_one() {
    let schema = Folder::new().run(&["schema"]).ends_with(0);
    let published = include_str!("../../../../docs/reference/plimsoll.schema.json");
    assert_eq!(
        schema.json(),
        serde_json::from_str::<serde_json::Value>(published).unwrap()
    );
}
