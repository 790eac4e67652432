//! Users that our processes are when we are root. No `/etc/passwd` of a distribution reaches so high, and a mistake
//! then never meets a person's files.

use plimsoll_supervisor::order::User;

const BASE: u32 = 2_100_000_000;

/// Replicas and jobs.
pub(crate) fn app() -> User {
    user(1001, "app")
}

/// The same, who see themselves as `inside`, where an image says who they are.
pub(crate) fn app_known_as(inside: Option<u32>) -> User {
    let app = app();
    User {
        inside: inside.or(app.inside),
        ..app
    }
}

/// PostgreSQL and Redis.
pub(crate) fn resource() -> User {
    user(1002, "resource")
}

/// The gateway.
pub(crate) fn gateway() -> User {
    user(1003, "gateway")
}

/// Those that carry the connections of replicas and jobs.
pub(crate) fn relay() -> User {
    user(1004, "relay")
}

fn user(offset: u32, name: &str) -> User {
    User {
        uid: BASE + offset,
        gid: BASE + offset,
        name: name.to_owned(),
        inside: Some(offset),
    }
}
