//! Images unpacked into folders: what they become, and what hostile ones do not.

#[cfg(test)]
mod archive;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod model;
#[cfg(test)]
mod ours;
#[cfg(test)]
mod support;
