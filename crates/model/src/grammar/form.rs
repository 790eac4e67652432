//! Forms that a text may have.

use crate::alert::Condition;
use crate::app::{BackupSink, Generate, PageProfile};
use crate::units::{
    Bound, Bytes, CpuMillis, Cron, Date, Decimal, Dimension, DurationMs, HostPort, ImageRef,
    Origin, Percent, PortRef, Rate, UnitError,
};

/// The form of a text. Quantities have a unit; other forms have a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Anything that is not empty.
    Text,
    /// Anything.
    Free,
    /// The name of something in this file.
    Slug,
    /// The name of an alert or a claim.
    Label,
    /// The name of a variable.
    Variable,
    /// A path of a request.
    Path,
    /// A file or folder of the project.
    File,
    /// A folder inside a replica.
    Mount,
    /// A host name of a route.
    Host,
    /// Addresses.
    Cidr,
    /// An HTTP method.
    Method,
    /// Method and path.
    Request,
    /// A header's name.
    Header,
    /// A mail address.
    Email,
    /// A time of day.
    Clock,
    /// What something is about.
    Subject,
    /// A release.
    Version,
    /// Whose tokens a limit is for.
    Scope,
    /// CPU.
    Cpu,
    /// A size.
    Bytes,
    /// A span of time.
    Time,
    /// A share.
    Share,
    /// A count per time.
    Rate,
    /// A number.
    Number,
    /// Times that come back.
    Cron,
    /// A day.
    Date,
    /// Host and port.
    HostPort,
    /// A service's port.
    Port,
    /// A web origin.
    Origin,
    /// An image by digest.
    Image,
    /// A bound on a value of some measure.
    Bound,
    /// A bound on a share.
    ShareBound,
    /// A bound on a time.
    TimeBound,
    /// When an alert fires.
    Condition,
    /// A random value.
    Generate,
    /// A slowed machine and network.
    Profile,
    /// A place for backups.
    Sink,
}

/// The longest text of any key: far above any policy or message, and a bound for what is kept.
const LONGEST: usize = 8192;

impl Form {
    /// Whether `text` has this form; if not, why not and what to write.
    pub fn ensure(self, text: &str) -> Result<(), UnitError> {
        if text.len() > LONGEST {
            return Err(UnitError::new(format!("longer than {LONGEST} bytes")));
        }
        match self {
            Self::Free => Ok(()),
            Self::Text if !text.trim().is_empty() => Ok(()),
            Self::Cpu => text.parse::<CpuMillis>().map(drop),
            Self::Bytes => text.parse::<Bytes>().map(drop),
            Self::Time => text.parse::<DurationMs>().map(drop),
            Self::Share => text.parse::<Percent>().map(drop),
            Self::Rate => text.parse::<Rate>().map(drop),
            Self::Number => text.parse::<Decimal>().map(drop),
            Self::Cron => text.parse::<Cron>().map(drop),
            Self::Date => text.parse::<Date>().map(drop),
            Self::HostPort => text.parse::<HostPort>().map(drop),
            Self::Port => text.parse::<PortRef>().map(drop),
            Self::Origin => text.parse::<Origin>().map(drop),
            Self::Image => text.parse::<ImageRef>().map(drop),
            Self::Bound => text.parse::<Bound>().map(drop),
            Self::ShareBound => bound(text, Dimension::Share),
            Self::TimeBound => bound(text, Dimension::Time),
            Self::Condition => text.parse::<Condition>().map(drop),
            Self::Generate => text.parse::<Generate>().map(drop),
            Self::Profile => text.parse::<PageProfile>().map(drop),
            Self::Sink => text.parse::<BackupSink>().map(drop),
            _ if shape::fits(self, text) => Ok(()),
            _ => Err(shape::explain(self, text)),
        }
    }

    /// What it is called, with its article.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text | Self::Free => "a text",
            Self::Slug => "a name",
            Self::Label => "an id",
            Self::Variable => "the name of a variable",
            Self::Path => "a path of a request",
            Self::File => "a path in the project",
            Self::Mount => "an absolute path",
            Self::Host => "a host name",
            Self::Cidr => "a network",
            Self::Method => "an HTTP method",
            Self::Request => "a method and a path",
            Self::Header => "the name of a header",
            Self::Email => "a mail address",
            Self::Clock => "a time of day",
            Self::Subject => "something of this file",
            Self::Version => "a version",
            Self::Scope => "a scope",
            Self::Cpu => "an amount of CPU",
            Self::Bytes => "a size",
            Self::Time => "a span of time",
            Self::Share => "a share",
            Self::Rate => "a rate",
            Self::Number => "a number",
            Self::Cron => "a cron entry",
            Self::Date => "a day",
            Self::HostPort => "a host and a port",
            Self::Port => "a service and a port",
            Self::Origin => "a web origin",
            Self::Image => "an image by digest",
            Self::Bound => "a bound",
            Self::ShareBound => "a bound on a share",
            Self::TimeBound => "a bound on a time",
            Self::Condition => "a condition",
            Self::Generate => "a random value",
            Self::Profile => "a slowed machine and network",
            Self::Sink => "a place for backups",
        }
    }

    /// A text that has this form.
    pub const fn example(self) -> &'static str {
        match self {
            Self::Text | Self::Free => "text",
            Self::Slug => "backend",
            Self::Label => "A1-052",
            Self::Variable => "DATABASE_URL",
            Self::Path => "/api",
            Self::File => "web/dist",
            Self::Mount => "/var/lib/app",
            Self::Host => "app.example.com",
            Self::Cidr => "10.0.0.0/8",
            Self::Method => "GET",
            Self::Request => "GET /version",
            Self::Header => "x-robots-tag",
            Self::Email => "team@example.com",
            Self::Clock => "09:30",
            Self::Subject => "service.backend",
            Self::Version => "1.4.2",
            Self::Scope => "scope:partner",
            Self::Cpu => "350m",
            Self::Bytes => "256Mi",
            Self::Time => "30s",
            Self::Share => "70%",
            Self::Rate => "100/15min",
            Self::Number => "0.1",
            Self::Cron => "0 2 * * *",
            Self::Date => "2026-11-21",
            Self::HostPort => "traffic.example.com:443",
            Self::Port => "backend:http",
            Self::Origin => "https://app.example.com",
            Self::Image => {
                "registry.example.com/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            }
            Self::Bound => "<= 60MB",
            Self::ShareBound => "< 0.1%",
            Self::TimeBound => "< 500ms",
            Self::Condition => "http.p95 of route.api > 1s for 5m",
            Self::Generate => "48 bytes",
            Self::Profile => "4x cpu, 1.6Mbit, 150ms",
            Self::Sink => "local",
        }
    }

    /// A regular expression that every such text matches, for the JSON Schema. It may let more pass than the
    /// parser does.
    pub const fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Free | Self::Condition | Self::Profile | Self::Email | Self::Version => None,
            Self::Text => Some(r"\S"),
            Self::Slug => Some("^[a-z][a-z0-9-]{0,62}$"),
            Self::Label => Some("^[A-Za-z][A-Za-z0-9_-]{0,62}$"),
            Self::Variable => Some("^[A-Za-z_][A-Za-z0-9_]*$"),
            Self::Path | Self::Mount => Some("^/"),
            Self::File => Some("^[^/]"),
            Self::Host => Some(r"^(\*\.)?[A-Za-z0-9_.-]+$"),
            Self::Cidr => Some(r"^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$"),
            Self::Method => Some("^[A-Z]+$"),
            Self::Request => Some("^[A-Z]+ /"),
            Self::Header => Some("^[a-z0-9-]+$"),
            Self::Clock => Some("^[0-2][0-9]:[0-5][0-9]$"),
            Self::Subject => Some(r"^(app|edge|[a-z-]+\..+)$"),
            Self::Scope => Some("^scope:.+$"),
            Self::Cpu => Some(r"^[0-9]+(\.[0-9]+)?m?$"),
            Self::Bytes => Some(r"^[0-9]+(\.[0-9]+)?\s*([KMGT]i?B?|[KMGT]B|kB|B)$"),
            Self::Time => Some(r"^[0-9]+(\.[0-9]+)?\s*(ms|s|m|min|h|d)$"),
            Self::Share => Some(r"^[0-9]+(\.[0-9]+)?\s*%$"),
            Self::Rate => Some(r"^[0-9]+\s*/\s*[0-9]*(\.[0-9]+)?\s*(ms|s|m|min|h|d)$"),
            Self::Number => Some(r"^-?[0-9]+(\.[0-9]+)?$"),
            Self::Cron => Some(r"^\s*\S+(\s+\S+){4}\s*$"),
            Self::Date => Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
            Self::HostPort => Some(r"^\S+:[0-9]+$"),
            Self::Port => Some(r"^[^:\s]+(:[^:\s]+)?$"),
            Self::Origin => Some("^https?://[^/]+$"),
            Self::Image => Some("^.+@sha256:[0-9a-f]{64}$"),
            Self::Bound | Self::ShareBound | Self::TimeBound => Some(r"^\s*(<=|>=|==|<|>)\s*\S"),
            Self::Generate => Some("^[0-9]+ (bytes?|chars?|characters)$"),
            Self::Sink => Some(r"^(local|s3:.+|resource\..+)$"),
        }
    }
}

fn bound(text: &str, dimension: Dimension) -> Result<(), UnitError> {
    let bound: Bound = text.parse()?;
    bound.value(dimension).map(drop).map_err(|error| {
        let suggestion = error.suggestion.as_ref().map(|value| {
            if value.starts_with("==") {
                value.clone()
            } else {
                format!("{} {value}", bound.comparison.sign())
            }
        });
        UnitError {
            message: error.message,
            suggestion,
        }
    })
}

mod shape;

impl Form {
    /// The size of a quantity, in the smallest unit of its form; 0 for what is no quantity or does not parse.
    pub(crate) fn size(self, text: &str) -> i128 {
        let size = match self {
            Self::Cpu => text
                .parse::<CpuMillis>()
                .ok()
                .map(|value| i128::from(value.0)),
            Self::Bytes => text.parse::<Bytes>().ok().map(|value| i128::from(value.0)),
            Self::Time => text
                .parse::<DurationMs>()
                .ok()
                .map(|value| i128::from(value.0)),
            Self::Share => text
                .parse::<Percent>()
                .ok()
                .map(|value| i128::from(value.0)),
            Self::Number => text
                .parse::<Decimal>()
                .ok()
                .map(|value| i128::from(value.0)),
            _ => None,
        };
        size.unwrap_or(0)
    }
}
