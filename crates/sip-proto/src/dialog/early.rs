//! The early dialogs of one INVITE: one per To-tag (RFC 3261 §12.1, §13.2.2.1).

use sip_msg::Message;

use super::{Dialog, DialogError};

/// Most branches of a fork that are followed.
const MAX: usize = 16;

/// What the branches of one INVITE's fork have answered so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EarlyDialogs {
    dialogs: Vec<Dialog>,
}

impl EarlyDialogs {
    /// None yet.
    pub const fn new() -> Self {
        Self { dialogs: Vec::new() }
    }

    /// The dialog that a 101–299 response belongs to: a new one for a To-tag not seen before, confirmed by a 2xx.
    pub fn receive(&mut self, invite: &Message, response: &Message) -> Result<&mut Dialog, DialogError> {
        let tag = response.to_tag().unwrap_or_default();
        let status = response.status().filter(|status| (101..300).contains(status));
        let success = status.ok_or(DialogError::NotCreating)? >= 200;
        let at = match self.dialogs.iter().position(|dialog| dialog.remote_tag() == tag) {
            Some(at) => at,
            None if self.dialogs.len() >= MAX => return Err(DialogError::TooMany),
            None => {
                self.dialogs.push(Dialog::uac(invite, response)?);
                self.dialogs.len() - 1
            }
        };
        let dialog = self.dialogs.get_mut(at).ok_or(DialogError::TooMany)?;
        if success {
            dialog.confirm(response);
        }
        Ok(dialog)
    }

    /// The dialog with this peer's tag.
    pub fn get(&self, remote_tag: &[u8]) -> Option<&Dialog> {
        self.dialogs
            .iter()
            .find(|dialog| dialog.remote_tag() == remote_tag)
    }

    /// The same, for a request of ours within it: until the answer each branch is asked in its own dialog (§12.2.1.1).
    pub fn get_mut(&mut self, remote_tag: &[u8]) -> Option<&mut Dialog> {
        self.dialogs
            .iter_mut()
            .find(|dialog| dialog.remote_tag() == remote_tag)
    }

    /// Takes the dialog with this peer's tag out: the call goes on with it, the others die with their INVITE (§13.2.2.4).
    pub fn take(&mut self, remote_tag: &[u8]) -> Option<Dialog> {
        let at = self
            .dialogs
            .iter()
            .position(|dialog| dialog.remote_tag() == remote_tag)?;
        Some(self.dialogs.swap_remove(at))
    }

    /// All of them, in the order in which they came up.
    pub fn iter(&self) -> impl Iterator<Item = &Dialog> {
        self.dialogs.iter()
    }
}
