//! Ctrl-C, SIGTERM and a terminal that is closed end what is under way in order, instead of the process at once.

use std::path::Path;

use plimsoll_local::Cancel;
use plimsoll_stdx::fs::read_bounded;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::{Failure, Result};

/// `/proc/self/status` has some 60 short lines.
const STATUS_MAX: u64 = 64 << 10;

/// From now on SIGINT, SIGTERM and SIGHUP cancel. The thread lives as long as the process.
///
/// A SIGHUP that whoever started us had switched off stays off: `nohup plimsoll up` is to go on.
pub(crate) fn cancel_on_signal(cancel: Cancel) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::internal)?;
    // Registered before the thread starts: no signal falls between.
    let mut signals = {
        let _guard = runtime.enter();
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
        if !ignores_hangup() {
            kinds.push(SignalKind::hangup());
        }
        let listen = |kind| signal(kind).map_err(Failure::internal);
        kinds.into_iter().map(listen).collect::<Result<Vec<_>>>()?
    };
    std::thread::spawn(move || {
        runtime.block_on(std::future::poll_fn(|context| {
            for signal in &mut signals {
                while signal.poll_recv(context).is_ready() {
                    cancel.cancel();
                }
            }
            std::task::Poll::<()>::Pending
        }));
    });
    Ok(())
}

fn ignores_hangup() -> bool {
    let status = read_bounded(Path::new("/proc/self/status"), STATUS_MAX).unwrap_or_default();
    ignored_signals(&String::from_utf8_lossy(&status)) & 1 == 1
}

/// Bit n-1 stands for signal n (proc_pid_status(5)); SIGHUP is 1.
fn ignored_signals(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switched_off_hangup_is_read_from_the_status_of_the_process() {
        let under_nohup = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000001\n";
        assert_eq!(ignored_signals(under_nohup) & 1, 1);
        assert_eq!(ignored_signals("SigIgn:\t0000000000001000\n") & 1, 0);
        assert_eq!(ignored_signals(""), 0);
    }
}
