//! No way back to a release that a migration since then has taken something from.

use std::collections::BTreeMap;

use plimsoll_deploy::schema::{ensure_runs, newest};
use plimsoll_deploy::{ReleaseId, SchemaRange};

use crate::daemon::intent::Intent;
use crate::{EnvDir, LocalError, releases, schema};

/// Fails when the schema of a service has moved beyond what `id` knows. A service whose program does not say what it
/// runs on is not asked about.
pub(crate) fn ensure_open(env: &EnvDir, id: &ReleaseId) -> Result<(), LocalError> {
    let there = there(env)?;
    let Err((service, source)) = runs(&schema::load(env, id)?, &there) else {
        return Ok(());
    };
    let in_force = Intent::load(env)?.release;
    let mut instead = None;
    for kept in releases::kept(env)? {
        let id = &kept.release.id;
        if in_force.as_ref() == Some(id) {
            continue;
        }
        let known = schema::load(env, id)?;
        if !known.is_empty() && runs(&known, &there).is_ok() {
            instead = Some(id.to_string());
            break;
        }
    }
    Err(LocalError::Schema {
        release: id.to_string(),
        service,
        instead,
        source: Box::new(source),
    })
}

type Spans = BTreeMap<String, SchemaRange>;

fn runs(
    release: &Spans,
    there: &Spans,
) -> Result<(), (String, plimsoll_deploy::schema::SchemaGap)> {
    for (service, own) in release {
        if let Some(there) = there.get(service) {
            ensure_runs(own, there).map_err(|gap| (service.clone(), gap))?;
        }
    }
    Ok(())
}

/// The schema that there is, by service: what the release that went furthest has left behind.
fn there(env: &EnvDir) -> Result<Spans, LocalError> {
    let mut spans: BTreeMap<String, Vec<SchemaRange>> = BTreeMap::new();
    for (release, service) in Intent::load(env)?.migrated {
        // One whose release was cleaned up is behind one that was kept.
        if let Some(span) = schema::load(env, &release)?.remove(&service) {
            spans.entry(service).or_default().push(span);
        }
    }
    Ok(spans
        .into_iter()
        .filter_map(|(service, spans)| Some((service, newest(&spans)?.clone())))
        .collect())
}

#[cfg(test)]
mod tests {
    use plimsoll_stdx::fs::create_dir_private;

    use super::*;
    use crate::StateDir;

    fn id(number: u32) -> ReleaseId {
        format!("r{number:012}").parse().unwrap()
    }

    /// An environment in which these releases ran their migrations, each with its span.
    fn migrated(dir: &std::path::Path, spans: &[(&str, &str)]) -> EnvDir {
        let env = StateDir::open(dir).unwrap().environment("e").unwrap();
        let mut intent = Intent::default();
        for (number, (compatible_from, head)) in (1..).zip(spans) {
            let release = id(number);
            create_dir_private(&env.release(release.as_str())).unwrap();
            let span = SchemaRange {
                compatible_from: (*compatible_from).to_owned(),
                head: (*head).to_owned(),
            };
            schema::keep(&env, &release, "api", span).unwrap();
            intent.migrated.insert((release, "api".to_owned()));
        }
        intent.save(&env).unwrap();
        env
    }

    #[test]
    fn the_way_back_is_open_while_the_schema_only_grew() {
        let dir = tempfile::tempdir().unwrap();
        let env = migrated(dir.path(), &[("1", "1"), ("1", "2"), ("1", "3")]);
        for number in [1, 2, 3] {
            ensure_open(&env, &id(number)).unwrap();
        }
    }

    #[test]
    fn it_is_closed_behind_a_migration_that_took_something_away_also_after_a_step_back() {
        let dir = tempfile::tempdir().unwrap();
        let env = migrated(
            dir.path(),
            &[("1", "1"), ("1", "2"), ("3", "3"), ("3", "4")],
        );
        ensure_open(&env, &id(3)).unwrap();
        for number in [1, 2] {
            let error = ensure_open(&env, &id(number)).unwrap_err();
            assert!(matches!(&error, LocalError::Schema { service, .. } if service == "api"));
        }
    }

    #[test]
    fn a_release_that_does_not_say_what_it_runs_on_is_not_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let env = migrated(dir.path(), &[("2", "2")]);
        ensure_open(&env, &id(9)).unwrap();
    }
}
