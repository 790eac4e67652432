//! Push and pull: against a registry that misbehaves, and against Docker's own.

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod login;
#[cfg(test)]
mod pull;
#[cfg(test)]
mod push;
#[cfg(test)]
mod real;
#[cfg(test)]
mod support;
