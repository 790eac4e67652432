//! Services and jobs.

use std::collections::BTreeMap;

use plimsoll_bundle::local::{
    Check, CommandSpec, DrainSpec, HealthSpec, JobSpec, Limits, LogSpec, MigrateSpec, NeedSpec,
    Over, PoolSpec, Probe, ProgramSpec, ScaleSpec, SecretMeans, SecretSpec, ServiceSpec,
    StaticSpec, VolumeSpec, WarmUpSpec,
};
use plimsoll_model::App;
use plimsoll_model::app::{self, Job, Need, Service};

use super::{RenderError, Source, command};

/// The startup probe counts time, not failures: `start_within_ms` is its bound.
const STARTUP_FAILURES: u32 = 1;

/// One service, program or files.
pub(super) fn render(
    app: &App,
    name: &str,
    service: &Service,
    source: &Source,
) -> Result<ServiceSpec, RenderError> {
    let not_built = || RenderError::NotBuilt(name.to_owned());
    if let Some(files) = service.as_static() {
        return Ok(ServiceSpec::Static(StaticSpec {
            artefact: source.artefact.clone().ok_or_else(not_built)?,
            image: source.image.as_ref().map(|image| image.digest.clone()),
            spa: files.spa.clone(),
            settings: service.settings.clone(),
        }));
    }
    let command = command::of(name, service, source)?;
    if source.artefact.is_none() && source.image.is_none() {
        return Err(not_built());
    }
    Ok(ServiceSpec::Program(Box::new(program(
        app, service, source, command,
    ))))
}

fn program(app: &App, service: &Service, source: &Source, command: Vec<String>) -> ProgramSpec {
    let image = source.image.as_ref();
    ProgramSpec {
        artefact: source.artefact.clone(),
        image: image.map(|image| image.spec(service.user, service.group)),
        command,
        env: service
            .env
            .iter()
            .chain(&service.flags)
            .map(owned)
            .collect(),
        ports: service.ports.clone(),
        needs: service
            .needs
            .iter()
            .map(|(name, found)| (name.clone(), need(app, found)))
            .collect(),
        secrets: service
            .secrets
            .iter()
            .map(|(name, found)| (name.clone(), secret(found)))
            .collect(),
        volumes: service
            .volumes
            .iter()
            .map(|(name, found)| (name.clone(), volume(found)))
            .collect(),
        limits: limits(service),
        scale: scale(&service.scale),
        health: health(service),
        warm_up: service.warm_up.as_ref().map(|warm_up| WarmUpSpec {
            requests: warm_up.requests.clone(),
            within_ms: warm_up.within.0,
        }),
        migrate: service.migrate.as_ref().map(|migrate| MigrateSpec {
            command: migrate.run.clone(),
            status: migrate.status.clone(),
            lock_timeout_ms: migrate.lock_timeout.0,
            within_ms: migrate.within.0,
            dry_run: migrate.dry_run,
        }),
        seed: seed(app, service),
        logs: LogSpec {
            max_bytes: service.logs.max.0,
            keep_ms: service.logs.keep.0,
        },
        drain: drain(service),
        egress: service.egress.iter().map(ToString::to_string).collect(),
        writable: service
            .writable
            .iter()
            .map(|(path, size)| (path.clone(), size.0))
            .collect(),
    }
}

fn owned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

/// Only the development environment is filled with data of ours.
fn seed(app: &App, service: &Service) -> Option<CommandSpec> {
    let seed = service
        .seed
        .as_ref()
        .filter(|_| app.environment == "development")?;
    Some(CommandSpec {
        command: seed.run.clone(),
        within_ms: seed.within.0,
    })
}

fn need(app: &App, need: &Need) -> NeedSpec {
    let resource = app.resources.get(&need.to.service);
    let pool = need.pool.map(|pool| PoolSpec {
        size: pool.size(),
        size_variable: need.pool_as.clone(),
        idle: need.pool_min,
        idle_variable: need.pool_min_as.clone(),
        max: resource
            .map(|resource| resource.max_connections)
            .filter(|max| *max > 0),
        max_variable: need.max_as.clone(),
    });
    NeedSpec {
        to: need.to.service.clone(),
        port: need.to.port.clone(),
        variable: need.variable.clone(),
        by: means(need.by),
        over: match need.over {
            None | Some(app::Over::Unix) => Over::Unix,
            Some(app::Over::Tcp) => Over::Tcp,
        },
        optional: need.optional,
        pool,
        env: need.ttl.iter().map(time_to_live).collect(),
    }
}

/// `vehicles = "300s"` is `VEHICLES_TTL=300`.
fn time_to_live((name, ttl): (&String, &plimsoll_model::units::DurationMs)) -> (String, String) {
    let name = name.to_ascii_uppercase().replace('-', "_");
    (format!("{name}_TTL"), (ttl.0 / 1000).to_string())
}

fn secret(secret: &app::SecretUse) -> SecretSpec {
    SecretSpec {
        variable: secret.variable.clone(),
        by: means(secret.by),
    }
}

fn means(means: app::SecretMeans) -> SecretMeans {
    match means {
        app::SecretMeans::File => SecretMeans::File,
        app::SecretMeans::Env => SecretMeans::Env,
    }
}

fn volume(volume: &app::Volume) -> VolumeSpec {
    VolumeSpec {
        mount: volume.mount.clone(),
        size_bytes: volume.size.0,
        variable: volume.variable.clone(),
    }
}

fn limits(service: &Service) -> Limits {
    Limits {
        cpu_request_millis: service.cpu.request.0,
        cpu_limit_millis: service.cpu.limit.0,
        memory_request_bytes: service.memory.request.0,
        memory_limit_bytes: service.memory.limit.0,
        pids: service.pids,
        files: service.files,
    }
}

fn scale(scale: &app::Scale) -> ScaleSpec {
    ScaleSpec {
        min: scale.min,
        max: scale.max,
        initial: scale.initial,
        cpu_target: scale.cpu.map(|percent| percent.0),
        memory_target: scale.memory.map(|percent| percent.0),
    }
}

fn health(service: &Service) -> HealthSpec {
    let health = &service.health;
    HealthSpec {
        startup: Probe {
            check: check(service.startup_check()),
            every_ms: health.startup.every.0,
            timeout_ms: health.startup.timeout.0,
            failures: STARTUP_FAILURES,
        },
        readiness: readiness(service),
        liveness: Probe {
            check: check(service.liveness_check()),
            every_ms: health.liveness.every.0,
            timeout_ms: health.liveness.timeout.0,
            failures: health.liveness.fail,
        },
        start_within_ms: health.startup.within.0,
    }
}

/// The probe that gives and withdraws traffic; the gateway asks it too.
pub(super) fn readiness(service: &Service) -> Probe {
    let readiness = &service.health.readiness;
    Probe {
        check: check(service.readiness_check()),
        every_ms: readiness.every.0,
        timeout_ms: readiness.timeout.0,
        failures: readiness.fail,
    }
}

fn check(check: app::Check<'_>) -> Check {
    match check {
        app::Check::Get { port, path } => Check::Get {
            port: port.into(),
            path: path.into(),
        },
        app::Check::Connect { port } => Check::Connect { port: port.into() },
        app::Check::Alive => Check::Alive,
    }
}

/// The budgets of a farewell.
pub(super) fn drain(service: &Service) -> DrainSpec {
    DrainSpec {
        requests_ms: service.drain.requests.0,
        sockets_ms: service.drain.sockets.0,
        grace_ms: service.drain.grace.0,
    }
}

/// A job on a schedule.
pub(super) fn job(job: &Job) -> JobSpec {
    let service = job.of.strip_prefix("service.").unwrap_or(&job.of);
    JobSpec {
        service: service.to_owned(),
        command: job.run.clone(),
        at: job.at.as_str().to_owned(),
        env: job.env.iter().map(owned).collect::<BTreeMap<_, _>>(),
        within_ms: job.within.0,
    }
}
