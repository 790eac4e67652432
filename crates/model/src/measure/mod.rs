//! The closed registry of what can be measured: for claims, alerts, objectives and dashboards.
//!
//! A name here is a contract. It says what is taken, in which dimension, of what, and it is never reused for something
//! else. Whoever gathers evidence looks names up here; a name that nothing gathers ends `unproven`, never passed.
//!
//! A measure of the app's own is `metric.NAME`, by the Prometheus name that a service exports: a plain number;
//! `metric.NAME.increase` what it grew by during the alert's `for`; `metric.NAME.p50`, `.p95`, `.p99` a time, of a
//! histogram in seconds.

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

use crate::suggest;
use crate::units::Dimension;

/// Something that an experiment, a rendered document or a running app can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Its name: a family and a word.
    pub name: &'static str,
    /// What its values count in.
    pub dimension: Dimension,
    /// What it can be measured of: kinds of subjects.
    pub of: &'static [&'static str],
    /// Where it can stand.
    pub stands: Stands,
    /// What a claim's `with` names.
    pub with: With,
    /// What it says, in one sentence or two.
    pub doc: &'static str,
}

/// Where a measure can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// In claims: an experiment decides it.
    Claim,
    /// In claims, and only `under` a load scenario.
    Load,
    /// In claims, alerts and panels: it can be read at any moment.
    Live,
}

/// What a claim's `with` names, as the measure's parameter.
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
    /// Whether it can be measured of a subject such as `service.backend`, `edge` or `page./`.
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
}

/// Every measure, by family.
pub fn all() -> impl Iterator<Item = &'static Measure> {
    let families: [&'static [Measure]; 10] = [
        artefact::MEASURES,
        rendered::MEASURES,
        planned::MEASURES,
        run::MEASURES,
        edge::MEASURES,
        load::MEASURES,
        change::MEASURES,
        recovery::MEASURES,
        record::MEASURES,
        live::MEASURES,
    ];
    families.into_iter().flatten()
}

/// The measure of this name, the app's own included.
pub fn find(name: &str) -> Option<Measure> {
    if let Some(own) = name.strip_prefix("metric.") {
        return own_metric(own);
    }
    all().find(|measure| measure.name == name).copied()
}

/// The name that `name` is most likely a slip of.
pub(crate) fn closest(name: &str) -> Option<&'static str> {
    suggest::closest(name, all().map(|measure| measure.name))
}

type Of = &'static [&'static str];

const fn claim(name: &'static str, dimension: Dimension, of: Of, doc: &'static str) -> Measure {
    line(name, dimension, of, Stands::Claim, doc)
}

const fn load(name: &'static str, dimension: Dimension, of: Of, doc: &'static str) -> Measure {
    line(name, dimension, of, Stands::Load, doc)
}

const fn live(name: &'static str, dimension: Dimension, of: Of, doc: &'static str) -> Measure {
    line(name, dimension, of, Stands::Live, doc)
}

const fn line(
    name: &'static str,
    dimension: Dimension,
    of: Of,
    stands: Stands,
    doc: &'static str,
) -> Measure {
    Measure {
        name,
        dimension,
        of,
        stands,
        with: With::Nothing,
        doc,
    }
}

fn own_metric(own: &str) -> Option<Measure> {
    let (metric, part) = own.split_once('.').unwrap_or((own, ""));
    let is_name = !metric.is_empty()
        && !metric.starts_with(|c: char| c.is_ascii_digit())
        && metric
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':');
    let dimension = match part {
        "" | "increase" => Dimension::Number,
        "p50" | "p95" | "p99" => Dimension::Time,
        _ => return None,
    };
    let doc = "A metric that a service exports itself.";
    is_name.then_some(live("metric", dimension, &["app", "service"], doc))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Dimension, Stands, With, all, find};

    #[test]
    fn no_two_measures_share_a_name() {
        let names: BTreeSet<_> = all().map(|measure| measure.name).collect();
        assert_eq!(names.len(), all().count());
    }

    #[test]
    fn every_measure_is_a_family_and_a_word_and_says_what_it_is() {
        let plain = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
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
            let subject = match *kind {
                "app" | "edge" => (*kind).to_owned(),
                _ => format!("{kind}.name"),
            };
            assert!(
                crate::grammar::Form::Subject.ensure(&subject).is_ok(),
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
    fn what_alerts_watch_takes_no_parameter() {
        let mut live = all().filter(|measure| measure.stands == Stands::Live);
        assert!(live.all(|measure| measure.with == With::Nothing));
    }

    #[test]
    fn the_apps_own_metric_is_a_number_and_the_percentile_of_a_histogram_a_time() {
        let dimension = |name| find(name).map(|measure| measure.dimension);
        assert_eq!(dimension("metric.rows_total"), Some(Dimension::Number));
        assert_eq!(
            dimension("metric.rows_total.increase"),
            Some(Dimension::Number)
        );
        assert_eq!(dimension("metric.pass_seconds.p95"), Some(Dimension::Time));
        assert_eq!(dimension("metric.pass_seconds.p12"), None);
        assert_eq!(dimension("metric.0rows"), None);
    }
}
