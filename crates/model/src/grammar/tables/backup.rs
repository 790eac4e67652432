//! `backup`, `retention`.

use super::{Fill, Form, Kind, Table, key};

const DRILL: Table = Table {
    doc: "A restore that is rehearsed.",
    keys: &[
        key("at", Kind::Text(Form::Cron), Fill::Required, "When, in UTC."),
        key("compare", Kind::Bool, Fill::Value("true"), "Whether rows are compared with those of the source at that moment."),
    ],
};

const FILES: Table = Table {
    doc: "Files saved together with a resource.",
    keys: &[
        key("volumes", Kind::List(&Kind::Text(Form::Subject)), Fill::Empty, "Volumes, as `service.NAME.volume.NAME`."),
        key("configuration", Kind::Bool, Fill::Value("true"), "Whether configuration and certificates of the edge are saved too."),
    ],
};

const OFF_SITE: Table = Table {
    doc: "Copies somewhere else.",
    keys: &[
        key("to", Kind::Text(Form::Sink), Fill::Required, "The place."),
        key("within", Kind::Between(Form::Time, "1min", "7d"), Fill::Value("\"1h\""), "The most time that a copy may lag."),
    ],
};

pub(super) static BACKUP: Table = Table {
    doc: "How a resource, or a volume of a service, is saved. The name is that of what it saves.",
    keys: &[
        key("of", Kind::Text(Form::Subject), Fill::Derived("`resource.` and the backup's own name"), "What it saves: `resource.NAME` or `service.NAME.volume.NAME`."),
        key("at", Kind::Text(Form::Cron), Fill::Required, "When a full backup is taken, in UTC."),
        key("incremental", Kind::Text(Form::Cron), Fill::Absent, "When only what changed is taken, in UTC."),
        key("keep", Kind::Between(Form::Time, "1h", "3650d"), Fill::Value("\"30d\""), "How long each is kept."),
        key("wal", Kind::Bool, Fill::Value("false"), "Whether the write-ahead log is shipped, which allows any point in time."),
        key("wal_every", Kind::Between(Form::Time, "1s", "1h"), Fill::Value("\"60s\""), "The most time between two shipments of the log."),
        key("to", Kind::Some(&Kind::Text(Form::Sink)), Fill::Value("[\"local\"]"), "Where they go: `local`, `s3:SECRET`, `resource.NAME`."),
        key("encrypt", Kind::Bool, Fill::Value("true"), "Whether they are encrypted (AES-256-GCM) before they leave."),
        key("rpo", Kind::Between(Form::Time, "1s", "365d"), Fill::Absent, "The most data that may be lost."),
        key("rto", Kind::Between(Form::Time, "1s", "365d"), Fill::Absent, "The most time that a restore may take."),
        key("drill", Kind::Table(&DRILL), Fill::Absent, "Restores that are rehearsed."),
        key("files", Kind::Table(&FILES), Fill::Absent, "Files that belong to it."),
        key("off_site", Kind::Table(&OFF_SITE), Fill::Absent, "Copies somewhere else."),
    ],
};

pub(super) static RETENTION: Table = Table {
    doc: "How long each kind of data is kept.",
    keys: &[
        key("logs", Kind::Between(Form::Time, "1h", "3650d"), Fill::Value("\"30d\""), "Logs."),
        key("operational", Kind::Between(Form::Time, "1d", "36500d"), Fill::Absent, "Data of daily work."),
        key("audit", Kind::Between(Form::Time, "1d", "36500d"), Fill::Absent, "The audit trail, at least."),
        key("releases", Kind::Int(1, 100), Fill::Value("5"), "Releases that `cleanup` keeps, beside the one in use."),
    ],
};
