//! Replicas, and a database, that die.

use serde_json::json;

use crate::needs::client::{Session, get};
use crate::needs::{self, Needs, started, until, upload_both};

#[test]
fn an_acknowledged_upload_survives_the_death_of_the_postmaster_and_the_replica_is_ready_again() {
    // Its own servers: those of the others must live.
    let Some(needs) = Needs::alone() else { return };
    let replica = needs.replica("a");
    let session = Session::login(&replica.address, "preparer");
    let file = "id,booking_date,value_date,amount,currency,reference,counterparty\nA,2026-01-02,,1.00,EUR,r,p\n";
    assert_eq!(
        session
            .upload(&session.source("Bank"), "a.csv", file.as_bytes())
            .status,
        201
    );
    needs.servers.kill_postmaster();
    until("the replica is not ready", || {
        !needs::ready(&replica.address)
    });
    let readyz = get(&replica.address, "/readyz").unwrap();
    assert_eq!(
        (readyz.status, readyz.json()["failing"][0]["part"].as_str()),
        (503, Some("database"))
    );
    assert_eq!(
        get(&replica.address, "/livez").unwrap().status,
        200,
        "alive all the same"
    );
    assert_eq!(session.send("GET", "/runs", None).code(), "unavailable");
    until("the old backends are gone", || {
        needs.servers.try_start_postgres()
    });
    until("the replica is ready again", || {
        needs::ready(&replica.address)
    });
    assert_eq!(session.all("/transactions").len(), 1);
}

#[test]
fn a_run_of_a_killed_replica_is_finished_once_by_another_one() {
    let Some((needs, mut first)) = started() else {
        return;
    };
    let session = Session::login(&first.address, "preparer");
    let (left, right) = upload_both(&needs, &session, "500");
    // The table is locked, so the replica comes as far as its last transaction and no further.
    let mut lock = needs.psql_session();
    needs::say(
        &mut lock,
        "BEGIN; LOCK TABLE run_item IN ACCESS EXCLUSIVE MODE; SELECT 'locked';",
        "locked",
    );
    let body = json!({"left": left, "right": right});
    let created = session.send("POST", "/runs", Some(&body)).json();
    let id = created["id"].as_str().unwrap();
    until("the replica writes", || {
        needs.psql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY run_item%' AND wait_event_type = 'Lock'") == "1"
    });
    first.kill();
    lock.kill().unwrap();
    lock.wait().unwrap();
    let second = needs.replica("b");
    let session = Session {
        address: second.address.clone(),
        ..session
    };
    let ended = session.ended(id);
    assert_eq!(ended["status"], "review");
    let items = session.all(&format!("/runs/{id}/items")).len() as u64;
    let rows = |side: &str| ended["stats"][side].as_u64().unwrap();
    assert_eq!(items, rows("left_rows") + rows("right_rows"));
    assert_eq!(
        needs.psql("SELECT count(*) FROM audit_event WHERE action = 'run.finish'"),
        "1"
    );
}

#[test]
fn sigterm_ends_a_replica_in_order() {
    let Some((_needs, mut replica)) = started() else {
        return;
    };
    replica.signal("-TERM");
    let status = replica.child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
}
