//! One call, shown with the figures of its media, which the media worker is asked for first.

use rtp_proto::control::{Command, Event, MediaId, SessionStats};
use switch::{CallView, Now};
use tokio::sync::oneshot;

use super::Shard;

/// Calls that may be asked for at once; more are answered without figures.
const MAX_ASKED: usize = 256;

/// Somebody who waits.
pub(super) struct Asked {
    stream: MediaId,
    view: CallView,
    reply: oneshot::Sender<Option<CallView>>,
}

impl Shard {
    /// Answers with a call, at once if there is none or it has no media.
    pub(super) fn show(&mut self, now: Now, id: &str, reply: oneshot::Sender<Option<CallView>>) {
        self.asked.retain(|asked| !asked.reply.is_closed());
        match self.switch.call(now, id) {
            Some((view, Some(stream))) if self.asked.len() < MAX_ASKED => {
                self.asked.push(Asked { stream, view, reply });
                self.deferred.push_back(Box::new(Command::Report { id: stream }));
                self.command_media();
            }
            Some((view, _)) => drop(reply.send(Some(view))),
            None => drop(reply.send(None)),
        }
    }

    /// Whether these are the figures that somebody waits for. Each report has been asked for by one: by the switch, or here; which
    /// of two it is makes no difference.
    pub(super) fn is_shown(&mut self, event: &Event) -> bool {
        if self.asked.is_empty() {
            return false;
        }
        self.asked.retain(|asked| !asked.reply.is_closed());
        match event {
            Event::Report { id, stats } => self.answer_asked(*id, stats),
            // The worker has forgotten the stream: nobody else's question about it will be answered.
            Event::Closed { id, stats } => {
                while self.answer_asked(*id, stats) {}
                false
            }
            Event::Failed { .. }
            | Event::Silent { .. }
            | Event::OneWay { .. }
            | Event::Played { .. }
            | Event::Supervised { .. }
            | Event::SoundsBad { .. }
            | Event::Path { .. }
            | Event::Digit { .. } => false,
        }
    }

    fn answer_asked(&mut self, stream: MediaId, stats: &SessionStats) -> bool {
        let Some(index) = self.asked.iter().position(|asked| asked.stream == stream) else {
            return false;
        };
        let Asked { mut view, reply, .. } = self.asked.remove(index);
        let [a, b] = stats.legs.clone();
        view.from.media = Some(Box::new(a));
        if let Some(to) = &mut view.to {
            to.media = Some(Box::new(b));
        }
        let _ = reply.send(Some(view));
        true
    }
}
