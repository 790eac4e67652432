//! What comes from a registry or the command line as text: no panic, and what is understood is what it should be.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_image::registry::{Reference, challenge, headers};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(reference) = text.parse::<Reference>() {
        let written = reference.to_string();
        assert_eq!(written.parse(), Ok(reference.clone()), "{written}");
        // Both become parts of an address.
        for part in [reference.host(), &reference.repository, reference.target()] {
            assert!(!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(!part.contains(['?', '#', '@', '\\', '%']) && part.split('/').all(|part| part != ".."));
        }
    }
    for challenge in challenge::parse(text) {
        assert!(!challenge.scheme.is_empty() && challenge.scheme.is_ascii());
        assert!(challenge.parameters.iter().all(|(name, _)| !name.is_empty() && name.is_ascii()));
    }
    let _ = headers::received(text);
    let _ = headers::part_start(text);
    let _ = headers::retry_after(text);
    if let Some(page) = headers::next_page(text) {
        assert!(!page.is_empty() && !page.contains('>'));
    }
});
