//! `rollout`, `pipeline`.

use super::{Fill, Form, Kind, NAMES, Table, key};

const STEP: Table = Table {
    doc: "One step of a canary.",
    keys: &[
        key("weight", Kind::Between(Form::Share, "0.1%", "100%"), Fill::Required, "Share of traffic."),
        key("hold", Kind::Between(Form::Time, "1s", "7d"), Fill::Required, "For how long."),
    ],
};

const JUDGE: Table = Table {
    doc: "What a new release is judged by while it has traffic.",
    keys: &[
        key("errors", Kind::Text(Form::ShareBound), Fill::Absent, "Share of failed requests."),
        key("p95", Kind::Text(Form::TimeBound), Fill::Absent, "95th percentile of latency."),
        key("samples", Kind::Int(1, 1_000_000), Fill::Value("100"), "Requests that a judgement needs at least."),
    ],
};

pub(super) static ROLLOUT: Table = Table {
    doc: "How a release replaces the one before.",
    keys: &[
        key("strategy", Kind::Choice(&["rolling", "canary", "blue-green", "recreate"]), Fill::Value("\"rolling\""), "The strategy."),
        key("surge", Kind::Int(0, 100), Fill::Value("1"), "Replicas above the wanted count that a change may have."),
        key("unavailable", Kind::Int(0, 100), Fill::Value("0"), "Replicas below the wanted count that a change may have."),
        key("steps", Kind::List(&Kind::Table(&STEP)), Fill::Empty, "Steps of a canary."),
        key("sticky", Kind::Choice(&["none", "cookie"]), Fill::Value("\"none\""), "What keeps one visitor on one release during a canary."),
        key("judge", Kind::Table(&JUDGE), Fill::Empty, "What the new release is judged by."),
        key("keep_warm", Kind::Between(Form::Time, "0s", "7d"), Fill::Value("\"10min\""), "How long the old colour stays ready after a blue-green switch."),
        key("undo", Kind::Bool, Fill::Value("true"), "Whether a failed change is undone without asking."),
        key("within", Kind::Between(Form::Time, "10s", "24h"), Fill::Value("\"15min\""), "Time for the whole change."),
    ],
};

const GATE: Table = Table {
    doc: "A gate before a deploy.",
    keys: &[
        key("run", Kind::Command, Fill::Required, "Program and arguments."),
        key("after", NAMES, Fill::Empty, "Gates that have to pass before."),
    ],
};

pub(super) static PIPELINE: Table = Table {
    doc: "The delivery pipeline that `render ci` writes.",
    keys: &[
        key("branches", Kind::Map(Form::Text, &Kind::Text(Form::Slug)), Fill::Empty, "Branch to environment."),
        key("gate", Kind::Named(Form::Slug, &GATE), Fill::Empty, "Gates by name: `unit`, `integration`, `e2e`, `security`, …"),
        key("coverage", Kind::Between(Form::Share, "0%", "100%"), Fill::Absent, "Lowest line coverage of the tests."),
        key("smoke", Kind::List(&Kind::Text(Form::Request)), Fill::Empty, "Requests after a deploy."),
        key("notify", NAMES, Fill::Empty, "Names of `notify` that hear of the end."),
    ],
};
