//! The binary as a person meets it: what it says, where, and how it ends. No network, no root.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod change;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod exit_codes;
#[cfg(test)]
mod folder;
#[cfg(test)]
mod given;
#[cfg(test)]
mod help;
#[cfg(test)]
mod images;
#[cfg(test)]
mod init;
#[cfg(test)]
mod interrupt;
#[cfg(test)]
mod output;
#[cfg(test)]
mod quick_start;
#[cfg(test)]
mod runtime;
#[cfg(test)]
mod secret;
