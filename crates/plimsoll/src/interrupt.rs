//! Ctrl-C and SIGTERM end what is under way in order, instead of the process at once.

use plimsoll_local::Cancel;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::{Failure, Result};

/// From now on SIGINT and SIGTERM cancel. The thread lives as long as the process.
pub(crate) fn cancel_on_signal(cancel: Cancel) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::internal)?;
    // Registered before the thread starts: no signal falls between.
    let (mut interrupt, mut terminate) = {
        let _guard = runtime.enter();
        let listen = |kind| signal(kind).map_err(Failure::internal);
        (
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
        )
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => cancel.cancel(),
                    _ = terminate.recv() => cancel.cancel(),
                }
            }
        });
    });
    Ok(())
}
