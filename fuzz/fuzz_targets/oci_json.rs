//! Any bytes as a manifest, an index or a configuration: no panic, and what is accepted is written and read again
//! unchanged.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_image::oci::{ImageConfig, Index, Manifest, Platform, to_bytes};

fuzz_target!(|data: &[u8]| {
    if let Ok(manifest) = Manifest::parse(data, "there") {
        let written = to_bytes(&manifest).expect("a manifest is written");
        assert_eq!(Manifest::parse(&written, "again").expect("and read again"), manifest);
        assert!(manifest.layers.len() <= 127);
    }
    if let Ok(index) = Index::parse(data, "there") {
        let written = to_bytes(&index).expect("an index is written");
        assert_eq!(Index::parse(&written, "again").expect("and read again"), index);
        let machine = Platform::linux("x86_64").expect("a known machine");
        if let Ok(chosen) = index.select(&machine) {
            let platform = chosen.platform.as_ref();
            assert!(platform.is_none_or(|platform| platform.runs_on(&machine)));
        }
    }
    if let Ok(config) = ImageConfig::parse(data, "there") {
        let written = to_bytes(&config).expect("a configuration is written");
        assert_eq!(ImageConfig::parse(&written, "again").expect("and read again"), config);
    }
});
