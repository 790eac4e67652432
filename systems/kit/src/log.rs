//! Log lines: one JSON object each, with the names of the contract.
//!
//! `ts, level, target, msg, request_id, trace_id, span_id, user, route, status, dur_ms` come first and keep these
//! names; other
//! fields follow. Fields of the surrounding spans are inherited, the innermost wins.

use std::io::Write;
use std::sync::Mutex;
use std::time::SystemTime;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Scope};

/// Where the lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// The program's output is its log (`serve`).
    Stdout,
    /// The program's output is data, the log goes beside it (`seed`, `migrate status`).
    Stderr,
}

/// Reads a filter such as `info,sqlx=warn`.
pub fn parse_filter(text: &str) -> Result<Targets, String> {
    text.parse::<Targets>()
        .map_err(|_| "is not a filter such as `info` or `info,sqlx=warn`".to_owned())
}

/// Starts logging for the whole process. A second call changes nothing.
pub fn start(filter: &str, sink: Sink) -> Result<(), String> {
    let filter = parse_filter(filter)?;
    let layer = JsonLines {
        sink,
        lock: Mutex::new(()),
    };
    let subscriber = tracing_subscriber::registry().with(filter).with(layer);
    // Already set means that a test of the same process was first.
    let _already_started = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

struct JsonLines {
    sink: Sink,
    /// A line longer than a pipe's atomic write must still come out in one piece.
    lock: Mutex<()>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JsonLines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields(Map::new());
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields(Map::new());
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(Scope::from_root)
        {
            if let Some(inherited) = span.extensions().get::<Fields>() {
                fields.0.extend(inherited.0.clone());
            }
        }
        event.record(&mut fields);
        let line = render(event, fields.0);
        let _one_at_a_time = self.lock.lock();
        // A log that cannot be written has nowhere to say so.
        let _lost = match self.sink {
            Sink::Stdout => std::io::stdout().lock().write_all(line.as_bytes()),
            Sink::Stderr => std::io::stderr().lock().write_all(line.as_bytes()),
        };
    }
}

fn render(event: &Event<'_>, mut fields: Map<String, Value>) -> String {
    let meta = event.metadata();
    let mut line = String::with_capacity(256);
    line.push('{');
    push(
        &mut line,
        "ts",
        &Value::String(crate::clock::rfc3339(SystemTime::now())),
    );
    push(
        &mut line,
        "level",
        &Value::String(meta.level().as_str().to_ascii_lowercase()),
    );
    push(
        &mut line,
        "target",
        &Value::String(meta.target().to_owned()),
    );
    let message = fields.remove("message").unwrap_or(Value::Null);
    push(&mut line, "msg", &message);
    for name in [
        "request_id",
        "trace_id",
        "span_id",
        "user",
        "route",
        "status",
        "dur_ms",
    ] {
        if let Some(value) = fields.remove(name) {
            push(&mut line, name, &value);
        }
    }
    for (name, value) in &fields {
        push(&mut line, name, value);
    }
    line.push_str("}\n");
    line
}

fn push(line: &mut String, name: &str, value: &Value) {
    if !line.ends_with('{') {
        line.push(',');
    }
    line.push_str(&Value::String(name.to_owned()).to_string());
    line.push(':');
    line.push_str(&value.to_string());
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0
            .insert(field.name().to_owned(), Value::String(format!("{value:?}")));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), Value::from(value));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), Value::from(value));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), Value::from(value));
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), Value::from(value));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), Value::from(value));
    }
}
