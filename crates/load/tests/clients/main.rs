//! Clients of this crate against servers that are made for the occasion.

#[cfg(test)]
mod prober;
