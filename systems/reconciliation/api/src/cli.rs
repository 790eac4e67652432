//! The command line.

/// What the program is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Serve until SIGTERM.
    Serve,
    /// Validate the settings and end.
    CheckConfig,
    /// Bring the schema forward.
    MigrateUp,
    /// Undo the last step.
    MigrateDown,
    /// Say where the schema stands.
    MigrateStatus,
    /// Make the development logins and sources.
    Seed,
    /// Write test data with its truth.
    Gen(Vec<String>),
    /// Ask the running replica whether it is ready.
    Health,
    /// Print the version.
    Version,
}

/// What to print when the command line is not understood.
pub const USAGE: &str = "usage: recon serve [--check-config]
       recon migrate up|down|status [--json]
       recon seed
       recon gen --rows N --seed S --out DIR
       recon health
       recon --check-config | --version";

/// Reads the arguments after the program's name.
pub fn parse(arguments: &[String]) -> Result<Command, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve"] => Ok(Command::Serve),
        ["--check-config"] | ["serve", "--check-config"] => Ok(Command::CheckConfig),
        ["migrate", "up"] => Ok(Command::MigrateUp),
        ["migrate", "down"] => Ok(Command::MigrateDown),
        ["migrate", "status"] | ["migrate", "status", "--json"] => Ok(Command::MigrateStatus),
        ["seed"] => Ok(Command::Seed),
        ["gen", rest @ ..] => Ok(Command::Gen(
            rest.iter().map(|&word| word.to_owned()).collect(),
        )),
        ["health"] => Ok(Command::Health),
        ["--version"] => Ok(Command::Version),
        [] => Err("what should be done?".to_owned()),
        [first, ..] => Err(format!("`{first}` with these arguments is not understood")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_commands_are_understood() {
        let parse = |line: &str| {
            parse(
                &line
                    .split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(parse("migrate status --json"), Ok(Command::MigrateStatus));
        assert_eq!(parse("serve --check-config"), Ok(Command::CheckConfig));
        assert_eq!(
            parse("gen --rows 5"),
            Ok(Command::Gen(vec!["--rows".into(), "5".into()]))
        );
        assert!(parse("migrate sideways").is_err());
        assert!(parse("").is_err());
    }
}
