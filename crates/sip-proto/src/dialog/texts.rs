//! The texts of a dialog, one behind the other in one piece: a switch keeps two dialogs for each call, and six small pieces take
//! twice the room of their bytes.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::octets::Octets;

/// Which text; in this order they lie.
#[derive(Clone, Copy)]
pub(super) enum Text {
    CallId,
    LocalTag,
    RemoteTag,
    Local,
    Remote,
    Target,
}

const TEXTS: usize = 6;

/// Cheap to clone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Named", into = "Named")]
pub(super) struct Texts {
    bytes: Arc<[u8]>,
    /// Where each ends.
    ends: [u32; TEXTS],
}

/// As they stand in a journal.
#[derive(Serialize, Deserialize)]
struct Named {
    call_id: Octets,
    local_tag: Octets,
    remote_tag: Octets,
    /// Our From or To, with its tag, as it goes into every request.
    local: Octets,
    /// The peer's.
    remote: Octets,
    /// The peer's Contact URI.
    target: Octets,
}

impl Texts {
    /// In the order of [`Text`].
    pub(super) fn new(texts: [&[u8]; TEXTS]) -> Self {
        let mut end = 0;
        Self {
            bytes: texts.concat().into(),
            ends: texts.map(|text| {
                end += u32::try_from(text.len()).unwrap_or(u32::MAX);
                end
            }),
        }
    }

    pub(super) fn get(&self, text: Text) -> &[u8] {
        let index = text as usize;
        let at = |index: usize| self.ends.get(index).copied().unwrap_or_default() as usize;
        let start = index.checked_sub(1).map_or(0, at);
        self.bytes.get(start..at(index)).unwrap_or_default()
    }

    /// The same with another target.
    pub(super) fn with_target(&self, target: &[u8]) -> Self {
        let [call_id, local_tag, remote_tag, local, remote, _] = self.all();
        Self::new([call_id, local_tag, remote_tag, local, remote, target])
    }

    fn all(&self) -> [&[u8]; TEXTS] {
        [
            Text::CallId,
            Text::LocalTag,
            Text::RemoteTag,
            Text::Local,
            Text::Remote,
            Text::Target,
        ]
        .map(|text| self.get(text))
    }
}

impl From<Named> for Texts {
    fn from(named: Named) -> Self {
        Self::new([
            &named.call_id,
            &named.local_tag,
            &named.remote_tag,
            &named.local,
            &named.remote,
            &named.target,
        ])
    }
}

impl From<Texts> for Named {
    fn from(texts: Texts) -> Self {
        let [call_id, local_tag, remote_tag, local, remote, target] = texts.all().map(Octets::from);
        Self {
            call_id,
            local_tag,
            remote_tag,
            local,
            remote,
            target,
        }
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.all().map(|text| text.escape_ascii().to_string()))
            .finish()
    }
}
