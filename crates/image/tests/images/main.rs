//! Images as a whole: compiled from source, interrupted in the middle, read by other tools.

#[cfg(test)]
mod compiled;
#[cfg(test)]
mod interrupted;
#[cfg(test)]
mod papers;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod world;
