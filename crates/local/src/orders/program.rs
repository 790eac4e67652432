//! Orders of replicas and of the jobs that have a service's program, environment, needs and secrets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use plimsoll_bundle::local::{ProgramSpec, SecretMeans};
use plimsoll_supervisor::order::{Bind, Edge, Kind, Limits, Order, PortOrder};
use plimsoll_supervisor::secrets::Secrets;

use super::ground::Ground;
use super::layout::Layout;
use super::needs::Addresses;
use super::{edges, needs, uids};
use crate::release::Kept;
use crate::secrets::SecretStore;
use crate::{EnvDir, LocalError};

/// Where programs are looked for by name.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Makes the orders of one service of one release.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProgramOrders<'a> {
    pub(crate) env: &'a EnvDir,
    pub(crate) layout: &'a Layout,
    pub(crate) kept: &'a Kept,
    pub(crate) service: &'a str,
    pub(crate) program: &'a ProgramSpec,
}

impl ProgramOrders<'_> {
    /// Replica number `slot` of the service.
    pub(crate) fn replica(&self, slot: u32) -> Result<Order, LocalError> {
        let program = self.program;
        let id = format!("{}-{slot}", self.service);
        let mut order = self.common(&id, Kind::Replica, &program.command)?;
        order.health = Some(program.health.clone());
        order.warm_up.clone_from(&program.warm_up);
        order.drain_ms = program
            .drain
            .requests_ms
            .saturating_add(program.drain.sockets_ms);
        order.ports = program
            .ports
            .iter()
            .map(|(name, number)| {
                (
                    name.clone(),
                    PortOrder {
                        variable: port_variable(name),
                        number: Some(*number),
                    },
                )
            })
            .collect();
        order.door = self.layout.door();
        Ok(order)
    }

    /// A program of the service that runs to its end. It has no CPU limit: somebody waits for it, and there is no
    /// traffic yet that it could disturb.
    pub(crate) fn job(&self, job: &str, command: &[String]) -> Result<Order, LocalError> {
        let mut order = self.common(&format!("{job}-{}", self.service), Kind::Job, command)?;
        order.limits.cpu_millis = 0;
        Ok(order)
    }

    /// A program that says what it connects to is contained, with an edge to each of these. One that does not has to
    /// have this machine's network.
    fn edges(&self) -> Option<Vec<Edge>> {
        edges::of(self.program, &self.kept.bundle, self.layout)
    }

    fn common(&self, id: &str, kind: Kind, command: &[String]) -> Result<Order, LocalError> {
        let program = self.program;
        let edges = self.edges();
        let is_closed = edges.is_some();
        let edges = edges.unwrap_or_default();
        let ground = Ground::of((self.service, program), command, is_closed, self.layout)?;
        let mut order = Order::new(id, kind, command.to_vec());
        ground.put_into(&mut order, is_closed, self.layout);
        order.backend = self.layout.backend(order.isolation);
        self.service.clone_into(&mut order.service);
        order.release = self.kept.release.id.to_string();
        order.secrets_dir = self.layout.secrets_dir(id);
        if self.layout.contains() && !edges.is_empty() {
            order.edges = edges;
            order.relay = self.layout.user(uids::relay());
        }
        order.writable = program
            .writable
            .iter()
            .map(|(path, size)| (PathBuf::from(path), *size))
            .collect();
        order.env = self.environment(&ground, &order.secrets_dir);
        order.binds = self.binds(&ground)?;
        order.limits = limits(program);
        order.logs = program.logs;
        order.grace_ms = program.drain.grace_ms;
        Ok(order)
    }

    /// Everything but ports and secrets.
    fn environment(&self, ground: &Ground<'_>, secrets_dir: &str) -> BTreeMap<String, String> {
        let mut env = BTreeMap::from([
            ("PATH".to_owned(), PATH.to_owned()),
            ("HOME".to_owned(), "/tmp".to_owned()),
            ("HOST".to_owned(), "127.0.0.1".to_owned()),
            // The gateway has drained a replica before it is told to end.
            ("DRAIN_DELAY".to_owned(), "0".to_owned()),
            (
                "PLIMSOLL_RELEASE".to_owned(),
                self.kept.release.id.to_string(),
            ),
            ("BUILD_ID".to_owned(), self.build()),
        ]);
        env.extend(ground.env());
        for (name, need) in &self.program.needs {
            if need.by == SecretMeans::File {
                let path = format!("{secrets_dir}/{}", needs::file_name(name));
                env.insert(format!("{}_FILE", need.variable), path);
            }
            if let Some(pool) = &need.pool {
                let pairs = [
                    (&pool.size_variable, Some(pool.size)),
                    (&pool.idle_variable, Some(pool.idle)),
                    (&pool.max_variable, pool.max),
                ];
                for (variable, value) in pairs {
                    if let (Some(variable), Some(value)) = (variable, value) {
                        env.insert(variable.clone(), value.to_string());
                    }
                }
            }
            env.extend(need.env.clone());
        }
        for (name, secret) in &self.program.secrets {
            if secret.by == SecretMeans::File && self.kept.release.parts.secrets.contains_key(name)
            {
                env.insert(
                    format!("{}_FILE", secret.variable),
                    format!("{secrets_dir}/{name}"),
                );
            }
        }
        for (name, volume) in &self.program.volumes {
            if let Some(variable) = &volume.variable {
                let seen = self.layout.seen(&self.volume(name), &volume.mount);
                env.insert(variable.clone(), seen.to_string_lossy().into_owned());
            }
        }
        // What the file says wins over what we think.
        env.extend(self.program.env.clone());
        env
    }

    /// What a program says when it is asked which build it is. No part of the revision: a replica that two releases
    /// share names the one that brought it.
    fn build(&self) -> String {
        let image = self.program.image.as_ref().map(|image| &image.digest);
        let what = self.program.artefact.as_ref().or(image);
        let what = what.map_or("", |digest| digest.short());
        format!("{}/{what}", self.kept.release.id)
    }

    fn binds(&self, ground: &Ground<'_>) -> Result<Vec<Bind>, LocalError> {
        let mut binds = ground.binds(self.layout);
        let needs = self.program.needs.values();
        for need in needs.filter(|need| need.over.is_unix()) {
            if self
                .kept
                .bundle
                .resources
                .get(&need.to)
                .is_some_and(crate::resources::has_folder)
            {
                let dir = self.layout.sockets(&need.to);
                crate::resources::ensure_dir(&dir, 0o755)?;
                self.layout.link_sockets(&need.to)?;
                binds.push(self.layout.need_bind(&need.to));
            }
        }
        for (name, volume) in &self.program.volumes {
            let source = self.volume(name);
            crate::resources::ensure_dir(&source, 0o700)?;
            self.layout.give(&source, &uids::app())?;
            binds.push(Bind {
                source,
                target: PathBuf::from(&volume.mount),
                writable: true,
            });
        }
        Ok(binds)
    }

    fn volume(&self, name: &str) -> PathBuf {
        self.env
            .path()
            .join("volumes")
            .join(self.service)
            .join(name)
    }

    /// What the supervisor hands to each of these processes on its way in.
    pub(crate) fn secrets(&self, store: &SecretStore) -> Result<Secrets, LocalError> {
        self.handed(store, None)
    }

    /// The same for a migration: its sessions wait for locks no longer than the file says.
    pub(crate) fn of_migration(&self, store: &SecretStore) -> Result<Secrets, LocalError> {
        let spec = self.program.migrate.as_ref();
        self.handed(store, spec.map(|spec| spec.lock_timeout_ms))
    }

    fn handed(
        &self,
        store: &SecretStore,
        lock_timeout_ms: Option<u64>,
    ) -> Result<Secrets, LocalError> {
        let mut secrets = Secrets::default();
        let addresses = Addresses {
            program: self.program,
            bundle: &self.kept.bundle,
            layout: self.layout,
            store,
            lock_timeout_ms,
        };
        needs::add(&mut secrets, addresses)?;
        for (name, spec) in &self.program.secrets {
            let Some(version) = self.kept.release.parts.secrets.get(name) else {
                continue;
            };
            let value = store.get(name, *version)?.expose().to_owned();
            match spec.by {
                SecretMeans::File => secrets.files.insert(name.clone(), value),
                SecretMeans::Env => secrets.env.insert(spec.variable.clone(), value),
            };
        }
        Ok(secrets)
    }
}

fn limits(program: &ProgramSpec) -> Limits {
    let limits = program.limits;
    Limits {
        cpu_millis: u32::try_from(limits.cpu_limit_millis).unwrap_or(u32::MAX),
        memory_bytes: limits.memory_limit_bytes,
        pids: limits.pids,
        open_files: u64::from(limits.files),
    }
}

/// The variable that carries the number of a port.
pub(crate) fn port_variable(name: &str) -> String {
    match name {
        "http" => "PORT".to_owned(),
        "metrics" => "METRICS_PORT".to_owned(),
        other => format!("PORT_{}", other.to_ascii_uppercase().replace('-', "_")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_reach_the_program_under_the_names_of_the_contract() {
        let names = ["http", "metrics", "grpc-web"].map(port_variable);
        assert_eq!(names, ["PORT", "METRICS_PORT", "PORT_GRPC_WEB"]);
    }
}
