//! Owns the checks of the house rules that no compiler makes: layers, headers, lengths, leftovers.
//!
//! Must not know: what the product does. All of it is in `tests/`.
