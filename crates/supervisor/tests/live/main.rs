//! Live tests: real processes, real sockets, real kills. They pass as root and as a user; what needs root says so.

#[cfg(test)]
mod contained;
#[cfg(test)]
mod keeper;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod roots;
#[cfg(test)]
mod support;
