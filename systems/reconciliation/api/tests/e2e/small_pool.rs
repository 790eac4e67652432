//! The smallest pool: nobody may hold its one connection while asking for a second.

use serde_json::json;

use crate::needs::client::Session;
use crate::needs::{Needs, generate};

#[test]
fn one_connection_is_enough_for_uploads_a_run_and_readers_at_once() {
    let Some(needs) = Needs::seeded() else { return };
    let replica = needs.replica_with("a", &[("DB_POOL_SIZE", "1")]);
    let session = Session::login(&replica.address, "preparer");
    let sources = ["Bank", "Ledger"].map(|name| session.source(name));
    let files = generate(&needs, "1000");
    std::thread::scope(|scope| {
        for (source, file) in sources.iter().zip(&files) {
            scope.spawn(|| assert_eq!(session.upload(source, "a.csv", file).status, 201));
        }
        for path in ["/transactions?limit=500", "/dashboard", "/uploads"] {
            scope.spawn(|| session.get(path));
        }
    });
    let body = json!({"left": sources[0], "right": sources[1]});
    let created = session.send("POST", "/runs", Some(&body)).json();
    let id = created["id"].as_str().unwrap();
    std::thread::scope(|scope| {
        for path in ["/runs", "/dashboard", "/transactions?q=zz"] {
            scope.spawn(|| session.get(path));
        }
        scope.spawn(|| session.get(&format!("/runs/{id}/export?kind=exceptions&fmt=json")));
    });
    let ended = session.ended(id);
    assert_eq!(ended["status"], "review", "{ended}");
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'recon'";
    assert_eq!(needs.psql(open), "1");
    drop(replica);
}
