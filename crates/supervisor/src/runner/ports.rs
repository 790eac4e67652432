//! Free ports on 127.0.0.1.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use plimsoll_stdx::random;

use super::RunnerError;
use crate::order::Order;

/// Ports are chosen below the kernel's range for outgoing connections (from 32768), which could take a number
/// between our look and the program's bind, and above those that services are commonly given.
const FROM: u16 = 20_000;
const TO: u16 = 29_999;
/// Random tries before giving up: with half of the range taken, all of them fail once in 2^64 times.
const TRIES: u32 = 64;

/// The ports that were handed out and may not be bound yet.
#[derive(Debug, Default)]
pub(super) struct Ports {
    taken: Mutex<BTreeSet<u16>>,
}

/// The ports of a process with a network of its own: those that its orders name, and for the others the first that are
/// left. Nobody else is there who could have them.
pub(super) fn of_its_own(order: &Order) -> Result<BTreeMap<String, u16>, RunnerError> {
    let named: BTreeSet<u16> = order
        .ports
        .values()
        .filter_map(|port| port.number)
        .collect();
    let mut free = (FROM..=TO).filter(|port| !named.contains(port));
    let mut ports = BTreeMap::new();
    for (name, port) in &order.ports {
        let number = port.number.or_else(|| free.next());
        let number = number.ok_or(RunnerError::Ports { from: FROM, to: TO })?;
        ports.insert(name.clone(), number);
    }
    Ok(ports)
}

impl Ports {
    /// A port that nobody listens on and nobody was given.
    pub(super) fn take(&self) -> Result<u16, RunnerError> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..TRIES {
            let offset = random::number() % u64::from(TO - FROM + 1);
            let port = FROM + u16::try_from(offset).unwrap_or(0);
            if !taken.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                taken.insert(port);
                return Ok(port);
            }
        }
        Err(RunnerError::Ports { from: FROM, to: TO })
    }

    /// Marks ports of a process that was adopted.
    pub(super) fn keep(&self, ports: impl IntoIterator<Item = u16>) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.extend(ports);
    }

    /// Gives ports back.
    pub(super) fn give_back<'a>(&self, ports: impl IntoIterator<Item = &'a u16>) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for port in ports {
            taken.remove(port);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_until_it_is_given_back() {
        let ports = Ports::default();
        let first: Vec<u16> = (0..50).map(|_| ports.take().unwrap()).collect();
        let distinct: BTreeSet<u16> = first.iter().copied().collect();
        assert_eq!(distinct.len(), first.len());
        ports.give_back(&first);
        assert!(ports.taken.lock().unwrap().is_empty());
    }
}
