//! A private Redis: settings and orders.
//!
//! Class `state` is appended to disk and flushed every second (`appendfsync everysec`): a killed server loses nothing
//! that it acknowledged, because the kernel has it; a power cut loses at most a second of sessions and counters. What
//! must survive a power cut belongs into PostgreSQL. Flushing always would cost a disk write per request.

use std::path::Path;

use plimsoll_bundle::local::{RedisClass, RedisSpec};
use plimsoll_stdx::fs::write_atomic_mode;
use plimsoll_supervisor::order::{Bind, Kind, Order};
use plimsoll_supervisor::secrets::Secrets;

use super::postgres::encode;
use super::{ensure_dir, health, order_id, tools};
use crate::orders::layout::Layout;
use crate::orders::uids;
use crate::{EnvDir, LocalError};

/// The socket's name in the resource's folder.
pub(crate) const SOCKET: &str = "redis.sock";
/// The port that a program finds behind its relay.
pub(crate) const PORT: u16 = 6379;
/// The file with the password, which the server's settings include.
const AUTH_FILE: &str = "auth.conf";
/// Saving 64 MiB takes below a second; a slow disk is given time.
const GRACE_MS: u64 = 15_000;
/// Clients and some files; clamped by this machine.
const OPEN_FILES: u64 = 4096;

/// A Redis of the app.
#[derive(Debug)]
pub(crate) struct Redis<'a> {
    pub(crate) name: &'a str,
    pub(crate) spec: &'a RedisSpec,
    pub(crate) env: &'a EnvDir,
    pub(crate) layout: &'a Layout,
}

/// The address that services get.
pub(crate) fn address(sockets: &Path, password: &str) -> String {
    let socket = encode(&sockets.join(SOCKET).to_string_lossy());
    format!("redis+unix://{socket}?pass={}", encode(password))
}

/// The same for a client that knows no Unix sockets.
pub(crate) fn address_over_tcp((host, port): (&str, u16), password: &str) -> String {
    format!("redis://:{}@{host}:{port}", encode(password))
}

impl Redis<'_> {
    /// Makes folders and settings.
    pub(crate) fn prepare(&self) -> Result<(), LocalError> {
        let home = self.env.resource(self.name);
        let user = uids::resource();
        for (dir, mode) in [("store", 0o700), ("run", 0o755)] {
            ensure_dir(&home.join(dir), mode)?;
            self.layout.give(&home.join(dir), &user)?;
        }
        ensure_dir(&home.join("conf"), 0o755)?;
        self.layout.link_sockets(self.name)?;
        let text = self.conf();
        Ok(write_atomic_mode(
            &home.join("conf/redis.conf"),
            text.as_bytes(),
            0o644,
        )?)
    }

    /// The server's orders.
    pub(crate) fn order(&self) -> Result<Order, LocalError> {
        let home = self.env.resource(self.name);
        let conf = self
            .layout
            .seen(&home.join("conf"), "/conf")
            .join("redis.conf");
        let command = [tools::redis()?.as_path(), &conf]
            .map(|part| part.to_string_lossy().into_owned())
            .into();
        let mut order = Order::new(&order_id(self.name), Kind::Resource, command);
        self.name.clone_into(&mut order.service);
        order.env.insert("PATH".into(), "/usr/bin:/bin".into());
        order.secrets_dir = self.layout.secrets_dir(&order_id(self.name));
        order.root = self.layout.tools();
        order.isolation = self.layout.closed();
        order.user = self.layout.user(uids::resource());
        order.binds = vec![
            Bind {
                source: home.join("store"),
                target: "/store".into(),
                writable: true,
            },
            Bind {
                source: home.join("conf"),
                target: "/conf".into(),
                writable: false,
            },
            self.layout.need_bind(self.name),
        ];
        order.health = Some(health());
        order.grace_ms = GRACE_MS;
        order.limits.open_files = OPEN_FILES;
        Ok(order)
    }

    /// The password, as a line of settings.
    pub(crate) fn secrets(password: &str) -> Secrets {
        let mut secrets = Secrets::default();
        secrets
            .files
            .insert(AUTH_FILE.into(), format!("requirepass \"{password}\"\n"));
        secrets
    }

    fn conf(&self) -> String {
        let mut settings: Vec<(String, String)> = Vec::new();
        let mut set = |name: &str, value: &str| settings.push((name.into(), value.into()));
        set("maxmemory", &self.spec.memory_bytes.to_string());
        set("save", "");
        match self.spec.class {
            RedisClass::State => {
                set("maxmemory-policy", "noeviction");
                set("appendonly", "yes");
                set("appendfsync", "everysec");
            }
            RedisClass::Cache => {
                set("maxmemory-policy", "allkeys-lru");
                set("appendonly", "no");
            }
        }
        for (name, value) in &self.spec.settings {
            set(name, value);
        }
        let store = self
            .layout
            .seen(&self.env.resource(self.name).join("store"), "/store");
        let socket = self.layout.need_dir(self.name).join(SOCKET);
        set("port", "0");
        set("unixsocket", &socket.to_string_lossy());
        // Who reaches the folder may connect; who may enter is for the password to say.
        set("unixsocketperm", "777");
        set("dir", &store.to_string_lossy());
        set("daemonize", "no");
        set("supervised", "no");
        set("logfile", "");
        let quote = |text: &str| {
            text.replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', " ")
        };
        let mut lines: Vec<String> = Vec::new();
        for (name, value) in &settings {
            lines.push(format!("{} \"{}\"\n", quote(name), quote(value)));
        }
        let secrets = self.layout.secrets_dir(&order_id(self.name));
        lines.push(format!("include {secrets}/{AUTH_FILE}\n"));
        lines.concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_names_the_socket_and_the_password() {
        assert_eq!(
            address(Path::new("/run/needs/cache"), "ab/1"),
            "redis+unix:///run/needs/cache/redis.sock?pass=ab/1"
        );
        assert_eq!(
            address_over_tcp(("cache", PORT), "ab:1"),
            "redis://:ab%3A1@cache:6379"
        );
    }
}
