//! The migrations that a release can run on: asked of its own programs, kept beside the release.
//!
//! The name of a release is a digest of what is known before anything of it runs, and this is known after: so it has
//! a file of its own in the release's folder.

use std::collections::BTreeMap;

use plimsoll_deploy::{ReleaseId, SchemaRange};
use plimsoll_store::state::{self, Format};
use serde::{Deserialize, Serialize};

use crate::{EnvDir, LocalError};

const FORMAT: Format = Format {
    name: "plimsoll.schema",
    version: 1,
};
const FILE: &str = "schema.json";

/// Spans by service.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Document {
    services: BTreeMap<String, SchemaRange>,
}

/// What a `status` program said: the last line that is such an object. Other lines are for people.
pub(crate) fn parse(output: &str) -> Option<SchemaRange> {
    let whole = serde_json::from_str(output).ok();
    whole.or_else(|| {
        output
            .lines()
            .rev()
            .find_map(|line| serde_json::from_str(line.trim()).ok())
    })
}

/// Keeps the span of `service` with the release.
pub(crate) fn keep(
    env: &EnvDir,
    release: &ReleaseId,
    service: &str,
    range: SchemaRange,
) -> Result<(), LocalError> {
    let mut services = load(env, release)?;
    services.insert(service.to_owned(), range);
    let path = env.release(release.as_str()).join(FILE);
    Ok(state::save(&path, FORMAT, &Document { services })?)
}

/// The spans of a release by service: of those whose migration ran and whose program says it.
pub(crate) fn load(
    env: &EnvDir,
    release: &ReleaseId,
) -> Result<BTreeMap<String, SchemaRange>, LocalError> {
    match state::load::<Document>(&env.release(release.as_str()).join(FILE), FORMAT) {
        Ok(document) => Ok(document.services),
        Err(error) if error.is_not_found() => Ok(BTreeMap::new()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StateDir;

    fn range(head: &str) -> SchemaRange {
        SchemaRange {
            compatible_from: "0001".into(),
            head: head.into(),
        }
    }

    #[test]
    fn the_span_is_found_in_one_line_among_others_and_over_several_lines() {
        let line = r#"{"head":"0007","compatible_from":"0001"}"#;
        assert_eq!(parse(&format!("hello\n{line}\n")), Some(range("0007")));
        assert_eq!(
            parse("{\n\"head\":\"0007\",\n\"compatible_from\":\"0001\"\n}\n"),
            Some(range("0007"))
        );
        assert_eq!(parse(r#"{"head":"0007"}"#), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn the_spans_of_two_services_lie_beside_one_release() {
        let project = tempfile::tempdir().unwrap();
        let env = StateDir::open(project.path())
            .unwrap()
            .environment("e")
            .unwrap();
        let id: ReleaseId = "r000000000001".parse().unwrap();
        assert!(load(&env, &id).unwrap().is_empty());
        plimsoll_stdx::fs::create_dir_private(&env.release(id.as_str())).unwrap();
        keep(&env, &id, "api", range("0002")).unwrap();
        keep(&env, &id, "audit", range("0003")).unwrap();
        keep(&env, &id, "api", range("0004")).unwrap();
        let spans = load(&env, &id).unwrap();
        assert_eq!(
            (&spans["api"], &spans["audit"]),
            (&range("0004"), &range("0003"))
        );
    }
}
