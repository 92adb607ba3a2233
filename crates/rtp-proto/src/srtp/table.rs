//! What is remembered of each SSRC, most recent first.

/// A short list of sources, found by SSRC. Calls have one or two; a search from the front is the fastest there is.
#[derive(Debug)]
pub(super) struct Table<S> {
    entries: Vec<(u32, S)>,
}

impl<S> Table<S> {
    pub(super) fn new() -> Self {
        Self { entries: Vec::new() }
    }

    pub(super) fn find(&self, ssrc: u32) -> Option<&S> {
        self.entries
            .iter()
            .find(|(known, _)| *known == ssrc)
            .map(|(_, state)| state)
    }

    /// The state of a source that is known; it moves to the front.
    pub(super) fn recent(&mut self, ssrc: u32) -> Option<&mut S> {
        let at = self.entries.iter().position(|(known, _)| *known == ssrc)?;
        if at > 0 {
            self.entries.get_mut(..=at)?.rotate_right(1);
        }
        self.entries.first_mut().map(|(_, state)| state)
    }

    /// A new source, at the front. The one that was quiet longest goes when there are more than `limit`.
    pub(super) fn insert(&mut self, ssrc: u32, state: S, limit: usize) {
        self.entries.truncate(limit.saturating_sub(1));
        self.entries.insert(0, (ssrc, state));
    }

    /// The source that was last in use.
    pub(super) fn latest(&self) -> Option<u32> {
        self.entries.first().map(|(ssrc, _)| *ssrc)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn states(&mut self) -> impl Iterator<Item = &mut S> {
        self.entries.iter_mut().map(|(_, state)| state)
    }
}
