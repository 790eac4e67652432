//! Owns the rendered documents of one release and their canonical digest.
//!
//! Must not know: who made it, what is good.
