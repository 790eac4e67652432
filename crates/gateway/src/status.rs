//! What the gateway does now, for `status`.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::control::{EndpointStatus, RouteStatus, Status};
use crate::edge::core::Gauges;
use crate::hub::Hub;

/// The gateway now.
pub(crate) async fn status(hub: &Hub) -> Status {
    let generations = hub.generations().await;
    let snapshot = hub.current();
    let sum = |gauge: fn(&Gauges) -> &AtomicU64| {
        let each = hub
            .shared
            .gauges
            .iter()
            .map(|gauges| gauge(gauges).load(Ordering::Relaxed));
        each.sum::<u64>()
    };
    let endpoints = snapshot.endpoints.iter().map(|listed| EndpointStatus {
        service: listed.endpoint.service.clone(),
        id: listed.endpoint.id.clone(),
        release: listed.endpoint.release.clone(),
        health: listed.endpoint.health(),
        traffic: listed.traffic,
        weight: listed.weight,
        in_flight: listed.endpoint.in_flight(),
        sockets: listed.endpoint.sockets(),
        requests: listed.endpoint.tally.requests(),
        failures: listed.endpoint.failures.load(Ordering::Relaxed),
        last_error: listed.endpoint.last_error(),
    });
    let routes = snapshot.routes.iter().map(|route| RouteStatus {
        name: route.name.clone(),
        classes: route.stats.totals().classes,
    });
    Status {
        pid: std::process::id(),
        table_generation: generations.table,
        endpoints_generation: generations.endpoints,
        uptime_ms: u64::try_from(hub.shared.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        connections: sum(|gauges| &gauges.connections),
        in_flight: sum(|gauges| &gauges.in_flight),
        sockets: sum(|gauges| &gauges.sockets),
        draining: hub.is_draining(),
        tls: hub.certificates.status(),
        endpoints: endpoints.collect(),
        routes: routes.collect(),
        paused: hub.paused().await,
        notes: hub.notes(),
    }
}
