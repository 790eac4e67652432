//! What the daemon reads: releases, secrets, and what follows from them for a process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plimsoll_bundle::local::{ProgramSpec, ResourceSpec, ServiceSpec};
use plimsoll_deploy::ReleaseId;
use plimsoll_supervisor::order::{Kind, Order};
use plimsoll_supervisor::probe::Answering;
use plimsoll_supervisor::secrets::{SecretError, SecretSource, Secrets};

use super::rehearsal;
use crate::error::chain;
use crate::orders::keeper;
use crate::orders::layout::Layout;
use crate::orders::program::ProgramOrders;
use crate::probe::AskResource;
use crate::release::{self, Kept};
use crate::resources::postgres::Postgres;
use crate::resources::redis::Redis;
use crate::resources::{password_name, ping};
use crate::secrets::SecretStore;
use crate::{EnvDir, LocalError, images};

/// Releases that are kept in memory: the one in force, the one before and the one to come, with room.
const CACHE: usize = 16;

/// Reads documents, and remembers releases, which never change.
#[derive(Debug)]
pub(crate) struct Documents {
    pub(crate) env: EnvDir,
    pub(crate) layout: Layout,
    pub(crate) store: SecretStore,
    cache: Mutex<BTreeMap<ReleaseId, Arc<Kept>>>,
}

/// A resource of a release that this machine runs.
pub(crate) enum Server<'a> {
    Postgres(Postgres<'a>),
    Redis(Redis<'a>),
}

impl Documents {
    pub(crate) fn new(env: EnvDir, layout: Layout, store: SecretStore) -> Self {
        Self {
            env,
            layout,
            store,
            cache: Mutex::default(),
        }
    }

    /// A release with its bundle.
    pub(crate) fn release(&self, id: &ReleaseId) -> Result<Arc<Kept>, LocalError> {
        if let Some(kept) = self.cached().get(id) {
            return Ok(Arc::clone(kept));
        }
        let kept = Arc::new(release::load(&self.env, id)?);
        let mut cache = self.cached();
        if cache.len() >= CACHE {
            cache.clear();
        }
        cache.insert(id.clone(), Arc::clone(&kept));
        Ok(kept)
    }

    /// The orders of a service of a release.
    pub(crate) fn program<'a>(
        &'a self,
        kept: &'a Kept,
        service: &'a str,
    ) -> Result<ProgramOrders<'a>, LocalError> {
        let program = program(kept, service)?;
        Ok(ProgramOrders {
            env: &self.env,
            layout: &self.layout,
            kept,
            service,
            program,
        })
    }

    /// Has the image of a service unpacked where its programs will run in one. Nothing is done twice.
    pub(crate) async fn unpack(&self, kept: &Kept, service: &str) -> Result<(), LocalError> {
        let image = program(kept, service)?.image.as_ref();
        let Some(root) = image.and_then(|image| self.layout.image_root(&image.digest)) else {
            return Ok(());
        };
        let env = self.env.clone();
        // A large image takes seconds, and questions are answered meanwhile.
        let unpacked = tokio::task::spawn_blocking(move || images::unpack(&env, &root.digest));
        let unpacked = unpacked
            .await
            .map_err(|error| LocalError::Protocol(error.to_string()))?;
        unpacked.map_err(|source| LocalError::Image {
            service: service.to_owned(),
            source,
        })
    }

    /// A resource of a release that this machine runs.
    pub(crate) fn server<'a>(
        &'a self,
        kept: &'a Kept,
        name: &'a str,
    ) -> Result<Server<'a>, LocalError> {
        let unknown = || LocalError::Unknown {
            what: "resource on this machine",
            name: name.into(),
        };
        let (env, layout) = (&self.env, &self.layout);
        match kept.bundle.resources.get(name).ok_or_else(unknown)? {
            ResourceSpec::Postgres(spec) => Ok(Server::Postgres(Postgres {
                name,
                spec,
                env,
                layout,
            })),
            ResourceSpec::Redis(spec) => Ok(Server::Redis(Redis {
                name,
                spec,
                env,
                layout,
            })),
            ResourceSpec::Sqlite { .. } | ResourceSpec::External { .. } => Err(unknown()),
        }
    }

    /// The password of a resource.
    pub(crate) fn password(&self, resource: &str) -> Result<String, LocalError> {
        let name = password_name(resource);
        let version = self.store.ensure(&name, &crate::resources::PASSWORD)?;
        Ok(self.store.get(&name, version)?.expose().to_owned())
    }

    fn secrets(&self, order: &Order) -> Result<Secrets, LocalError> {
        if order.id == keeper::ID {
            return Ok(Secrets::default());
        }
        let id: ReleaseId = order.release.parse().map_err(|_| LocalError::Unknown {
            what: "release",
            name: order.release.clone(),
        })?;
        let kept = self.release(&id)?;
        let is_resource = kept.bundle.resources.contains_key(&order.service)
            && !kept.bundle.services.contains_key(&order.service);
        match order.kind {
            Kind::Keeper => Ok(Secrets::default()),
            Kind::Replica => self.program(&kept, &order.service)?.secrets(&self.store),
            Kind::Job if !is_resource && !order.id.starts_with("prepare-") => {
                let job = order.id.split('-').next().unwrap_or_default();
                if job == rehearsal::JOB {
                    let copied = rehearsal::on_copies(&kept);
                    return self
                        .program(&copied, &order.service)?
                        .of_migration(&self.store);
                }
                let program = self.program(&kept, &order.service)?;
                if job == "migrate" {
                    program.of_migration(&self.store)
                } else {
                    program.secrets(&self.store)
                }
            }
            Kind::Resource | Kind::Job => {
                let password = self.password(&order.service)?;
                Ok(match self.server(&kept, &order.service)? {
                    Server::Postgres(postgres) => postgres.secrets(order.kind, &password),
                    Server::Redis(_) => Redis::secrets(&password),
                })
            }
        }
    }

    async fn ask_resource(&self, name: &str, release: &str) -> Result<(), String> {
        let id: ReleaseId = release
            .parse()
            .map_err(|_| format!("no release `{release}`"))?;
        let kept = self.release(&id).map_err(|error| chain(&error))?;
        let sockets = self.layout.sockets(name);
        match self.server(&kept, name).map_err(|error| chain(&error))? {
            Server::Postgres(Postgres { spec, .. }) => {
                ping::postgres(&sockets, &spec.user, &spec.database).await
            }
            Server::Redis(_) => {
                let password = self.password(name).map_err(|error| chain(&error))?;
                ping::redis(&sockets, &password).await
            }
        }
    }

    fn cached(&self) -> MutexGuard<'_, BTreeMap<ReleaseId, Arc<Kept>>> {
        // A panic elsewhere leaves a map that is still a map.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The program of a service of a release.
pub(crate) fn program<'a>(kept: &'a Kept, service: &str) -> Result<&'a ProgramSpec, LocalError> {
    match kept.bundle.services.get(service) {
        Some(ServiceSpec::Program(program)) => Ok(program),
        Some(ServiceSpec::Static(_)) | None => Err(LocalError::Unknown {
            what: "service with replicas",
            name: service.to_owned(),
        }),
    }
}

impl SecretSource for Documents {
    fn secrets_for(&self, order: &Order) -> Result<Secrets, SecretError> {
        self.secrets(order).map_err(|error| SecretError {
            id: order.id.clone(),
            reason: chain(&error),
        })
    }
}

impl AskResource for Documents {
    fn ask<'a>(&'a self, name: &'a str, release: &'a str) -> Answering<'a> {
        Box::pin(self.ask_resource(name, release))
    }
}
