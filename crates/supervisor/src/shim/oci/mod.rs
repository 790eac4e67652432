//! A contained program that an OCI runtime (runc, crun, youki) brings up.
//!
//! The shim's part stays: it stands above, in the program's network, with output, verbs and endings. What the runtime
//! makes in our place are the namespaces, the tree, the missing rights and a filter of system calls, as its
//! configuration says, which is made here from the orders. What it starts in there is not the program but this binary
//! once more, as process 1: it takes what may lie on no disk (secrets among the variables) over a socket that is its
//! standard input, looks what holds, adds what no configuration can say (Landlock, the tie to the shim, our filter by
//! number), and starts the program. So what is reported is what was seen from inside, whoever made it.
//!
//! Limits are not the runtime's business: it needs more memory and processes than a small program may have. They are
//! set when it is done and before the program begins.
//!
//! Reading order: `bundle` (the folder of one start), `places` (what is shown where) and `config` (what the runtime is
//! told), both pure; `begin` and `stage` (what is put together for it), `run` (driving it), `task` and `inside` (what
//! becomes of the process that it starts).

mod begin;
mod bundle;
mod config;
mod inside;
mod places;
mod run;
mod stage;
mod task;

pub(super) use bundle::Bundle;
pub(crate) use bundle::forget;
pub(crate) use inside::main;
pub(super) use run::{delete, start};
