//! The schema, up and down.

use serde_json::{Value, json};

use crate::needs::{Needs, run};

#[test]
fn migrations_go_up_twice_down_and_up_again() {
    let Some(needs) = Needs::empty() else { return };
    let status = || {
        let output = needs
            .recon()
            .args(["migrate", "status", "--json"])
            .output()
            .unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    assert_eq!(status()["head"], "0000");
    for _ in 0..2 {
        run(needs.recon().args(["migrate", "up"]));
        let status = status();
        assert_eq!(
            (&status["head"], &status["compatible_from"]),
            (&json!("0001"), &json!("0001"))
        );
    }
    run(needs.recon().args(["migrate", "down"]));
    assert_eq!(status()["head"], "0000");
    run(needs.recon().args(["migrate", "up"]));
    let seed = || needs.recon().arg("seed").output().unwrap().stdout;
    assert_eq!(seed(), seed(), "seeding again gives the same logins");
    let change = "UPDATE audit_event SET actor = 'me'";
    needs.psql("SELECT audit_append('a', 'b', 'c', 'd', 'e', NULL, NULL)");
    assert!(needs.try_psql(change).is_err(), "the trail only grows");
}
