//! What a release stands on, and what it no longer has.

use super::draft::Draft;
use crate::Step;

/// Resources answer, migrations were tried, the edge listens, schemas are migrated, development data is there.
pub(super) fn lay(draft: &mut Draft<'_>) {
    resources(draft);
    rehearsals(draft);
    listeners(draft);
    preparations(draft);
}

fn resources(draft: &mut Draft<'_>) {
    for (name, document) in &draft.want.resources {
        let there = draft.now.resources.get(name);
        if there.is_some_and(|there| there.ready && there.document == *document) {
            continue;
        }
        draft.steps.push(Step::Resource {
            name: name.clone(),
            from: there.map(|there| there.release.clone()),
            to: Some(draft.want.release.clone()),
        });
    }
}

/// All of them before the first migration, so that one that fails leaves every schema as it was. A service that was
/// never migrated here has no schema that could be hurt.
fn rehearsals(draft: &mut Draft<'_>) {
    let release = &draft.want.release;
    for (service, wanted) in &draft.want.services {
        let key = (release.clone(), service.clone());
        let mut before = draft.now.migrated.iter();
        let has_schema = before.any(|(_, other)| other == service);
        if wanted.migrate && wanted.rehearse && has_schema && !draft.now.migrated.contains(&key) {
            draft.steps.push(Step::Rehearse {
                release: release.clone(),
                service: service.clone(),
            });
        }
    }
}

fn listeners(draft: &mut Draft<'_>) {
    let open = draft.now.listening.as_ref();
    if open.is_some_and(|(_, digest)| *digest == draft.want.listen) {
        return;
    }
    draft.steps.push(Step::Listen {
        from: open.map(|(release, _)| release.clone()),
        to: Some(draft.want.release.clone()),
    });
}

fn preparations(draft: &mut Draft<'_>) {
    let release = &draft.want.release;
    for (service, wanted) in &draft.want.services {
        let key = (release.clone(), service.clone());
        if wanted.migrate && !draft.now.migrated.contains(&key) {
            draft.steps.push(Step::Migrate {
                release: release.clone(),
                service: service.clone(),
            });
        }
        if wanted.seed && !draft.now.seeded.contains(&key) {
            draft.steps.push(Step::Seed {
                release: release.clone(),
                service: service.clone(),
            });
        }
    }
}

/// What runs and is no part of the release any more goes last, when nothing routes to it.
pub(super) fn remove(draft: &mut Draft<'_>) {
    let gone: Vec<String> = draft
        .now
        .services
        .keys()
        .filter(|service| !draft.want.services.contains_key(*service))
        .cloned()
        .collect();
    for service in gone {
        let groups = draft.groups(&service, |_| true);
        draft.end(&service, &groups);
    }
    for (name, there) in &draft.now.resources {
        if !draft.want.resources.contains_key(name) {
            draft.steps.push(Step::Resource {
                name: name.clone(),
                from: Some(there.release.clone()),
                to: None,
            });
        }
    }
}
