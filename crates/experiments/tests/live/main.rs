//! Live tests: real attacks on real containments. As root all of them; as a user, what the kernel lets a user do.

#[cfg(test)]
mod doctor;
#[cfg(test)]
mod published;
