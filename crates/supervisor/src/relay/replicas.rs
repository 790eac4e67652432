//! Which replicas of a service there are, and whose turn it is.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use plimsoll_bundle::endpoints::{Address, Endpoints, Traffic};
use plimsoll_stdx::fs::read_bounded;

use crate::order::Towards;

/// A document of a thousand replicas is below 1 MiB.
const DOCUMENT_MAX: u64 = 16 << 20;

/// The replicas of one service, by the document of those that are ready.
#[derive(Debug)]
pub(super) struct Replicas {
    doors: File,
    service: String,
    port: String,
    known: Mutex<Known>,
}

/// What was read last, and how often it was asked for.
#[derive(Debug, Default)]
struct Known {
    /// Number and time of the file: a document is replaced and never changed.
    mark: Option<(u64, i64, i64)>,
    doors: Vec<(String, u16)>,
    turn: usize,
}

impl Replicas {
    pub(super) fn new(doors: File, service: &str, port: &str) -> Self {
        Self {
            doors,
            service: service.to_owned(),
            port: port.to_owned(),
            known: Mutex::default(),
        }
    }

    pub(super) fn folder(&self) -> &File {
        &self.doors
    }

    /// The sockets and ports to try, in this order: all of them, each time beginning with another.
    pub(super) fn in_turn(&self) -> Vec<(PathBuf, u16)> {
        let folder = PathBuf::from(format!("/proc/self/fd/{}", self.doors.as_raw_fd()));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let path = folder.join(Towards::READY);
        let mark = std::fs::metadata(&path)
            .map(|about| (about.ino(), about.mtime(), about.mtime_nsec()))
            .ok();
        if mark != known.mark || mark.is_none() {
            let document = read_bounded(&path, DOCUMENT_MAX)
                .ok()
                .and_then(|bytes| serde_json::from_slice::<Endpoints>(&bytes).ok());
            known.doors =
                document.map_or_else(Vec::new, |ready| doors(&ready, &self.service, &self.port));
            known.mark = mark;
        }
        let count = known.doors.len();
        known.turn = known.turn.wrapping_add(1);
        let first = known.turn;
        let door = |offset: usize| known.doors.get(first.wrapping_add(offset) % count);
        (0..count)
            .filter_map(door)
            .map(|(name, port)| (folder.join(name), *port))
            .collect()
    }
}

/// The names of the doors, with the port behind each. Of a replica that is not contained there is none.
fn doors(ready: &Endpoints, service: &str, port: &str) -> Vec<(String, u16)> {
    let endpoints = ready.services.get(service).into_iter().flatten();
    endpoints
        .filter(|endpoint| endpoint.traffic == Traffic::Admitted && endpoint.weight > 0)
        .filter_map(|endpoint| match endpoint.ports.get(port)? {
            Address::Shim { socket, port } => {
                let name = socket.file_name()?.to_str()?;
                Some((name.to_owned(), *port))
            }
            Address::Tcp(_) | Address::Unix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use plimsoll_bundle::endpoints::{Cohort, Endpoint};

    use super::*;

    fn document(traffic: &[Traffic]) -> Endpoints {
        let endpoint = |(number, &traffic): (usize, &Traffic)| {
            let socket = PathBuf::from(format!("/doors/api-{number}.sock"));
            Endpoint {
                id: format!("api-{number}"),
                release: "r1".into(),
                ports: BTreeMap::from([("http".into(), Address::Shim { socket, port: 8080 })]),
                weight: 100,
                traffic,
                cohort: Cohort::Stable,
            }
        };
        let mut document = Endpoints::empty();
        let endpoints = traffic.iter().enumerate().map(endpoint).collect();
        document.services.insert("api".into(), endpoints);
        document
    }

    fn put(dir: &Path, document: &Endpoints) {
        let bytes = serde_json::to_vec(document).unwrap();
        plimsoll_stdx::fs::write_atomic(&dir.join(Towards::READY), &bytes).unwrap();
    }

    fn names(replicas: &Replicas) -> Vec<String> {
        let name = |(path, port): (PathBuf, u16)| {
            assert_eq!(port, 8080);
            path.file_name().unwrap().to_str().unwrap().to_owned()
        };
        replicas.in_turn().into_iter().map(name).collect()
    }

    #[test]
    fn each_replica_has_its_turn_and_the_others_stand_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), &document(&[Traffic::Admitted; 3]));
        let replicas = Replicas::new(File::open(dir.path()).unwrap(), "api", "http");
        let rounds: Vec<Vec<String>> = (0..3).map(|_| names(&replicas)).collect();
        let mut firsts: Vec<&String> = rounds.iter().map(|round| &round[0]).collect();
        firsts.sort();
        assert_eq!(firsts, ["api-0.sock", "api-1.sock", "api-2.sock"]);
        assert!(rounds.iter().all(|round| round.len() == 3));
    }

    #[test]
    fn a_new_document_counts_from_the_next_connection_on() {
        let dir = tempfile::tempdir().unwrap();
        let replicas = Replicas::new(File::open(dir.path()).unwrap(), "api", "http");
        assert!(names(&replicas).is_empty(), "nobody is known yet");
        put(dir.path(), &document(&[Traffic::Admitted]));
        assert_eq!(names(&replicas), ["api-0.sock"]);
        put(
            dir.path(),
            &document(&[Traffic::Draining, Traffic::Admitted]),
        );
        assert_eq!(names(&replicas), ["api-1.sock"]);
        std::fs::remove_file(dir.path().join(Towards::READY)).unwrap();
        assert!(names(&replicas).is_empty());
    }

    #[test]
    fn another_service_and_another_port_have_no_doors() {
        let document = document(&[Traffic::Admitted]);
        assert_eq!(doors(&document, "api", "http").len(), 1);
        assert!(doors(&document, "api", "grpc").is_empty());
        assert!(doors(&document, "web", "http").is_empty());
    }
}
