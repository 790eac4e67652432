//! What the three systems share.
