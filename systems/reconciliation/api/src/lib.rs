//! The reconciliation service.
