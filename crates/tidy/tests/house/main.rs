//! The house rules that no compiler checks.

#[cfg(test)]
mod files;
#[cfg(test)]
mod layers;
