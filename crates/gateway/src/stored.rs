//! The documents on disk: `table.json`, `table.prev.json` and `endpoints.json` in the gateway's folder.

use std::path::{Path, PathBuf};

use plimsoll_bundle::endpoints::Endpoints;
use plimsoll_bundle::local::{GatewayTable, Header, HeaderError};
use plimsoll_stdx::fs::{self, FsError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const TABLE: &str = "table.json";
const PREVIOUS: &str = "table.prev.json";
const ENDPOINTS: &str = "endpoints.json";

/// A document is at most a control message, and indentation does not happen.
const MAX_SIZE: u64 = 4 * 1024 * 1024;

/// A table as it was put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredTable {
    /// `plimsoll.gateway-put`, version 1.
    #[serde(flatten)]
    pub(crate) header: Header,
    /// The newest epoch that had spoken.
    pub(crate) epoch: u64,
    /// Rises with every put.
    pub(crate) generation: u64,
    /// The table.
    pub(crate) table: GatewayTable,
}

impl StoredTable {
    const FORMAT: &'static str = "plimsoll.gateway-put";
    const VERSION: u32 = 1;

    /// A table about to be stored.
    pub(crate) fn new(epoch: u64, generation: u64, table: GatewayTable) -> Self {
        Self {
            header: Header::new(Self::FORMAT, Self::VERSION),
            epoch,
            generation,
            table,
        }
    }
}

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoredError {
    /// The file.
    #[error(transparent)]
    File(#[from] FsError),
    /// Its content.
    #[error("{} is damaged: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and how.
        source: serde_json::Error,
    },
    /// Its kind.
    #[error("{}: {source}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        source: HeaderError,
    },
}

impl StoredError {
    /// Whether the file is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        match self {
            Self::File(error) => error.is_not_found(),
            Self::Json { .. } | Self::Header { .. } => false,
        }
    }
}

/// Stores a table; the one before stays as the previous one. Blocks.
pub(crate) fn write_table(dir: &Path, table: &StoredTable) -> Result<(), StoredError> {
    let path = dir.join(TABLE);
    let bytes = encode(&path, table)?;
    match fs::read_bounded(&path, MAX_SIZE) {
        // A table that cannot be read is worth nothing as a previous one.
        Ok(old) if serde_json::from_slice::<StoredTable>(&old).is_ok() => {
            fs::write_atomic(&dir.join(PREVIOUS), &old)?;
        }
        Ok(_) | Err(_) => {}
    }
    Ok(fs::write_atomic(&path, &bytes)?)
}

/// Stores an endpoints document. Blocks.
pub(crate) fn write_endpoints(dir: &Path, endpoints: &Endpoints) -> Result<(), StoredError> {
    let path = dir.join(ENDPOINTS);
    let bytes = encode(&path, endpoints)?;
    Ok(fs::write_atomic(&path, &bytes)?)
}

/// The tables that there are, newest first, and what is wrong with the others.
pub(crate) fn read_tables(dir: &Path) -> (Vec<StoredTable>, Vec<StoredError>) {
    let mut tables = Vec::new();
    let mut errors = Vec::new();
    for name in [TABLE, PREVIOUS] {
        let path = dir.join(name);
        let read = decode::<StoredTable>(&path).and_then(|stored| {
            let (outer, inner) = (&stored.header, &stored.table.header);
            let check = outer
                .ensure(StoredTable::FORMAT, StoredTable::VERSION)
                .and_then(|()| inner.ensure(GatewayTable::FORMAT, GatewayTable::VERSION));
            check.map_err(|source| StoredError::Header { path, source })?;
            Ok(stored)
        });
        match read {
            Ok(table) => tables.push(table),
            Err(error) if error.is_not_found() => {}
            Err(error) => errors.push(error),
        }
    }
    (tables, errors)
}

/// The endpoints document, if there is one.
pub(crate) fn read_endpoints(dir: &Path) -> Result<Option<Endpoints>, StoredError> {
    let path = dir.join(ENDPOINTS);
    match decode::<Endpoints>(&path) {
        Ok(endpoints) => {
            let check = endpoints
                .header
                .ensure(Endpoints::FORMAT, Endpoints::VERSION);
            check.map_err(|source| StoredError::Header { path, source })?;
            Ok(Some(endpoints))
        }
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn encode(path: &Path, document: &impl Serialize) -> Result<Vec<u8>, StoredError> {
    serde_json::to_vec(document).map_err(|source| StoredError::Json {
        path: path.to_owned(),
        source,
    })
}

fn decode<T: DeserializeOwned>(path: &Path) -> Result<T, StoredError> {
    let bytes = fs::read_bounded(path, MAX_SIZE)?;
    serde_json::from_slice(&bytes).map_err(|source| StoredError::Json {
        path: path.to_owned(),
        source,
    })
}
