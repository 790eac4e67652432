//! Somebody who looks at the app from outside while it is changed.

use std::fmt;

/// Looks at the app from outside for as long as a change lasts: a prober that counts failed requests. Asked between two
/// steps and while a canary is held, from the thread that carries out the change, so that an answer should be at hand.
pub trait Watch: Send + Sync + fmt::Debug {
    /// Why the change has to be taken back, as a phrase with numbers; `None` while all is well.
    fn verdict(&self) -> Option<String>;
}
