//! The figures of what a replica needs: its PostgreSQL pool and its Redis, read when someone asks for the metrics.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, IntGauge, IntGaugeVec, Opts};
use sqlx::PgPool;

use crate::cache::Cache;
use crate::metrics::Metrics;

/// Adds `db_pool_*` and `redis_*`.
pub fn register(metrics: &Metrics, pool: &PgPool, cache: &Cache) -> Result<(), prometheus::Error> {
    metrics.register(PoolFigures::try_new(pool.clone())?)?;
    metrics.register(RedisFigures::try_new(cache.clone())?)
}

fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

struct PoolFigures {
    pool: PgPool,
    connections: IntGaugeVec,
    most: IntGauge,
}

impl PoolFigures {
    fn try_new(pool: PgPool) -> Result<Self, prometheus::Error> {
        let connections = Opts::new("db_pool_connections", "Connections to PostgreSQL.");
        Ok(Self {
            pool,
            connections: IntGaugeVec::new(connections, &["state"])?,
            most: IntGauge::new("db_pool_connections_max", "Connections at most.")?,
        })
    }
}

impl Collector for PoolFigures {
    fn desc(&self) -> Vec<&Desc> {
        let mut all = self.connections.desc();
        all.extend(self.most.desc());
        all
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (open, idle) = (signed(self.pool.size()), signed(self.pool.num_idle()));
        let set = |state: &str, count: i64| {
            self.connections.with_label_values(&[state]).set(count);
        };
        set("idle", idle);
        // The two are not read at one instant.
        set("busy", open.saturating_sub(idle).max(0));
        self.most
            .set(signed(self.pool.options().get_max_connections()));
        let mut all = self.connections.collect();
        all.extend(self.most.collect());
        all
    }
}

struct RedisFigures {
    cache: Cache,
    up: IntGauge,
    seconds: Gauge,
    most: IntGauge,
}

impl RedisFigures {
    fn try_new(cache: Cache) -> Result<Self, prometheus::Error> {
        Ok(Self {
            cache,
            up: IntGauge::new("redis_up", "Whether Redis answered the last probe.")?,
            seconds: Gauge::new("redis_ping_seconds", "Time of the last answered probe.")?,
            most: IntGauge::new("redis_connections_max", "Connections at most.")?,
        })
    }
}

impl Collector for RedisFigures {
    fn desc(&self) -> Vec<&Desc> {
        let mut all = self.up.desc();
        all.extend(self.seconds.desc());
        all.extend(self.most.desc());
        all
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let ping = self.cache.last_ping();
        self.up.set(i64::from(ping.is_some()));
        if let Some(took) = ping {
            self.seconds.set(took.as_secs_f64());
        }
        self.most.set(signed(self.cache.size()));
        let mut all = self.up.collect();
        all.extend(self.seconds.collect());
        all.extend(self.most.collect());
        all
    }
}
