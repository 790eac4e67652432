//! Progress of runs: frames in a Redis stream for each run, so that any replica can show them and a lost
//! connection misses none.

use recon_core::engine;
use redis::{AsyncCommands as _, RedisError, Script};
use serde_json::{Value, json};
use uuid::Uuid;

use systems_kit::cache::Cache;

/// A stream outlives its run by this much.
const KEPT_SECONDS: u64 = 3600;

/// At 5 frames a second this is the whole of a run of 100 minutes; the oldest frames of a longer one are dropped.
const MOST_FRAMES: usize = 30_000;

/// Frames sent at once to someone who comes late.
const BATCH: usize = 200;

/// KEYS[1] stream; ARGV: frame without its number and its `processed`, processed, seconds, most frames.
/// Numbers the frame and keeps `processed` from falling when another replica starts the run anew.
const PUBLISH: &str = r#"
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local seq, processed = 1, tonumber(ARGV[2])
if last[1] then
  seq = tonumber(string.match(last[1][1], '^(%d+)')) + 1
  processed = math.max(processed, tonumber(last[1][2][2]))
end
local frame = '{"seq":' .. string.format('%d', seq) .. ',"processed":' .. string.format('%d', processed) .. ',' .. ARGV[1]
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], string.format('%d-0', seq), 'p', string.format('%d', processed), 'f', frame)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return seq
"#;

/// What a frame says.
#[derive(Debug, Clone)]
pub struct Frame {
    /// `progress`, `pass_done`, `done`, `error`.
    pub kind: &'static str,
    /// The pass.
    pub pass: String,
    /// Rows walked over all passes.
    pub processed: u64,
    /// Rows to walk over all passes.
    pub total: u64,
    /// Confirmed matches.
    pub matched: u64,
    /// Suggested matches.
    pub suggested: u64,
    /// Since the start.
    pub rows_per_s: u64,
    /// To the end, at this speed.
    pub eta_ms: u64,
    /// What went wrong.
    pub detail: Option<String>,
}

impl Frame {
    /// The first frame of a run.
    pub fn start() -> Self {
        Self {
            kind: "progress",
            pass: "loading".to_owned(),
            processed: 0,
            total: 0,
            matched: 0,
            suggested: 0,
            rows_per_s: 0,
            eta_ms: 0,
            detail: None,
        }
    }

    /// A frame from what the engine says.
    pub fn of(kind: &'static str, progress: &engine::Progress<'_>, elapsed_ms: u64) -> Self {
        let rows_per_s = progress.processed.saturating_mul(1000) / elapsed_ms.max(1);
        let left = progress.total.saturating_sub(progress.processed);
        Self {
            kind,
            pass: progress.pass_name.to_owned(),
            processed: progress.processed,
            total: progress.total,
            matched: progress.matched,
            suggested: progress.suggested,
            rows_per_s,
            eta_ms: left.saturating_mul(1000) / rows_per_s.max(1),
            detail: None,
        }
    }

    fn rest(&self) -> Value {
        json!({
            "type": self.kind,
            "pass": self.pass,
            "total": self.total,
            "matched": self.matched,
            "suggested": self.suggested,
            "rows_per_s": self.rows_per_s,
            "eta_ms": self.eta_ms,
            "detail": self.detail,
        })
    }

    /// The frame for who comes after the stream has expired.
    pub fn alone(&self) -> String {
        let mut document = self.rest();
        document["seq"] = json!(1);
        document["processed"] = json!(self.processed);
        document.to_string()
    }

    /// Whether nothing follows it.
    pub fn ends(frame: &str) -> bool {
        serde_json::from_str::<Value>(frame)
            .is_ok_and(|frame| matches!(frame["type"].as_str(), Some("done" | "error")))
    }
}

fn key(run: Uuid) -> String {
    format!("recon:run:{run}:progress")
}

/// Appends a frame.
pub async fn publish(cache: &Cache, run: Uuid, frame: &Frame) -> Result<(), RedisError> {
    let rest = frame.rest().to_string();
    // Without its opening brace: number and `processed` come before.
    let rest = rest.strip_prefix('{').unwrap_or(&rest).to_owned();
    let mut connection = cache.connection();
    Script::new(PUBLISH)
        .key(key(run))
        .arg(rest)
        .arg(frame.processed)
        .arg(KEPT_SECONDS)
        .arg(MOST_FRAMES)
        .invoke_async(&mut connection)
        .await
}

/// The frames after `seq`, oldest first, with their numbers.
pub async fn after(cache: &Cache, run: Uuid, seq: u64) -> Result<Vec<(u64, String)>, RedisError> {
    let mut connection = cache.connection();
    let from = format!("({seq}-0");
    let reply: redis::streams::StreamRangeReply =
        connection.xrange_count(key(run), from, "+", BATCH).await?;
    Ok(reply.ids.iter().filter_map(read).collect())
}

/// The newest frame.
pub async fn last(cache: &Cache, run: Uuid) -> Result<Option<String>, RedisError> {
    let mut connection = cache.connection();
    let reply: redis::streams::StreamRangeReply =
        connection.xrevrange_count(key(run), "+", "-", 1).await?;
    Ok(reply.ids.iter().find_map(read).map(|(_, frame)| frame))
}

fn read(entry: &redis::streams::StreamId) -> Option<(u64, String)> {
    let seq = entry.id.split_once('-')?.0.parse().ok()?;
    let frame: String = entry.get("f")?;
    Some((seq, frame))
}
