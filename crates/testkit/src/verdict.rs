//! What is to be said of a world afterwards.

use crate::{Logged, Sip, Way, World};

impl World {
    /// What is left over that should not be, and what went wrong on the way; empty when all is well.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.audit.faults.clone();
        faults.extend(self.store.faults.iter().map(|fault| format!("store: {fault}")));
        faults.extend(self.media.faults.iter().map(|fault| format!("media: {fault}")));
        for ua in &self.uas {
            faults.extend(ua.faults.iter().map(|fault| format!("{}: {fault}", ua.addr)));
        }
        let gauges = self.switch().gauges();
        for (name, count) in [
            ("calls", gauges.calls),
            ("answered", gauges.answered),
            ("ending", gauges.ending),
            ("orphans", gauges.orphans),
            ("server transactions", gauges.server_transactions),
            ("client transactions", gauges.client_transactions),
            ("ports", gauges.ports),
            ("permits", gauges.permits),
            ("tags", gauges.tags),
            ("call timers", gauges.call_timers),
            ("waiting entries", gauges.waiting),
            ("watched calls", gauges.watched),
            ("limited calls", gauges.limited),
            ("media streams", self.media.open()),
            ("journal entries", self.store.journal.len()),
        ] {
            if count != 0 {
                faults.push(format!("{count} {name} left over"));
            }
        }
        let mut ids: Vec<&str> = self
            .store
            .finals
            .iter()
            .map(|record| record.id.as_str())
            .collect();
        ids.sort_unstable();
        for pair in ids.windows(2).filter(|pair| pair[0] == pair[1]) {
            faults.push(format!("two final records of call {}", pair[0]));
        }
        faults
    }

    /// The log of one peer's messages, as text.
    #[must_use]
    pub fn transcript(&self, wanted: impl Fn(&Logged) -> bool) -> String {
        let line = |logged: &Logged| {
            let arrow = if logged.way == Way::In { "->" } else { "<-" };
            let text = String::from_utf8_lossy(&logged.bytes);
            let sip =
                Sip::read(&logged.bytes).map(|sip| (sip.title(), sip.cseq().0, sip.call_id().to_owned()));
            let (title, cseq, call_id) =
                sip.unwrap_or_else(|_| (text.chars().take(40).collect(), 0, String::new()));
            format!(
                "{:>12.3} {} {arrow} switch  {title} ({cseq}) {call_id}\n",
                logged.at.as_secs_f64(),
                logged.peer
            )
        };
        self.log
            .iter()
            .filter(|logged| wanted(logged))
            .map(line)
            .collect()
    }
}
