//! Ctrl-C: heard once for the whole command, obeyed where a step or an order can be left.

use tokio::sync::watch;

/// How often the person at the terminal has interrupted the command.
#[derive(Debug, Clone)]
pub struct Interrupt {
    sender: watch::Sender<u32>,
}

impl Default for Interrupt {
    fn default() -> Self {
        Self {
            sender: watch::Sender::new(0),
        }
    }
}

impl Interrupt {
    /// Listens from now on, for as long as the runtime lives; without this, nothing is ever interrupted.
    pub fn listen(&self) {
        let sender = self.sender.clone();
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                sender.send_modify(|times| *times += 1);
            }
        });
    }

    /// Waits until it has happened so often, which may have been before.
    pub async fn happened(&self, times: u32) {
        let mut receiver = self.sender.subscribe();
        // An error would mean that nobody can send any more, and this holds a sender.
        let _ = receiver.wait_for(|heard| *heard >= times).await;
    }
}
