//! Prices, budgets and promised savings. Figures come from a price table with a date; here is what the app says of
//! them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::units::{Date, Decimal, Percent};

/// What the cost report needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// The name of the price table.
    pub prices: String,
    /// The day of the prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prices_of: Option<Date>,
    /// Overrides of single prices in USD: `registry_gb_month`, `vcpu_hour`, `gb_hour`, `egress_gb`, ….
    pub price: BTreeMap<String, Decimal>,
    /// Requests per month that the cost is spread over.
    pub requests_per_month: u64,
    /// Monthly budget and the shares of it that raise a notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Promised savings, summed and compared by the report.
    pub saving: BTreeMap<String, Saving>,
    /// Share of replica hours on reserved capacity.
    pub reserved: Percent,
    /// Share of replica hours on spot capacity.
    pub spot: Percent,
    /// When people look at the report next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<Date>,
}

/// A monthly budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// USD in a month.
    pub usd_per_month: Decimal,
    /// Shares of it that raise a notice.
    pub warn_at: Vec<Percent>,
    /// Names of `notify`.
    pub notify: Vec<String>,
}

/// A promised saving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saving {
    /// USD in a month.
    pub usd_per_month: Decimal,
    /// Replicas that the promise assumes, where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// The savings that this one says it sums.
    pub of: Vec<String>,
}
