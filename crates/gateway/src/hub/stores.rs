//! Where the Redis servers are that limits share.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use plimsoll_bundle::local::GatewayTable;
use plimsoll_stdx::fs::read_bounded;
use tokio::task::spawn_blocking;

use super::Hub;
use crate::edge::resp::Address;

/// The folder in the gateway's own, with a file for each: an address as services get it, password included.
const STORES: &str = "stores";
/// An address with a long password and a long path.
const MAX_ADDRESS: u64 = 4096;

impl Hub {
    /// The addresses of the Redis servers that the table's limits name. One that is not known is noted, and every
    /// gateway then has buckets of its own.
    pub(super) async fn stores(&self, table: &GatewayTable) -> HashMap<String, Address> {
        let names: BTreeSet<String> = table
            .limits
            .values()
            .filter_map(|limit| limit.shared.clone())
            .collect();
        let mut stores = HashMap::new();
        for name in names {
            match read(self.dir.join(STORES).join(&name)).await {
                Some(address) => {
                    stores.insert(name, address);
                }
                None => self.note(format!(
                    "there is no address of `{name}` in {STORES}/{name}: limits that share it are each gateway's own"
                )),
            }
        }
        stores
    }
}

async fn read(path: PathBuf) -> Option<Address> {
    let bytes = spawn_blocking(move || read_bounded(&path, MAX_ADDRESS)).await;
    let bytes = bytes.ok()?.ok()?;
    Address::parse(std::str::from_utf8(&bytes).ok()?)
}
