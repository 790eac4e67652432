//! What holds for every text, every quantity and every accepted file.

// `cfg(test)` tells clippy that helpers are tests too.
#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use plimsoll_model::app::{Generate, PageProfile};
    use plimsoll_model::init::{Listing, init};
    use plimsoll_model::units::{Bytes, CpuMillis, Date, Decimal, DurationMs, Percent, Rate};
    use plimsoll_model::{App, parse};
    use proptest::prelude::*;

    /// Files that parse: those of the systems.
    fn accepted() -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/systems");
        let files = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        files
            .filter(|file| {
                file.extension()
                    .is_some_and(|extension| extension == "toml")
            })
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect()
    }

    fn app(text: &str) -> App {
        let parsed = parse("plimsoll.toml", text, None);
        parsed
            .app
            .unwrap_or_else(|| panic!("{:#?}\n{text}", parsed.findings))
    }

    fn ensure_round_trip(text: &str) {
        let app = app(text);
        assert_eq!(app, super::tests::app(&toml::to_string(&app).unwrap()));
    }

    #[test]
    fn an_accepted_file_is_written_and_read_again_unchanged() {
        let texts = accepted();
        assert!(!texts.is_empty());
        for text in &texts {
            ensure_round_trip(text);
        }
    }

    #[test]
    fn the_corpus_of_the_fuzzer_is_answered() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/plimsoll_toml");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            let parsed = parse("plimsoll.toml", &text, Some("development"));
            assert!(parsed.findings.iter().all(|finding| finding.rule != "P000"));
            count += 1;
        }
        assert!(count > 40, "only {count} files");
    }

    fn listing(name: &str, texts: &[(&str, &str)], files: &[&str]) -> Listing {
        let texts: BTreeMap<String, String> = texts
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        let all = files
            .iter()
            .map(|file| (*file).to_owned())
            .chain(texts.keys().cloned());
        Listing {
            name: name.to_owned(),
            files: all.collect(),
            texts,
        }
    }

    #[test]
    fn what_init_writes_for_each_stack_parses_without_a_finding() {
        let cargo = "[package]\nname = \"recon-api\"\n[dependencies]\nsqlx = { features = [\"postgres\"] }\nredis = \"1\"\n";
        let cases = [
            listing("Shop Front", &[("Cargo.toml", cargo)], &["src/main.rs"]),
            listing(
                "web",
                &[(
                    "package.json",
                    r#"{"scripts":{"build":"vite build"},"devDependencies":{"vite":"8"}}"#,
                )],
                &[],
            ),
            listing(
                "next",
                &[("package.json", r#"{"dependencies":{"next":"15"}}"#)],
                &[],
            ),
            listing("page", &[], &["index.html"]),
            listing(
                "docker",
                &[
                    ("Dockerfile", "FROM x\nEXPOSE 3000/tcp\n"),
                    ("docker-compose.yml", "services: {}"),
                ],
                &[],
            ),
            listing(
                "both",
                &[
                    ("api/Cargo.toml", cargo),
                    ("web/package.json", r#"{"devDependencies":{"vite":"8"}}"#),
                ],
                &["api/src/main.rs"],
            ),
            listing(
                "node",
                &[("package.json", r#"{"scripts":{"start":"node ."}}"#)],
                &[],
            ),
            listing("42 empty!", &[], &[]),
        ];
        for case in cases {
            let text = init(&case);
            for environment in [None, Some("development")] {
                let findings = parse("plimsoll.toml", &text, environment).findings;
                assert!(findings.is_empty(), "{findings:#?}\n{text}");
            }
            ensure_round_trip(&text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

        #[test]
        fn any_text_is_answered(text in "\\PC{0,200}") {
            let _ = parse("x", &text, None);
        }

        #[test]
        fn an_accepted_file_with_a_piece_replaced_is_answered(
            which in 0_usize..8, at in 0.0..1.0_f64, length in 0_usize..40, piece in "[a-z\"\\[\\]{}=.,0-9\n ]{0,12}",
        ) {
            let texts = accepted();
            let text = &texts[which % texts.len()];
            // A short file keeps the run short: the first part of a long one has every kind of table header.
            let mut text: String = text.chars().take(4000).collect();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a short text")]
            let mut start = (at * text.len() as f64) as usize;
            while !text.is_char_boundary(start) { start -= 1; }
            let mut end = (start + length).min(text.len());
            while !text.is_char_boundary(end) { end += 1; }
            text.replace_range(start..end, &piece);
            let parsed = parse("x", &text, None);
            for span in parsed.findings.iter().filter_map(|finding| finding.span) {
                prop_assert!(text.get(span.range()).is_some());
            }
        }

        #[test]
        fn every_quantity_is_printed_and_read_again_unchanged(number in any::<u64>(), small in any::<u32>(), signed in any::<i64>()) {
            prop_assert_eq!(Bytes(number).to_string().parse(), Ok(Bytes(number)));
            prop_assert_eq!(CpuMillis(number).to_string().parse(), Ok(CpuMillis(number)));
            prop_assert_eq!(DurationMs(number).to_string().parse(), Ok(DurationMs(number)));
            prop_assert_eq!(Percent(small).to_string().parse(), Ok(Percent(small)));
            let rate = Rate { count: number, per: DurationMs(u64::from(small) + 1) };
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
            let decimal = Decimal(signed.max(-i64::MAX));
            prop_assert_eq!(decimal.to_string().parse(), Ok(decimal));
            let generate = Generate::Bytes(small % 4096 + 1);
            prop_assert_eq!(generate.to_string().parse(), Ok(generate));
            let profile = PageProfile { cpu: Some(small % 100 + 1), bits_per_second: Some(u64::from(small) + 1), round_trip: None };
            prop_assert_eq!(profile.to_string().parse(), Ok(profile));
            let date = Date { year: u16::try_from(small % 9999).unwrap(), month: u8::try_from(small % 12 + 1).unwrap(), day: u8::try_from(small % 28 + 1).unwrap() };
            prop_assert_eq!(date.to_string().parse(), Ok(date));
        }

        #[test]
        fn a_generated_app_is_accepted_and_round_trips(
            min in 1_u32..20, more in 0_u32..20, cpu in 1_u64..4000, memory in 4_u64..4096, port in 1_u16..65535, pool in 1_u32..5,
        ) {
            let max = min + more;
            let text = format!(
                "plimsoll = 1\n[app]\nname = \"a\"\nowner = \"a@example.com\"\n[service.s]\nbuild = {{ cargo = \"s\" }}\n\
                 port = {{ http = {port} }}\ncpu = {{ request = \"{cpu}m\" }}\nmemory = {{ request = \"{memory}Mi\" }}\n\
                 scale = {{ min = {min}, max = {max}, cpu = \"70%\" }}\nneeds.db = {{ as = \"DB\", pool = {pool} }}\n\
                 [resource.db]\nkind = \"postgres\"\nmax_connections = 500\n"
            );
            let app = app(&text);
            prop_assert_eq!(app.services["s"].scale.max, max);
            ensure_round_trip(&text);
        }
    }
}
