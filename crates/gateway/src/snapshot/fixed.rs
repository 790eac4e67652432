//! Headers that every answer carries.

use http::{HeaderName, HeaderValue};
use plimsoll_bundle::local::HeaderValue as Spec;

use super::TableError;

type Headers = Vec<(HeaderName, HeaderValue)>;

/// The fixed headers of a route, or of what belongs to none. A copy for each core: who has a value is counted, and a
/// count that all cores change at each answer goes from one's cache to the other's all the time.
#[derive(Debug, Default)]
pub(crate) struct FixedHeaders(Vec<Copy>);

#[derive(Debug)]
struct Copy {
    plain: Headers,
    tls: Headers,
}

impl FixedHeaders {
    /// The table's headers, with those of the route instead where they have the same name. `of` is for errors.
    pub(super) fn compile(
        cores: usize,
        of: &str,
        table: &[Spec],
        route: &[Spec],
    ) -> Result<Self, TableError> {
        let copy = |_| {
            Ok(Copy {
                plain: compile(of, table, route, false)?,
                tls: compile(of, table, route, true)?,
            })
        };
        (0..cores.max(1))
            .map(copy)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Those of an answer on this core.
    pub(crate) fn on(&self, core: usize, tls: bool) -> &[(HeaderName, HeaderValue)] {
        match self.0.get(core % self.0.len().max(1)) {
            Some(copy) if tls => &copy.tls,
            Some(copy) => &copy.plain,
            None => &[],
        }
    }
}

fn compile(of: &str, table: &[Spec], route: &[Spec], tls: bool) -> Result<Headers, TableError> {
    let replaced = |header: &&Spec| !route.iter().any(|other| other.name == header.name);
    let specs = table.iter().filter(replaced).chain(route);
    specs
        .filter(|header| tls || !header.tls_only)
        .map(|header| {
            let error = |text: &String| TableError::Header {
                of: of.to_owned(),
                text: text.clone(),
            };
            let name = HeaderName::try_from(&header.name).map_err(|_| error(&header.name))?;
            let value = HeaderValue::try_from(&header.value).map_err(|_| error(&header.value))?;
            Ok((name, value))
        })
        .collect()
}
