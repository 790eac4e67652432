//! The daemon of one environment: hosts the supervisor, answers the control socket, tells the gateway where replicas
//! are.

pub(crate) mod intent;
