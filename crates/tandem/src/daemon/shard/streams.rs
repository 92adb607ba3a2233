//! What connections tell the shard.

use std::time::Duration;

use bytes::Bytes;
use sip_net::StreamEvent;
use sip_proto::{ConnId, Flow};
use switch::Input;
use tokio::sync::mpsc;

use super::{BATCH, Shard};

/// How long last words may take to be written at the end.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Shard {
    /// Handles what connections have said, up to [`BATCH`]; how many messages it was.
    pub(super) fn hear(
        &mut self,
        first: Option<StreamEvent>,
        heard: &mut mpsc::Receiver<StreamEvent>,
    ) -> usize {
        if self.streams.is_none() {
            return 0;
        }
        let mut taken = 0;
        let mut next = first.or_else(|| heard.try_recv().ok());
        while let Some(event) = next {
            self.heard(event);
            taken += 1;
            next = if taken < BATCH {
                heard.try_recv().ok()
            } else {
                None
            };
        }
        taken
    }

    fn heard(&mut self, event: StreamEvent) {
        let now = self.clock.now();
        let Some(streams) = self.streams.as_mut() else {
            return;
        };
        let input = match event {
            StreamEvent::Opened { flow, names, line } => {
                streams.opened(flow, line);
                match flow.conn.filter(|_| !names.is_empty()) {
                    Some(conn) => Input::Proved { conn, names },
                    None => return,
                }
            }
            StreamEvent::Message { flow, message } => {
                let raw = match &*message {
                    Ok(message) => Some(message.raw()),
                    Err(error) => error.message.as_deref().map(sip_msg::Message::raw),
                };
                let raw = raw.cloned();
                if self
                    .switch
                    .is_barred(now, &flow, raw.as_deref().unwrap_or_default())
                {
                    self.broken.extend(flow.conn);
                    return;
                }
                if let Some(raw) = raw {
                    self.show_stream(false, &flow, &raw);
                }
                Input::Message { flow, message }
            }
            StreamEvent::Broken { conn } => return self.broken.push(conn),
            StreamEvent::Closed { conn, why } => {
                tracing::debug!(?conn, ?why, "a connection is over");
                return self.disconnect(conn);
            }
        };
        self.switch.handle(now, input, &mut self.commands);
    }

    /// Shows a message that came over a connection, or goes, to whoever wants to see messages.
    pub(super) fn show_stream(&mut self, outgoing: bool, flow: &Flow, bytes: &Bytes) {
        let streams = self.streams.as_ref();
        if let Some(local) = streams.and_then(|streams| streams.local(flow.listener)) {
            self.tap
                .message(outgoing, flow.transport, local, flow.remote, bytes);
        }
    }

    /// A connection is gone, or is to go.
    fn disconnect(&mut self, conn: ConnId) {
        let gone = self.streams.as_mut().and_then(|streams| streams.close(conn));
        let Some(gone) = gone else { return };
        let now = self.clock.now();
        for flow in std::iter::once(gone.flow).chain(gone.aliases) {
            let input = Input::Disconnected {
                flow,
                asked: gone.asked,
            };
            self.switch.handle(now, input, &mut self.commands);
        }
    }

    /// Closes the connections whose streams are of no more use, now that what came over them is answered.
    pub(super) fn close_broken(&mut self) {
        while let Some(conn) = self.broken.pop() {
            self.disconnect(conn);
            self.carry_out();
        }
    }

    /// Closes all connections, with what waits for them written.
    pub(super) async fn hang_up(&mut self) {
        let Some(mut streams) = self.streams.take() else {
            return;
        };
        streams.close_all();
        let end = tokio::time::Instant::now() + LAST_WORDS;
        while streams.figures().connections > 0 && tokio::time::Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
