//! What holds a replica in, as the sentences that `contained` promises.

use serde::{Deserialize, Serialize};

/// One sentence of an isolation class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// A read-only file tree of its own.
    FileTree,
    /// What the kernel shows of the machine is covered or read-only.
    MachineFiles,
    /// A process namespace of its own.
    Processes,
    /// A network of nothing but its own loopback.
    Network,
    /// No capability, and none to be had.
    Capabilities,
    /// A filter of system calls.
    SystemCalls,
    /// No new privileges.
    NewPrivileges,
    /// Limits by the kernel.
    Limits,
}

impl Control {
    /// The sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::FileTree => "it has a read-only file tree of its own",
            Self::MachineFiles => "the machine's switches and memory are covered",
            Self::Processes => "it sees and touches no process but its own",
            Self::Network => "its network is nothing but its own loopback",
            Self::Capabilities => "it has no capability and gets none",
            Self::SystemCalls => "its system calls are filtered",
            Self::NewPrivileges => "no file gives it new privileges",
            Self::Limits => "the kernel limits what it uses",
        }
    }
}
