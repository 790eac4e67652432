//! The prober of a change: what it asks for, and when it says stop.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Mutex;

use plimsoll_bundle::local::{Destination, GatewayTable, RouteSpec, TlsIssuer};
use plimsoll_deploy::Watch;
use plimsoll_gateway::authority::CERTIFICATE;
use plimsoll_load::{Address, Connector, Prober, Skipped, Tally, Target};

/// The edge of this machine listens here whatever else it listens on.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Requests per second that the prober makes on a route, with room to spare: a route whose limit is near is not asked,
/// because the prober would use up what clients may.
const RATE: u64 = 100;

/// Counts for as long as a change lasts.
#[derive(Debug)]
pub(crate) struct Counting {
    prober: Mutex<Option<Prober>>,
    /// Failures of answers that the new release gave are the judge's business.
    judged: bool,
}

impl Counting {
    /// Begins to ask for what the old table routes, and the new one too where it is known.
    pub(crate) fn start(
        (old, new): (&GatewayTable, Option<&GatewayTable>),
        state: &Path,
        judged: bool,
    ) -> Result<(Self, Vec<Skipped>), String> {
        let (targets, mut skipped) = targets(old, new);
        let connector = connector(old, state)?;
        let mut prober = Prober::start(connector, targets).map_err(|error| error.to_string())?;
        skipped.append(&mut prober.skipped);
        let counting = Self {
            prober: Mutex::new(Some(prober)),
            judged,
        };
        Ok((counting, skipped))
    }

    /// Stops, and says what was counted.
    pub(crate) fn stop(&self) -> Tally {
        let mut prober = self
            .prober
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        prober.take().map(Prober::stop).unwrap_or_default()
    }
}

impl Watch for Counting {
    fn verdict(&self) -> Option<String> {
        let prober = self
            .prober
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        verdict(&prober.as_ref()?.tally(), self.judged)
    }
}

/// Why a change with this tally is to be taken back. A failure that a build of before has answered is no reason: it may
/// be what the change mends.
fn verdict(tally: &Tally, judged: bool) -> Option<String> {
    let builds = tally.builds.values();
    let excused = builds.filter(|build| build.before || judged);
    let excused: u64 = excused.map(|build| build.failed).sum();
    if tally.failed <= excused && tally.broken == 0 {
        return None;
    }
    let reasons = tally.reasons.iter();
    let reasons: Vec<String> = reasons
        .map(|(reason, times)| format!("{times} × {reason}"))
        .collect();
    Some(format!("{tally} ({})", reasons.join("; ")))
}

/// One request per service and port, and every route that takes sockets.
fn targets(old: &GatewayTable, new: Option<&GatewayTable>) -> (Vec<Target>, Vec<Skipped>) {
    let mut targets = Vec::new();
    let mut skipped = Vec::new();
    let mut asked = BTreeSet::new();
    let mut routes: Vec<&RouteSpec> = old.routes.iter().collect();
    routes.sort_by_key(|route| (route.path.len(), route.name.clone()));
    for route in routes {
        let place = (place(&route.to), route.upgrade);
        if asked.contains(&place) {
            continue;
        }
        match target(route, old, new) {
            Ok(target) => {
                asked.insert(place);
                targets.push(target);
            }
            Err(reason) => skipped.push(Skipped {
                name: route.name.clone(),
                reason,
            }),
        }
    }
    (targets, skipped)
}

fn place(to: &Destination) -> (String, String) {
    match to {
        Destination::Service { service, port } => (service.clone(), port.clone()),
        Destination::Files { service, .. } => (service.clone(), String::new()),
    }
}

fn target(
    route: &RouteSpec,
    old: &GatewayTable,
    new: Option<&GatewayTable>,
) -> Result<Target, String> {
    let stays = new.unwrap_or(old).routes.iter().any(|other| {
        let same = other.path == route.path && other.hosts == route.hosts;
        same && place(&other.to) == place(&route.to) && other.upgrade == route.upgrade
    });
    if !stays {
        return Err("the change moves it".to_owned());
    }
    if !route.methods.is_empty() && !route.methods.iter().any(|method| method == "GET") {
        return Err("it takes no GET".to_owned());
    }
    let limit = route.limit.as_ref().and_then(|name| old.limits.get(name));
    if limit.is_some_and(|limit| limit.requests * 1000 < RATE * limit.per_ms) {
        return Err(format!("its limit is below {RATE} requests/s"));
    }
    Ok(Target {
        name: route.name.clone(),
        address: address(route, old).ok_or("no address of it is known")?,
        path: route.path.clone(),
        socket: route.upgrade,
    })
}

fn address(route: &RouteSpec, table: &GatewayTable) -> Option<Address> {
    let named = route.hosts.iter().find(|host| !host.starts_with('*'));
    let host = named.map_or("localhost", String::as_str);
    let plain = table
        .listeners
        .http
        .filter(|_| !(table.tls.redirect && table.listeners.https.is_some()));
    let url = match (plain, table.listeners.https) {
        (Some(port), _) => format!("http://{host}:{port}"),
        (None, Some(port)) => format!("https://{host}:{port}"),
        (None, None) => return None,
    };
    Address::try_new(&url, HERE).ok()
}

/// Trusts the instance's own authority, where it issues the certificates.
fn connector(table: &GatewayTable, state: &Path) -> Result<Connector, String> {
    let local = table.listeners.https.is_some() && table.tls.issuer == TlsIssuer::Local;
    let authority = state.join("ca").join(CERTIFICATE);
    let authorities: &[&Path] = if local { &[&authority] } else { &[] };
    Connector::try_new(authorities).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use plimsoll_load::Build;

    use super::*;

    /// Five failed requests, so many of them answered by a build of before and by a new one.
    fn tally(of_old: u64, of_new: u64) -> Tally {
        let build = |before, failed| Build {
            before,
            answers: 100,
            failed,
            first: Duration::ZERO,
            last: Duration::ZERO,
        };
        let mut tally = Tally {
            requests: 200,
            failed: 5,
            ..Tally::default()
        };
        tally.builds.insert("old".to_owned(), build(true, of_old));
        tally.builds.insert("new".to_owned(), build(false, of_new));
        tally
    }

    #[test]
    fn failures_undo_a_change_unless_they_were_there_before_or_are_for_the_judge() {
        for (of_old, of_new, judged, undone) in [
            (5, 0, false, false),
            (0, 5, false, true),
            (0, 5, true, false),
            (2, 3, true, false),
            (2, 2, true, true),
            (0, 0, true, true),
        ] {
            let verdict = verdict(&tally(of_old, of_new), judged);
            assert_eq!(
                verdict.is_some(),
                undone,
                "{of_old} {of_new} {judged}: {verdict:?}"
            );
        }
    }

    #[test]
    fn a_broken_socket_undoes_a_change_and_is_named_with_its_number() {
        let mut tally = Tally {
            broken: 1,
            ..Tally::default()
        };
        tally.reasons.insert("ws: it broke".to_owned(), 1);
        let said = verdict(&tally, true).unwrap();
        assert!(
            said.contains("1 sockets broken") && said.contains("1 × ws: it broke"),
            "{said}"
        );
        assert_eq!(verdict(&Tally::default(), false), None);
    }
}
