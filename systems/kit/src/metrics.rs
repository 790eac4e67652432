//! Counters and times in Prometheus text, and the figures of the process itself.

use std::sync::Arc;
use std::time::Duration;

use prometheus::core::{AtomicU64, GenericGauge};
use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

/// From a cached read to the edge's timeout of 30 s.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// The registry of this replica. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    in_flight: IntGauge,
    rss: GenericGauge<AtomicU64>,
    cpu: prometheus::Gauge,
    open_files: GenericGauge<AtomicU64>,
}

impl Metrics {
    /// A registry with the figures that every system has.
    pub fn try_new() -> Result<Self, prometheus::Error> {
        let inner = Inner {
            registry: Registry::new(),
            requests: IntCounterVec::new(
                Opts::new("http_requests_total", "Answered requests."),
                &["method", "route", "status"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new(
                    "http_request_duration_seconds",
                    "Time to the answer's head.",
                )
                .buckets(SECONDS.to_vec()),
                &["method", "route"],
            )?,
            in_flight: IntGauge::new("http_requests_in_flight", "Requests being answered.")?,
            rss: GenericGauge::new("process_resident_memory_bytes", "Resident memory.")?,
            cpu: prometheus::Gauge::new("process_cpu_seconds_total", "CPU time, all threads.")?,
            open_files: GenericGauge::new("process_open_fds", "Open file descriptors.")?,
        };
        let metrics = Self {
            inner: Arc::new(inner),
        };
        metrics.register(metrics.inner.requests.clone())?;
        metrics.register(metrics.inner.seconds.clone())?;
        metrics.register(metrics.inner.in_flight.clone())?;
        metrics.register(metrics.inner.rss.clone())?;
        metrics.register(metrics.inner.cpu.clone())?;
        metrics.register(metrics.inner.open_files.clone())?;
        Ok(metrics)
    }

    /// Adds a figure of the system itself.
    pub fn register(
        &self,
        collector: impl prometheus::core::Collector + 'static,
    ) -> Result<(), prometheus::Error> {
        self.inner.registry.register(Box::new(collector))
    }

    /// Counts a request until the guard is dropped.
    pub fn request_started(&self) -> InFlight {
        self.inner.in_flight.inc();
        InFlight(self.inner.in_flight.clone())
    }

    /// Notes an answer.
    pub fn request_ended(&self, method: &str, route: &str, status: u16, took: Duration) {
        self.inner
            .requests
            .with_label_values(&[method, route, &status.to_string()])
            .inc();
        self.inner
            .seconds
            .with_label_values(&[method, route])
            .observe(took.as_secs_f64());
    }

    /// Everything in the text format.
    pub fn text(&self) -> String {
        self.read_process();
        let mut buffer = Vec::with_capacity(16 * 1024);
        if let Err(error) = TextEncoder::new().encode(&self.inner.registry.gather(), &mut buffer) {
            tracing::error!(%error, "metrics cannot be written");
        }
        String::from_utf8_lossy(&buffer).into_owned()
    }

    fn read_process(&self) {
        if let Some(kib) = status_kib("VmRSS:") {
            self.inner.rss.set(kib * 1024);
        }
        if let Some(seconds) = cpu_seconds() {
            self.inner.cpu.set(seconds);
        }
        if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
            self.inner.open_files.set(entries.count() as u64);
        }
    }
}

/// A request being answered.
#[derive(Debug)]
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn status_kib(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// User and system time of `/proc/self/stat` (fields 14 and 15), in ticks of 1/100 s, which Linux has fixed for
/// user space.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((f64::from(user) + f64::from(system)) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_holds_requests_and_the_process() {
        let metrics = Metrics::try_new().unwrap();
        drop(metrics.request_started());
        metrics.request_ended("GET", "/livez", 200, Duration::from_millis(3));
        let text = metrics.text();
        assert!(
            text.contains("http_requests_total{method=\"GET\",route=\"/livez\",status=\"200\"} 1")
        );
        assert!(text.contains("http_requests_in_flight 0"));
        assert!(text.contains("process_resident_memory_bytes "));
    }
}
