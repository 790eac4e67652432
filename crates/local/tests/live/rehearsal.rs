//! Migrations are tried on a copy of the schema before they are let at the schema.

use std::thread;

use plimsoll_deploy::Step;
use plimsoll_local::{Ending, Event, Outcome, ProcessKind};

use crate::postgres::Client;
use crate::project::{Project, Spec, kill, wait};

/// What every migration here begins with: it notes itself, and wants a schema with its notes and, in the copy, without
/// rows; and the lock timeout of the file.
const CHECKS: &str = "
    CREATE TABLE IF NOT EXISTS schema_migrations (number serial PRIMARY KEY, name text);
    CREATE TABLE IF NOT EXISTS account (id int PRIMARY KEY);
    DO $$ BEGIN
      IF current_database() = 'plimsoll_rehearsal' AND EXISTS (SELECT FROM account) THEN
        RAISE 'rows in the copy';
      END IF;
      IF to_regclass('account') IS NOT NULL AND current_setting('lock_timeout') <> '5s' THEN
        RAISE 'lock timeout %', current_setting('lock_timeout');
      END IF;
    END $$;
    INSERT INTO schema_migrations (name) VALUES (current_database());";

/// The release `name`, whose migration is `sql`.
fn deploy(project: &mut Project, name: &'static str, sql: &'static str) -> Outcome {
    migrates_by(project, sql);
    project.up_bundle(&with(name))
}

fn with(name: &'static str) -> Spec {
    Spec {
        release: name,
        replicas: 1,
        ..Spec::with_resources()
    }
}

fn migrates_by(project: &mut Project, sql: &'static str) {
    project.edit = Box::new(move |program| {
        let script = format!(
            "exec $(ls /usr/lib/postgresql/*/bin/psql | tail -n 1) -X -q -v ON_ERROR_STOP=1 \
             \"$(cat \"$DATABASE_URL_FILE\")\" <<'END'\n{CHECKS}\n{sql}\nEND\n"
        );
        if let Some(migrate) = &mut program.migrate {
            migrate.command = ["sh", "-c", &script].map(str::to_owned).into();
        }
    });
}

/// An app whose first release is in force, with a row in its table.
fn in_force() -> Option<(Project, Client)> {
    let mut project = Project::new(&Spec::with_resources())?;
    let outcome = deploy(&mut project, "one", "");
    assert_eq!(outcome.ending, Ending::InForce, "{outcome:?}");
    let client = Client::of(&project);
    client.ask("INSERT INTO account VALUES (1)").unwrap();
    Some((project, client))
}

const COPIES: &str = "SELECT count(*) FROM pg_database WHERE datname = 'plimsoll_rehearsal'";

fn columns(client: &Client) -> String {
    let sql = "SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) \
               FROM information_schema.columns WHERE table_name = 'account'";
    client.ask(sql).unwrap()
}

#[test]
fn a_migration_that_fails_on_a_copy_stops_the_change_before_the_schema_is_touched() {
    let Some((mut project, client)) = in_force() else {
        return;
    };
    let broken = "ALTER TABLE account ADD colour text; ALTER TABLE nowhere ADD colour text;";
    let outcome = deploy(&mut project, "two", broken);
    let Ending::Undone {
        step,
        message,
        hint,
        ..
    } = &outcome.ending
    else {
        panic!("{outcome:?}")
    };
    assert_eq!(step, "try the migration of api on a copy of the schema");
    assert!(
        message.starts_with("on a copy of the schema, the migration of api ended with code"),
        "{message}"
    );
    let hint = hint.as_deref().unwrap_or_default();
    assert!(
        hint.contains("\"nowhere\" does not exist") && hint.contains("dry_run = false"),
        "{hint}"
    );
    assert_eq!(columns(&client), "id", "the first statement did not run");
    assert_eq!(client.ask(COPIES).unwrap(), "0");
    assert_eq!(project.get("/release"), "one");

    let outcome = deploy(
        &mut project,
        "three",
        "ALTER TABLE account ADD colour text;",
    );
    assert_eq!(outcome.ending, Ending::InForce, "{outcome:?}");
    assert_eq!(columns(&client), "id colour");
    assert_eq!(client.ask(COPIES).unwrap(), "0");
    let notes = "SELECT string_agg(name, ' ' ORDER BY number) FROM schema_migrations";
    assert_eq!(
        client.ask(notes).unwrap(),
        "shop shop",
        "the dry runs noted themselves in the copy"
    );
    assert_eq!(client.ask("SELECT count(*) FROM account").unwrap(), "1");
}

#[test]
fn a_copy_that_was_left_by_a_killed_supervisor_is_dropped_by_the_next_run() {
    let Some((mut project, client)) = in_force() else {
        return;
    };
    let slow = "SELECT pg_sleep(600) WHERE current_database() = 'plimsoll_rehearsal';";
    migrates_by(&mut project, slow);
    let daemon = project.pids(ProcessKind::Supervisor)[0];
    let request = project.request(&with("two"));
    thread::scope(|scope| {
        let mut begun = false;
        let ended = project.local.deploy(&request, &mut |event| {
            let is_it = matches!(
                event,
                Event::StepStarted {
                    step: Step::Rehearse { .. },
                    ..
                }
            );
            if is_it && !begun {
                begun = true;
                scope.spawn(|| {
                    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'plimsoll_rehearsal' \
                                  AND query LIKE '%pg_sleep(600)%'";
                    wait("the dry run", || client.ask(sleeps).unwrap() == "1");
                    kill(daemon);
                });
            }
        });
        assert!(ended.is_err(), "{ended:?}");
    });
    assert_eq!(client.ask(COPIES).unwrap(), "1", "it is left over");
    let mut undoes = false;
    migrates_by(&mut project, "");
    let outcome = project.up_spec(&with("one"), &mut |event| {
        undoes |= matches!(event, Event::Unfinished { .. });
    });
    assert!(undoes);
    assert_eq!(outcome.ending, Ending::Unchanged, "{outcome:?}");
    assert_eq!(client.ask(COPIES).unwrap(), "0");
    assert_eq!(columns(&client), "id");
}

#[test]
fn a_schema_without_notes_of_a_migration_tool_is_migrated_without_a_try_and_that_is_said() {
    let Some((mut project, client)) = in_force() else {
        return;
    };
    client
        .ask("ALTER TABLE schema_migrations RENAME TO notes")
        .unwrap();
    migrates_by(&mut project, "");
    project.edit = {
        let edit = std::mem::replace(&mut project.edit, Box::new(|_| {}));
        Box::new(move |program| {
            edit(program);
            if let Some(migrate) = &mut program.migrate {
                let script = &mut migrate.command[2];
                *script = script.replace("schema_migrations", "notes");
            }
        })
    };
    let mut said = Vec::new();
    let outcome = project.up_spec(&with("two"), &mut |event| {
        if let Event::Warning { message } = event {
            said.push(message);
        }
    });
    assert_eq!(outcome.ending, Ending::InForce, "{outcome:?}");
    assert!(
        said.iter().any(|said| said.contains("is not tried out")),
        "{said:?}"
    );
    assert_eq!(client.ask(COPIES).unwrap(), "0");
}
