//! The metrics of a replica.

use crate::needs::client::{Session, get};
use crate::needs::{started, until, upload_both};

#[test]
fn the_metrics_tell_of_the_last_run_the_pool_and_redis() {
    let Some((needs, replica)) = started() else {
        return;
    };
    let session = Session::login(&replica.address, "preparer");
    let (left, right) = upload_both(&needs, &session, "300");
    let ended = session.run(&left, &right);
    let text = || String::from_utf8(get(&replica.metrics, "/metrics").unwrap().body).unwrap();
    let open = ended["stats"]["exceptions_open"].as_u64().unwrap();
    assert!(open > 0);
    let fresh = format!("recon_exceptions_open{{age=\"0-7\"}} {open}\n");
    until("the shared figures are fresh", || text().contains(&fresh));
    let text = text();
    let rate = ended["stats"]["match_rate"].as_f64().unwrap();
    for line in [
        format!("recon_match_rate {rate}\n"),
        "db_pool_connections_max 2\n".to_owned(),
        "db_pool_connections{state=\"busy\"} ".to_owned(),
        "redis_up 1\n".to_owned(),
        "recon_conservation_violations_total 0\n".to_owned(),
        "recon_unreconciled_minor{ccy=\"USD\"} ".to_owned(),
        "recon_value_matched_minor{ccy=\"USD\"} ".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
}
