//! INVITE client transaction (RFC 3261 §17.1.1 with RFC 6026 §7.2, CANCEL after §9.1).

use std::time::Duration;

use super::{Action, Actions, Slot, linger};
use crate::Timers;

/// Where the transaction stands (RFC 6026 figure 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Sent, nothing heard.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// Refused; copies of the refusal are ACKed again.
    Completed,
    /// Accepted; copies of the 2xx and 2xx of other branches are still to come.
    Accepted,
    /// Over.
    Terminated,
}

/// What a machine is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// 100–199.
    Provisional,
    /// 200–299.
    Success,
    /// 300–699.
    Failure,
    /// [`Slot::Repeat`] fired: timer A.
    Repeat,
    /// [`Slot::Limit`] fired: timer B in Calling, 64·T1 after CANCEL in Proceeding, D in Completed, M in Accepted.
    Limit,
    /// The transport could not send.
    TransportError,
    /// The user gives up.
    Cancel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cancel {
    No,
    /// Held back until the first provisional response.
    Wanted,
    Sent,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct ClientInvite {
    state: State,
    reliable: bool,
    cancel: Cancel,
    interval: Duration,
}

impl ClientInvite {
    /// Begins: the request goes out.
    pub fn start(timers: &Timers, reliable: bool) -> (Self, Actions) {
        let mut actions = Actions::new();
        actions.push(Action::Send);
        if !reliable {
            actions.push(Action::Start(Slot::Repeat, timers.t1));
        }
        actions.push(Action::Start(Slot::Limit, timers.transaction()));
        (
            Self {
                state: State::Calling,
                reliable,
                cancel: Cancel::No,
                interval: timers.t1,
            },
            actions,
        )
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes an input.
    pub fn on(&mut self, input: Input, timers: &Timers) -> Actions {
        match self.state {
            State::Calling => self.calling(input, timers),
            State::Proceeding => self.proceeding(input, timers),
            State::Completed => self.completed(input),
            State::Accepted => self.accepted(input),
            State::Terminated => Actions::new(),
        }
    }

    fn calling(&mut self, input: Input, timers: &Timers) -> Actions {
        let mut actions = Actions::new();
        match input {
            Input::Provisional => {
                self.state = State::Proceeding;
                actions.extend([
                    Action::Stop(Slot::Repeat),
                    Action::Stop(Slot::Limit),
                    Action::Deliver,
                ]);
                if self.cancel == Cancel::Wanted {
                    self.send_cancel(&mut actions, timers);
                }
            }
            Input::Success => self.accept(&mut actions, timers),
            Input::Failure => self.complete(&mut actions, timers),
            Input::Repeat => {
                self.interval = self.interval.saturating_mul(2);
                actions.extend([Action::Send, Action::Start(Slot::Repeat, self.interval)]);
            }
            Input::Limit => self.end(&mut actions, Some(Action::Timeout)),
            Input::TransportError => self.end(&mut actions, Some(Action::Failed)),
            Input::Cancel => self.cancel = Cancel::Wanted,
        }
        actions
    }

    fn proceeding(&mut self, input: Input, timers: &Timers) -> Actions {
        let mut actions = Actions::new();
        match input {
            Input::Provisional => actions.push(Action::Deliver),
            Input::Success => self.accept(&mut actions, timers),
            Input::Failure => self.complete(&mut actions, timers),
            Input::Limit => self.end(&mut actions, Some(Action::Timeout)),
            Input::Cancel if self.cancel != Cancel::Sent => self.send_cancel(&mut actions, timers),
            Input::Repeat | Input::TransportError | Input::Cancel => {}
        }
        actions
    }

    fn completed(&mut self, input: Input) -> Actions {
        let mut actions = Actions::new();
        match input {
            Input::Failure => actions.push(Action::SendAck),
            // The user has its final response; there is nobody left to tell.
            Input::Limit | Input::TransportError => self.end(&mut actions, None),
            Input::Provisional | Input::Success | Input::Repeat | Input::Cancel => {}
        }
        actions
    }

    fn accepted(&mut self, input: Input) -> Actions {
        let mut actions = Actions::new();
        match input {
            Input::Success => actions.push(Action::Deliver),
            Input::Limit => self.end(&mut actions, None),
            Input::Provisional | Input::Failure | Input::Repeat | Input::TransportError | Input::Cancel => {}
        }
        actions
    }

    /// Whether nobody wants an answer any more.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel != Cancel::No
    }

    fn send_cancel(&mut self, actions: &mut Actions, timers: &Timers) {
        self.cancel = Cancel::Sent;
        actions.extend([
            Action::SendCancel,
            Action::Start(Slot::Limit, timers.transaction()),
        ]);
    }

    fn accept(&mut self, actions: &mut Actions, timers: &Timers) {
        self.state = State::Accepted;
        actions.extend([
            Action::Stop(Slot::Repeat),
            Action::Deliver,
            Action::Forget,
            Action::Start(Slot::Limit, timers.transaction()),
        ]);
    }

    fn complete(&mut self, actions: &mut Actions, timers: &Timers) {
        actions.extend([
            Action::Stop(Slot::Repeat),
            Action::SendAck,
            Action::Deliver,
            Action::Forget,
        ]);
        self.state = if self.reliable {
            State::Terminated
        } else {
            State::Completed
        };
        linger(actions, (!self.reliable).then(|| timers.d()));
    }

    fn end(&mut self, actions: &mut Actions, news: Option<Action>) {
        self.state = State::Terminated;
        actions.extend(news);
        actions.push(Action::End);
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows;
    use super::Action::*;
    use super::Slot::*;
    use super::*;

    fn at(state: State) -> ClientInvite {
        ClientInvite {
            state,
            reliable: false,
            cancel: Cancel::No,
            interval: T1,
        }
    }
    fn reliable(state: State) -> ClientInvite {
        ClientInvite {
            reliable: true,
            ..at(state)
        }
    }
    fn cancel(state: State, cancel: Cancel) -> ClientInvite {
        ClientInvite { cancel, ..at(state) }
    }
    const T1: Duration = Duration::from_millis(500);
    const T1X2: Duration = Duration::from_millis(1000);
    const T1X64: Duration = Duration::from_secs(32);

    rows! {
        ci_calling_1xx: at(State::Calling), Input::Provisional => [Stop(Repeat), Stop(Limit), Deliver], State::Proceeding;
        ci_calling_1xx_cancel_held: cancel(State::Calling, Cancel::Wanted), Input::Provisional
            => [Stop(Repeat), Stop(Limit), Deliver, SendCancel, Start(Limit, T1X64)], State::Proceeding;
        ci_calling_2xx: at(State::Calling), Input::Success
            => [Stop(Repeat), Deliver, Forget, Start(Limit, T1X64)], State::Accepted;
        ci_calling_2xx_cancel_held: cancel(State::Calling, Cancel::Wanted), Input::Success
            => [Stop(Repeat), Deliver, Forget, Start(Limit, T1X64)], State::Accepted;
        ci_calling_failure: at(State::Calling), Input::Failure
            => [Stop(Repeat), SendAck, Deliver, Forget, Start(Limit, T1X64)], State::Completed;
        ci_calling_failure_reliable: reliable(State::Calling), Input::Failure
            => [Stop(Repeat), SendAck, Deliver, Forget, End], State::Terminated;
        ci_calling_timer_a: at(State::Calling), Input::Repeat => [Send, Start(Repeat, T1X2)], State::Calling;
        ci_calling_timer_b: at(State::Calling), Input::Limit => [Timeout, End], State::Terminated;
        ci_calling_transport_error: at(State::Calling), Input::TransportError => [Failed, End], State::Terminated;
        ci_calling_cancel: at(State::Calling), Input::Cancel => [], State::Calling;
        ci_proceeding_1xx: at(State::Proceeding), Input::Provisional => [Deliver], State::Proceeding;
        ci_proceeding_2xx: at(State::Proceeding), Input::Success
            => [Stop(Repeat), Deliver, Forget, Start(Limit, T1X64)], State::Accepted;
        ci_proceeding_failure: at(State::Proceeding), Input::Failure
            => [Stop(Repeat), SendAck, Deliver, Forget, Start(Limit, T1X64)], State::Completed;
        ci_proceeding_failure_reliable: reliable(State::Proceeding), Input::Failure
            => [Stop(Repeat), SendAck, Deliver, Forget, End], State::Terminated;
        ci_proceeding_cancel: at(State::Proceeding), Input::Cancel => [SendCancel, Start(Limit, T1X64)], State::Proceeding;
        ci_proceeding_cancel_again: cancel(State::Proceeding, Cancel::Sent), Input::Cancel => [], State::Proceeding;
        ci_proceeding_no_final_after_cancel: cancel(State::Proceeding, Cancel::Sent), Input::Limit
            => [Timeout, End], State::Terminated;
        ci_proceeding_timer_a: at(State::Proceeding), Input::Repeat => [], State::Proceeding;
        ci_proceeding_transport_error: at(State::Proceeding), Input::TransportError => [], State::Proceeding;
        ci_completed_failure: at(State::Completed), Input::Failure => [SendAck], State::Completed;
        ci_completed_timer_d: at(State::Completed), Input::Limit => [End], State::Terminated;
        ci_completed_transport_error: at(State::Completed), Input::TransportError => [End], State::Terminated;
        ci_completed_1xx: at(State::Completed), Input::Provisional => [], State::Completed;
        ci_completed_2xx: at(State::Completed), Input::Success => [], State::Completed;
        ci_completed_cancel: at(State::Completed), Input::Cancel => [], State::Completed;
        ci_accepted_2xx: at(State::Accepted), Input::Success => [Deliver], State::Accepted;
        ci_accepted_timer_m: at(State::Accepted), Input::Limit => [End], State::Terminated;
        ci_accepted_1xx: at(State::Accepted), Input::Provisional => [], State::Accepted;
        ci_accepted_failure: at(State::Accepted), Input::Failure => [], State::Accepted;
        ci_accepted_transport_error: at(State::Accepted), Input::TransportError => [], State::Accepted;
        ci_accepted_cancel: at(State::Accepted), Input::Cancel => [], State::Accepted;
        ci_terminated_anything: at(State::Terminated), Input::Success => [], State::Terminated;
    }

    #[test]
    fn ci_start() {
        let timers = Timers::default();
        let (machine, actions) = ClientInvite::start(&timers, false);
        assert_eq!(actions.to_vec(), [Send, Start(Repeat, T1), Start(Limit, T1X64)]);
        assert_eq!(machine.state(), State::Calling);
    }

    #[test]
    fn ci_start_reliable() {
        let (_, actions) = ClientInvite::start(&Timers::default(), true);
        assert_eq!(actions.to_vec(), [Send, Start(Limit, T1X64)]);
    }

    #[test]
    fn timer_a_doubles_without_a_ceiling() {
        let timers = Timers::default();
        let (mut machine, _) = ClientInvite::start(&timers, false);
        let intervals: Vec<Action> = (0..5).map(|_| machine.on(Input::Repeat, &timers)[1]).collect();
        let expected = [1, 2, 4, 8, 16].map(|s| Start(Repeat, Duration::from_secs(s)));
        assert_eq!(intervals, expected);
    }
}
