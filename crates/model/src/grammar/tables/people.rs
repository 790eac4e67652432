//! `app`, `approval`, `contact`, `escalation`, `on_call`.

use super::{Fill, Form, Kind, NAMES, Table, key};

const REVIEW: Table = Table {
    doc: "A review by people, with its term.",
    keys: &[
        key("on", Kind::Text(Form::Date), Fill::Required, "Day of the last one."),
        key("next", Kind::Text(Form::Date), Fill::Required, "Day after which certificates call it stale."),
    ],
};

pub(super) static APP: Table = Table {
    doc: "Who the app is.",
    keys: &[
        key("name", Kind::Text(Form::Slug), Fill::Required, "Name in everything that is rendered."),
        key("title", Kind::Text(Form::Text), Fill::Same("name"), "Name for people."),
        key("description", Kind::Text(Form::Free), Fill::Value("\"\""), "One line."),
        key("owner", Kind::Text(Form::Email), Fill::Required, "Address of the team that answers for it."),
        key("version", Kind::Text(Form::Version), Fill::Absent, "Version of the app itself, without a leading `v`."),
        key("repository", Kind::Text(Form::Text), Fill::Absent, "Where the source is."),
        key("review", Kind::Table(&REVIEW), Fill::Absent, "When somebody looked last, and when somebody has to look next."),
    ],
};

const WINDOW: Table = Table {
    doc: "When deploys may start, in UTC.",
    keys: &[
        key("days", Kind::Some(&Kind::Choice(&[ "mon", "tue", "wed", "thu", "fri", "sat", "sun", ])), Fill::Required, "Days of the week."),
        key("from", Kind::Text(Form::Clock), Fill::Required, "First minute."),
        key("to", Kind::Text(Form::Clock), Fill::Required, "The minute after the last."),
    ],
};

pub(super) static APPROVAL: Table = Table {
    doc: "A role that has to agree. A required one without a signature stops `deploy` and makes the app not certifiable.",
    keys: &[
        key("required", Kind::Bool, Fill::Value("true"), "Whether a deploy waits for it."),
        key("role", Kind::Text(Form::Text), Fill::Required, "The role, for people."),
        key("by", Kind::Text(Form::Text), Fill::Absent, "Who signed. Left out: unsigned."),
        key("on", Kind::Text(Form::Date), Fill::Absent, "Day of the signature."),
        key("until", Kind::Text(Form::Date), Fill::Absent, "Last day on which it counts."),
        key("key", Kind::Text(Form::Text), Fill::Absent, "Public key that signatures are checked with."),
        key("window", Kind::Table(&WINDOW), Fill::Absent, "When deploys may start."),
    ],
};

pub(super) static CONTACT: Table = Table {
    doc: "A person, a team or a room.",
    keys: &[
        key("name", Kind::Text(Form::Text), Fill::Required, "Name for people."),
        key("role", Kind::Text(Form::Text), Fill::Required, "What they do."),
        key("email", Kind::Text(Form::Email), Fill::Absent, "Mail address."),
        key("slack", Kind::Text(Form::Text), Fill::Absent, "Slack channel with its `#`."),
        key("phone", Kind::Text(Form::Text), Fill::Absent, "Telephone number, international."),
    ],
};

pub(super) static ESCALATION: Table = Table {
    doc: "One step of an escalation.",
    keys: &[
        key("after", Kind::Between(Form::Time, "0s", "7d"), Fill::Required, "Time since the alert."),
        key("contact", Kind::Text(Form::Slug), Fill::Required, "Who is told: a `contact`."),
        key("notify", NAMES, Fill::Empty, "By which ways: names of `notify`."),
    ],
};

pub(super) static ON_CALL: Table = Table {
    doc: "Who is on call in one week.",
    keys: &[
        key("from", Kind::Text(Form::Date), Fill::Required, "First day."),
        key("primary", Kind::Text(Form::Slug), Fill::Required, "A `contact`."),
        key("secondary", Kind::Text(Form::Slug), Fill::Required, "A `contact`."),
    ],
};
