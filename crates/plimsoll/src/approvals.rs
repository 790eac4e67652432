//! Sign-offs of people: what stands against a deploy, and what to write once they agree.

use std::time::SystemTime;

use anyhow::anyhow;
use plimsoll_model::App;
use plimsoll_model::app::{Approval, Moment, Objection};
use plimsoll_stdx::clock::unix_ms;
use serde::Serialize;

use crate::exit::{Failure, Result};
use crate::printer::{Printer, Tone};

/// Where nobody has to agree: what is tried here reaches no user.
const UNGUARDED: &str = "development";

/// A sign-off and how it stands, for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Standing {
    name: String,
    role: String,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<String>,
    /// What stands against a deploy now; nothing where it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    objection: Option<String>,
    #[serde(skip)]
    help: Option<String>,
}

/// Every sign-off of the file, as it stands now.
pub(crate) fn of(app: &App) -> Vec<Standing> {
    let now = Moment::of_unix_ms(unix_ms(SystemTime::now()));
    let approvals = app.approvals.iter();
    approvals
        .map(|(name, approval)| standing(app, (name, approval), now))
        .collect()
}

/// Refuses a change where a required sign-off does not count now; in development that is a warning. The way back
/// ([`crate::commands::rollback`]) does not ask: nobody should have to look for a signature during an outage.
pub(crate) fn ensure(app: &App, printer: Printer) -> Result<()> {
    let open: Vec<Standing> = of(app)
        .into_iter()
        .filter(|one| one.required && one.objection.is_some())
        .collect();
    if open.is_empty() {
        return Ok(());
    }
    if app.environment == UNGUARDED {
        let label = printer.paint(Tone::Warn, "warning");
        for one in &open {
            printer.note(&format!(
                "{label}: {}; elsewhere a deploy would wait for it",
                one.line()
            ));
        }
        return Ok(());
    }
    Err(refusal(&app.environment, &open))
}

fn refusal(environment: &str, open: &[Standing]) -> Failure {
    let advice: Vec<String> = open
        .iter()
        .map(|one| {
            let help = one.help.as_deref().unwrap_or_default();
            format!("{}: {help}", one.line())
        })
        .collect();
    let count = open.len();
    let noun = if count == 1 { "sign-off" } else { "sign-offs" };
    Failure::app(anyhow!(
        "a change of `{environment}` waits for {count} {noun}; nothing was changed"
    ))
    .advise(advice.join("\n"))
}

impl Standing {
    /// `approval.owner (Product owner): not signed`.
    pub(crate) fn line(&self) -> String {
        let state = match (&self.objection, &self.by, &self.on) {
            (Some(objection), _, _) => objection.clone(),
            (None, Some(by), Some(on)) => format!("signed by {by} on {on}"),
            (None, _, _) => "not signed, and not required".to_owned(),
        };
        format!("approval.{} ({}): {state}", self.name, self.role)
    }
}

fn standing(app: &App, (name, approval): (&String, &Approval), now: Moment) -> Standing {
    let objection = approval.objection(now).filter(|_| approval.required);
    let help = objection.as_ref().map(|objection| match objection {
        Objection::Unsigned => {
            let (day, environment) = (now.date(), &app.environment);
            format!(
                "once they agree, add `by = \"NAME\"` and `on = {day}` under [approval.{name}] \
                 or [env.{environment}.approval.{name}]"
            )
        }
        Objection::Early(on) => format!("it counts from {on} on: wait, or correct `on`"),
        Objection::Over(_) => "once they agree again, renew `on` and `until`".to_owned(),
        Objection::Closed => "wait for the window, or have its owner move it".to_owned(),
    });
    let objection = objection.map(|objection| match objection {
        Objection::Unsigned => "not signed".to_owned(),
        Objection::Early(on) => format!("signed for a day to come, {on}"),
        Objection::Over(until) => format!("counted until {until}"),
        Objection::Closed => {
            let window = approval.window.as_ref().map(ToString::to_string);
            format!("outside its window, {}", window.unwrap_or_default())
        }
    });
    Standing {
        name: name.clone(),
        role: approval.role.clone(),
        required: approval.required,
        by: approval.by.clone(),
        on: approval.on.map(|day| day.to_string()),
        objection,
        help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{ColorChoice, Format};
    use crate::exit::ExitStatus;

    const FILE: &str = r#"
plimsoll = 1
[app]
name = "shop"
owner = "team@example.com"
[service.web]
build = { static = "site" }
[route.all]
path = "/"
to = "web"
[approval.cto]
role = "CTO"
"#;

    fn plain() -> Printer {
        Printer::new(Format::Human, ColorChoice::Never, true)
    }

    fn app(approval: &str, environment: &str) -> App {
        let parsed = plimsoll_model::parse(
            "plimsoll.toml",
            &format!("{FILE}{approval}"),
            Some(environment),
        );
        parsed
            .app
            .unwrap_or_else(|| panic!("{:?}", parsed.findings))
    }

    #[test]
    fn a_change_waits_for_a_name_and_a_day_and_says_what_to_write() {
        let printer = plain();
        let failure = ensure(&app("", "production"), printer).unwrap_err();
        assert_eq!(failure.status, ExitStatus::AppFault);
        let advice = failure.advice.unwrap();
        for words in [
            "approval.cto (CTO): not signed",
            "`by = \"NAME\"`",
            "[env.production.approval.cto]",
        ] {
            assert!(advice.contains(words), "{words}: {advice}");
        }
        ensure(&app("", "development"), printer).unwrap();
        ensure(&app("required = false\n", "production"), printer).unwrap();
        let signed = "by = \"Ada\"\non = 2026-01-02\n";
        ensure(&app(signed, "production"), printer).unwrap();
    }

    #[test]
    fn every_sign_off_that_does_not_count_is_named_with_why() {
        let over = "by = \"Ada\"\non = 2020-01-02\nuntil = 2020-02-01\n\
                    [approval.security]\nrole = \"Security\"\n";
        let failure = ensure(&app(over, "staging"), plain()).unwrap_err();
        let said = format!("{}\n{}", failure.error, failure.advice.unwrap());
        for words in [
            "waits for 2 sign-offs",
            "counted until 2020-02-01",
            "approval.security (Security): not signed",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
}
