//! The binary as a person meets it: what it says, where, and how it ends. No network, no root.

mod exit_codes;
mod folder;
mod help;
mod init;
mod interrupt;
mod output;
mod quick_start;
mod secret;
