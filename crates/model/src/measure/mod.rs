//! The closed registry of measures: everything that a claim can bound, an alert can watch or a panel can show.
//!
//! A name here is a contract. It says what is taken, in which dimension, of what, and it is never reused for
//! something else. Whoever gathers evidence looks names up here; a name without a gatherer gives `unproven`.

mod artefact;
mod change;
mod edge;
mod live;
mod load;
mod planned;
mod record;
mod recovery;
mod rendered;
mod run;

use crate::units::Dimension;

/// One thing that can be measured.
#[derive(Debug, PartialEq, Eq)]
pub struct Measure {
    /// Its name: a family and a word.
    pub name: &'static str,
    /// What it counts in.
    pub dimension: Dimension,
    /// The kinds of things that it can be taken of, as in `of = "service.backend"`; `app` and `edge` stand alone.
    pub of: &'static [&'static str],
    /// What `with` names.
    pub with: With,
    /// Whether it can be asked of a running app at any moment, so that alerts and panels can use it.
    pub live: bool,
    /// What is taken, and how.
    pub doc: &'static str,
}

/// What the parameter `with` of a claim names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    /// There is no parameter.
    Nothing,
    /// It may be left out.
    Maybe(&'static str),
    /// It has to be there.
    Always(&'static str),
}

impl Measure {
    /// Whether it can be taken of a subject such as `service.backend`, `edge` or `page./`.
    pub fn fits(&self, subject: &str) -> bool {
        let kind = subject.split_once('.').map_or(subject, |(kind, _)| kind);
        self.of.contains(&kind)
    }

    const fn with(mut self, doc: &'static str) -> Self {
        self.with = With::Always(doc);
        self
    }

    const fn maybe(mut self, doc: &'static str) -> Self {
        self.with = With::Maybe(doc);
        self
    }

    const fn live(mut self) -> Self {
        self.live = true;
        self
    }
}

/// A line of the registry.
const fn measure(
    name: &'static str,
    dimension: Dimension,
    of: &'static [&'static str],
    doc: &'static str,
) -> Measure {
    Measure {
        name,
        dimension,
        of,
        with: With::Nothing,
        live: false,
        doc,
    }
}

/// Every measure, family by family.
pub fn all() -> impl Iterator<Item = &'static Measure> {
    let families: [&'static [Measure]; 10] = [
        artefact::MEASURES,
        rendered::MEASURES,
        planned::MEASURES,
        run::MEASURES,
        edge::MEASURES,
        load::MEASURES,
        live::MEASURES,
        change::MEASURES,
        recovery::MEASURES,
        record::MEASURES,
    ];
    families.into_iter().flatten()
}

/// The measure of this name.
pub fn find(name: &str) -> Option<&'static Measure> {
    all().find(|measure| measure.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{With, all, find};

    #[test]
    fn no_two_measures_share_a_name() {
        let names: BTreeSet<_> = all().map(|measure| measure.name).collect();
        assert_eq!(names.len(), all().count());
    }

    #[test]
    fn every_measure_is_a_family_and_a_word_and_says_what_it_is() {
        let plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        for measure in all() {
            let parts = measure.name.split_once('.');
            assert!(
                parts.is_some_and(|(family, word)| plain(family) && plain(word)),
                "{}",
                measure.name
            );
            assert!(measure.doc.ends_with('.'), "{}", measure.name);
            assert!(!measure.of.is_empty(), "{}", measure.name);
        }
    }

    #[test]
    fn what_a_measure_is_of_are_kinds_that_a_subject_can_have() {
        for kind in all().flat_map(|measure| measure.of) {
            let alone = matches!(*kind, "app" | "edge");
            assert!(
                alone || crate::grammar::SUBJECTS.contains(kind),
                "{kind}"
            );
        }
    }

    #[test]
    fn a_page_is_a_subject_although_its_name_has_slashes_and_dots() {
        let load = find("page.load").unwrap();
        assert!(load.fits("page./"));
        assert!(load.fits("page./a.b"));
        assert!(!load.fits("route.ui"));
    }

    #[test]
    fn what_alerts_watch_needs_no_parameter() {
        let strict = |with: With| matches!(with, With::Always(_));
        assert!(!all().any(|measure| measure.live && strict(measure.with)));
    }
}
