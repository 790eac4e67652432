//! Pauses of services: requests wait instead of being refused.

use std::time::Duration;

use super::{Hub, Refused};
use crate::control::{Pause, Refusal};

impl Hub {
    /// Holds the requests of a service; see [`crate::control::Client::pause`].
    pub(crate) async fn pause(
        &self,
        epoch: u64,
        service: &str,
        pause: Pause,
    ) -> Result<(), Refused> {
        let mut state = self.state.lock().await;
        state.fence(epoch)?;
        let gate = state
            .registry
            .gate(service)
            .ok_or_else(|| unknown(service))?;
        let wait = Duration::from_millis(pause.wait_ms);
        gate.close(wait, pause.held, Duration::from_millis(pause.lasts_ms));
        Ok(())
    }

    /// Lets the requests of a service go on.
    pub(crate) async fn resume(&self, epoch: u64, service: &str) -> Result<(), Refused> {
        let mut state = self.state.lock().await;
        state.fence(epoch)?;
        let gate = state
            .registry
            .gate(service)
            .ok_or_else(|| unknown(service))?;
        gate.open();
        Ok(())
    }

    /// The services that are paused, with the requests that wait for them.
    pub(crate) async fn paused(&self) -> Vec<(String, u32)> {
        let state = self.state.lock().await;
        let closed = state.registry.gates().filter(|(_, gate)| gate.is_closed());
        closed
            .map(|(service, gate)| (service.clone(), gate.held()))
            .collect()
    }
}

fn unknown(service: &str) -> Refused {
    let message = format!("the table has no service `{service}`");
    (Refusal::Unknown, message)
}
