//! Who may do what: the table of roles and permissions, and the table of routes.
//!
//! Handlers ask with `Require<…>`; a test walks every route with every role and compares what happens with these
//! tables.

use systems_kit::auth::access::Permission;

/// The roles, in the order of the columns below.
pub const ROLES: [&str; 6] = [
    "admin",
    "rule_manager",
    "preparer",
    "approver",
    "auditor",
    "service",
];

/// Permission by role. Admins have no business rights on purpose: who manages accounts must not move money.
pub const MATRIX: [(&str, [u8; 6]); 15] = [
    ("users.manage", [1, 0, 0, 0, 0, 0]),
    ("settings", [1, 0, 0, 0, 0, 0]),
    ("sources.write", [0, 1, 0, 0, 0, 0]),
    ("rules.write", [0, 1, 0, 0, 0, 0]),
    ("uploads.write", [0, 0, 1, 0, 0, 1]),
    ("runs.start", [0, 0, 1, 0, 0, 1]),
    ("matches.propose", [0, 0, 1, 0, 0, 1]),
    ("matches.confirm", [0, 0, 1, 1, 0, 0]),
    ("exceptions.approve", [0, 0, 0, 1, 0, 0]),
    ("runs.certify", [0, 0, 0, 1, 0, 0]),
    ("runs.reopen", [0, 0, 0, 1, 0, 0]),
    ("read", [0, 1, 1, 1, 1, 1]),
    ("export", [0, 1, 1, 1, 1, 1]),
    ("audit.read", [1, 0, 0, 1, 1, 0]),
    ("audit.verify", [1, 0, 0, 1, 1, 0]),
];

/// Whether a role has a permission; an unknown name of either is a no.
pub fn allows(role: &str, permission: &str) -> bool {
    let Some(column) = ROLES.iter().position(|known| *known == role) else {
        return false;
    };
    MATRIX
        .iter()
        .any(|(name, row)| *name == permission && row[column] == 1)
}

/// All permissions of a role.
pub fn of_role(role: &str) -> Vec<&'static str> {
    MATRIX
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| allows(role, name))
        .collect()
}

/// Marker types for `Require<…>`: each names one permission, or several of which one suffices.
macro_rules! permissions {
    ($($(#[$doc:meta])* $marker:ident = $name:literal $(or $other:literal)*;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $marker;
            impl Permission for $marker {
                const NAME: &'static str = concat!($name $(, " or ", $other)*);
                fn allows(role: &str) -> bool {
                    allows(role, $name) $(|| allows(role, $other))*
                }
            }
        )*
    };
}

permissions! {
    /// Accounts and roles.
    UsersManage = "users.manage";
    /// Sources and their mappings.
    SourcesWrite = "sources.write";
    /// Trying a mapping on a file.
    Preview = "uploads.write" or "sources.write";
    /// Bringing in files.
    UploadsWrite = "uploads.write";
    /// Starting and stopping runs.
    RunsStart = "runs.start";
    /// Proposing matches and resolutions.
    MatchesPropose = "matches.propose";
    /// Confirming what the engine or someone else proposed.
    MatchesConfirm = "matches.confirm";
    /// Talking about an exception.
    Discuss = "matches.propose" or "exceptions.approve";
    /// Approving resolutions.
    ExceptionsApprove = "exceptions.approve";
    /// Certifying a run.
    RunsCertify = "runs.certify";
    /// Opening it again.
    RunsReopen = "runs.reopen";
    /// Reading business data.
    Read = "read";
    /// Taking it away.
    Export = "export";
    /// Reading the audit trail.
    AuditRead = "audit.read";
    /// Recomputing it.
    AuditVerify = "audit.verify";
}

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Public,
    /// Any login.
    Login,
    /// One of these permissions.
    Any(&'static [&'static str]),
}

/// Every route under `/api/v1`, with what it asks for. The router is checked against this list when it is built.
pub const ROUTES: &[(&str, &str, Access)] = {
    use Access::{Any, Login, Public};
    &[
        ("GET", "/version", Public),
        ("POST", "/auth/login", Public),
        ("POST", "/auth/refresh", Public),
        ("POST", "/auth/logout", Public),
        ("GET", "/auth/me", Login),
        ("POST", "/auth/password", Login),
        ("GET", "/users", Any(&["users.manage"])),
        ("POST", "/users", Any(&["users.manage"])),
        ("PATCH", "/users/{id}", Any(&["users.manage"])),
        ("GET", "/sources", Any(&["read"])),
        ("POST", "/sources", Any(&["sources.write"])),
        ("PATCH", "/sources/{id}", Any(&["sources.write"])),
        (
            "POST",
            "/sources/{id}/preview",
            Any(&["uploads.write", "sources.write"]),
        ),
        ("GET", "/uploads", Any(&["read"])),
        ("POST", "/uploads", Any(&["uploads.write"])),
        ("GET", "/uploads/{id}", Any(&["read"])),
        ("GET", "/uploads/{id}/errors", Any(&["read"])),
        ("GET", "/transactions", Any(&["read"])),
        ("GET", "/rules", Any(&["read"])),
        ("GET", "/runs", Any(&["read"])),
        ("POST", "/runs", Any(&["runs.start"])),
        ("GET", "/runs/{id}", Any(&["read"])),
        ("POST", "/runs/{id}/cancel", Any(&["runs.start"])),
        ("POST", "/runs/{id}/certify", Any(&["runs.certify"])),
        ("POST", "/runs/{id}/reopen", Any(&["runs.reopen"])),
        ("GET", "/runs/{id}/matches", Any(&["read"])),
        ("GET", "/runs/{id}/items", Any(&["read"])),
        ("GET", "/runs/{id}/export", Any(&["export"])),
        ("POST", "/matches", Any(&["matches.propose"])),
        ("GET", "/matches/{id}", Any(&["read"])),
        ("POST", "/matches/{id}/confirm", Any(&["matches.confirm"])),
        ("POST", "/matches/{id}/reject", Any(&["matches.confirm"])),
        ("POST", "/matches/{id}/unmatch", Any(&["matches.propose"])),
        ("GET", "/exceptions", Any(&["read"])),
        ("GET", "/exceptions/{id}", Any(&["read"])),
        ("PATCH", "/exceptions/{id}", Any(&["matches.propose"])),
        (
            "POST",
            "/exceptions/{id}/comment",
            Any(&["matches.propose", "exceptions.approve"]),
        ),
        (
            "POST",
            "/exceptions/{id}/propose",
            Any(&["matches.propose"]),
        ),
        (
            "POST",
            "/exceptions/{id}/approve",
            Any(&["exceptions.approve"]),
        ),
        (
            "POST",
            "/exceptions/{id}/reject",
            Any(&["exceptions.approve"]),
        ),
        ("GET", "/dashboard", Any(&["read"])),
        ("GET", "/audit", Any(&["audit.read"])),
        ("GET", "/audit/verify", Any(&["audit.verify"])),
    ]
};
