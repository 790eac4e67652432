use super::*;

fn check(passes: &str, wanted: &[&str]) {
    let document = format!(r#"{{"name":"n","version":1,"passes":[{passes}]}}"#);
    let rules: RuleSet = serde_json::from_str(&document).unwrap();
    let found = rules.validate().err().unwrap_or_default();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, wanted, "{passes}");
}

fn pass(body: &str) -> String {
    format!(r#"{{"name":"p","kind":"one_to_one","outcome":"confirmed",{body}}}"#)
}

#[test]
fn the_shipped_rule_set_is_valid_and_survives_a_round_trip() {
    let rules = RuleSet::bank_default();
    assert_eq!(rules.validate(), Ok(()));
    let text = serde_json::to_string(&rules).unwrap();
    assert_eq!(serde_json::from_str::<RuleSet>(&text).unwrap(), rules);
}

#[test]
fn kinds_and_comparators_that_cannot_run_are_refused_unless_disabled() {
    for kind in [
        "one_to_many",
        "many_to_one",
        "many_to_many",
        "fuzzy",
        "adjustment",
    ] {
        let pass = format!(r#"{{"name":"p","kind":"{kind}","outcome":"suggested"}}"#);
        let message = format!(
            "pass \"p\" (/passes/0/kind): passes of kind {kind} are not implemented yet; disable the pass or remove it"
        );
        check(&pass, &[&message]);
        let disabled = pass.replace(r#""name":"p""#, r#""name":"q","enabled":false"#);
        let good = self::pass(
            r#""block":[{"field":"reference"}],"compare":[{"exact":{"field":"amount"}}]"#,
        );
        check(&format!("{disabled},{good}"), &[]);
    }
    check(
        &pass(
            r#""block":[{"field":"amount"}],"compare":[{"text":{"fields":{"field":"counterparty"},"metric":"jaro_winkler","min_pct":90}}]"#,
        ),
        &[
            "pass \"p\" (/passes/0/compare/0): the comparator text is not implemented yet; remove it or disable the pass",
        ],
    );
}

#[test]
fn all_mistakes_are_found_in_one_go() {
    check("", &["/passes: the rule set has no enabled pass"]);
    let twice = pass(r#""block":[{"field":"reference"},{"field":"amount"}]"#);
    check(
        &format!("{twice},{twice}"),
        &["pass \"p\" (/passes/1/name): a pass needs a name that no other pass of the set has"],
    );
    check(
        &pass(
            r#""block":[{"field":"amount","norm":["iban"]},{"field":"reference","right_field":"amount"}],
            "compare":[{"amount_tol":{"pct_bp":10001}},{"date_window":{"before":367,"after":0}}],
            "on_ambiguity":{"best_with_margin":{"margin_pct":101}},
            "filter_left":{"text":{"field":"amount","test":"equals"}}"#,
        ),
        &[
            "pass \"p\" (/passes/0/block/0/norm): amount is no text",
            "pass \"p\" (/passes/0/block/1): reference and amount cannot be equal: one is text and the other is not, or they differ in type",
            "pass \"p\" (/passes/0/compare/0/amount_tol/pct_bp): pct_bp must be at most 10000",
            "pass \"p\" (/passes/0/compare/1/date_window/before): before must be at most 366",
            "pass \"p\" (/passes/0/filter_left): amount is no text",
            "pass \"p\" (/passes/0/on_ambiguity/best_with_margin/margin_pct): margin_pct must be at most 100",
        ],
    );
}

#[test]
fn passes_that_would_match_anything_are_refused() {
    check(
        &pass(r#""block":[{"field":"reference"}]"#),
        &[
            "pass \"p\" (/passes/0): nothing limits the difference of the amounts: block or compare by amount",
        ],
    );
    check(
        &pass(r#""block":[{"field":"amount"},{"field":"ccy"}]"#),
        &[
            "pass \"p\" (/passes/0): nothing ties the rows together but the amount: add a block key or a date window",
        ],
    );
}

#[test]
fn a_misspelt_key_is_an_error() {
    let document = r#"{"name":"n","version":1,"passes":[{"name":"p","kind":"one_to_one","outcome":"confirmed","blok":[]}]}"#;
    assert!(serde_json::from_str::<RuleSet>(document).is_err());
}
