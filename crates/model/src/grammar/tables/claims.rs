//! `claims`.

use super::{Fill, Form, Kind, Table, key};

const NOTE: &str = "Where the promise was made, or a remark for readers.";

const MEASURED: Table = Table {
    doc: "A bound on a measure.",
    keys: &[
        key("measure", Kind::Text(Form::Text), Fill::Required, "A name of the closed registry of measures."),
        key("of", Kind::Text(Form::Subject), Fill::Required, "What is measured: `app`, `edge`, `service.NAME`, `route.NAME`, …"),
        key("bound", Kind::Text(Form::Bound), Fill::Value("\"== true\""), "The bound. Its value has the measure's dimension."),
        key("under", Kind::Text(Form::Slug), Fill::Absent, "The load scenario under which it holds."),
        key("with", Kind::Text(Form::Text), Fill::Absent, "The measure's parameter: a file, a header, a need, …, as the registry says."),
        key("in", Kind::Text(Form::Slug), Fill::Absent, "The environment that it is made for. Left out: the one that is certified."),
        key("baseline", Kind::Text(Form::Text), Fill::Absent, "What the measure is relative to, where it is a ratio or a saving."),
        key("standing", Kind::Choice(&["made", "withdrawn"]), Fill::Value("\"made\""), "Whether the owner still makes the promise."),
        key("because", Kind::Text(Form::Label), Fill::Absent, "Why it was withdrawn: a contradiction's id."),
        key("means", Kind::Text(Form::Text), Fill::Absent, "By which other means its purpose is met."),
        key("note", Kind::Text(Form::Text), Fill::Absent, NOTE),
    ],
};

const ATTESTED: Table = Table {
    doc: "What only a person can state. It has no verdict and counts in no grade.",
    keys: &[
        key("attested", Kind::Text(Form::Text), Fill::Required, "The statement."),
        key("by", Kind::Text(Form::Text), Fill::Required, "Who states it: `owner`, a contact or an approval."),
        key("on", Kind::Text(Form::Date), Fill::Required, "Day of the statement."),
        key("until", Kind::Text(Form::Date), Fill::Required, "Last day on which it counts."),
        key("note", Kind::Text(Form::Text), Fill::Absent, NOTE),
    ],
};

/// A claim is one of the two; the first key of each tells them apart.
pub(super) const CLAIM: Kind = Kind::OneOf(&[&MEASURED, &ATTESTED]);
