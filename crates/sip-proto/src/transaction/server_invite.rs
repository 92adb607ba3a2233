//! INVITE server transaction (RFC 3261 §17.2.1 with RFC 6026 §7.1), and the core's care for a 2xx (§13.3.1.4).

use std::time::Duration;

use super::{Action, Actions, Slot, linger};
use crate::Timers;

/// Where the transaction stands (RFC 6026 figure 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No final response yet.
    Proceeding,
    /// Refused, not ACKed.
    Completed,
    /// Refused and ACKed; copies of the ACK are absorbed.
    Confirmed,
    /// Accepted; copies of the INVITE are absorbed, the 2xx is repeated until its ACK.
    Accepted,
    /// Over.
    Terminated,
}

/// What a machine is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The INVITE came again.
    Invite,
    /// An ACK with the INVITE's branch.
    Ack,
    /// The user answers 100–199.
    Provisional,
    /// The user answers 200–299.
    Success,
    /// The user answers 300–699.
    Failure,
    /// The user found the ACK to its 2xx.
    Acked,
    /// [`Slot::Repeat`] fired: timer G in Completed, the 2xx's interval in Accepted.
    Repeat,
    /// [`Slot::Limit`] fired: timer H in Completed, I in Confirmed, L in Accepted.
    Limit,
    /// The transport could not send.
    TransportError,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct ServerInvite {
    state: State,
    reliable: bool,
    acked: bool,
    interval: Duration,
}

impl ServerInvite {
    /// Begins: an INVITE came. Its 100 comes as the first [`Input::Provisional`].
    pub fn start(timers: &Timers, reliable: bool) -> Self {
        Self {
            state: State::Proceeding,
            reliable,
            acked: false,
            interval: timers.t1,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes an input.
    pub fn on(&mut self, input: Input, timers: &Timers) -> Actions {
        match self.state {
            State::Proceeding => self.proceeding(input, timers),
            State::Completed => self.completed(input, timers),
            State::Confirmed => self.confirmed(input),
            State::Accepted => self.accepted(input, timers),
            State::Terminated => Actions::new(),
        }
    }

    fn proceeding(&mut self, input: Input, timers: &Timers) -> Actions {
        let mut actions = Actions::new();
        match input {
            Input::Invite | Input::Provisional => actions.push(Action::Send),
            Input::Success => {
                self.state = State::Accepted;
                actions.extend([
                    Action::Send,
                    Action::Start(Slot::Repeat, self.interval),
                    Action::Start(Slot::Limit, timers.transaction()),
                ]);
            }
            Input::Failure => {
                self.state = State::Completed;
                actions.push(Action::Send);
                if !self.reliable {
                    actions.push(Action::Start(Slot::Repeat, self.interval));
                }
                actions.push(Action::Start(Slot::Limit, timers.transaction()));
            }
            Input::TransportError => actions.push(Action::Gone),
            Input::Ack | Input::Acked | Input::Repeat | Input::Limit => {}
        }
        actions
    }

    fn completed(&mut self, input: Input, timers: &Timers) -> Actions {
        let mut actions = Actions::new();
        match input {
            Input::Invite => actions.push(Action::Send),
            Input::Repeat => self.again(&mut actions, timers),
            Input::Ack => {
                actions.extend([Action::Stop(Slot::Repeat), Action::Forget]);
                self.state = if self.reliable {
                    State::Terminated
                } else {
                    State::Confirmed
                };
                linger(&mut actions, (!self.reliable).then_some(timers.t4));
            }
            Input::Limit => {
                self.state = State::Terminated;
                actions.extend([Action::Gone, Action::End]);
            }
            Input::TransportError => actions.push(Action::Gone),
            Input::Provisional | Input::Success | Input::Failure | Input::Acked => {}
        }
        actions
    }

    fn confirmed(&mut self, input: Input) -> Actions {
        let mut actions = Actions::new();
        match input {
            Input::Limit => {
                self.state = State::Terminated;
                actions.push(Action::End);
            }
            Input::Invite
            | Input::Ack
            | Input::Provisional
            | Input::Success
            | Input::Failure
            | Input::Acked
            | Input::Repeat
            | Input::TransportError => {}
        }
        actions
    }

    fn accepted(&mut self, input: Input, timers: &Timers) -> Actions {
        let mut actions = Actions::new();
        match input {
            // RFC 6026 absorbs the copy because the core repeats the 2xx anyway. The core is this machine: whoever still
            // asks has missed it, so it goes out at once.
            Input::Invite | Input::Success if !self.acked => actions.push(Action::Send),
            Input::Ack => actions.push(Action::Deliver),
            Input::Acked if !self.acked => {
                self.acked = true;
                actions.extend([Action::Stop(Slot::Repeat), Action::Forget]);
            }
            Input::Repeat => self.again(&mut actions, timers),
            Input::Limit => {
                self.state = State::Terminated;
                if !self.acked {
                    actions.push(Action::AckTimeout);
                }
                actions.push(Action::End);
            }
            Input::TransportError => actions.push(Action::Gone),
            Input::Invite | Input::Success | Input::Acked | Input::Provisional | Input::Failure => {}
        }
        actions
    }

    fn again(&mut self, actions: &mut Actions, timers: &Timers) {
        self.interval = timers.backoff(self.interval);
        actions.extend([Action::Send, Action::Start(Slot::Repeat, self.interval)]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows;
    use super::Action::*;
    use super::Slot::*;
    use super::*;

    fn at(state: State) -> ServerInvite {
        ServerInvite {
            state,
            reliable: false,
            acked: false,
            interval: T1,
        }
    }
    fn reliable(state: State) -> ServerInvite {
        ServerInvite {
            reliable: true,
            ..at(state)
        }
    }
    fn acked() -> ServerInvite {
        ServerInvite {
            acked: true,
            ..at(State::Accepted)
        }
    }
    const T1: Duration = Duration::from_millis(500);
    const T4: Duration = Duration::from_secs(5);
    const T1X64: Duration = Duration::from_secs(32);

    rows! {
        si_proceeding_invite: at(State::Proceeding), Input::Invite => [Send], State::Proceeding;
        si_proceeding_1xx: at(State::Proceeding), Input::Provisional => [Send], State::Proceeding;
        si_proceeding_2xx: at(State::Proceeding), Input::Success
            => [Send, Start(Repeat, T1), Start(Limit, T1X64)], State::Accepted;
        si_proceeding_2xx_reliable: reliable(State::Proceeding), Input::Success
            => [Send, Start(Repeat, T1), Start(Limit, T1X64)], State::Accepted;
        si_proceeding_failure: at(State::Proceeding), Input::Failure
            => [Send, Start(Repeat, T1), Start(Limit, T1X64)], State::Completed;
        si_proceeding_failure_reliable: reliable(State::Proceeding), Input::Failure
            => [Send, Start(Limit, T1X64)], State::Completed;
        si_proceeding_transport_error: at(State::Proceeding), Input::TransportError => [Gone], State::Proceeding;
        si_proceeding_ack: at(State::Proceeding), Input::Ack => [], State::Proceeding;
        si_proceeding_acked: at(State::Proceeding), Input::Acked => [], State::Proceeding;
        si_completed_invite: at(State::Completed), Input::Invite => [Send], State::Completed;
        si_completed_timer_g: at(State::Completed), Input::Repeat => [Send, Start(Repeat, T1 * 2)], State::Completed;
        si_completed_ack: at(State::Completed), Input::Ack
            => [Stop(Repeat), Forget, Start(Limit, T4)], State::Confirmed;
        si_completed_ack_reliable: reliable(State::Completed), Input::Ack
            => [Stop(Repeat), Forget, End], State::Terminated;
        si_completed_timer_h: at(State::Completed), Input::Limit => [Gone, End], State::Terminated;
        si_completed_transport_error: at(State::Completed), Input::TransportError => [Gone], State::Completed;
        si_completed_1xx: at(State::Completed), Input::Provisional => [], State::Completed;
        si_completed_2xx: at(State::Completed), Input::Success => [], State::Completed;
        si_completed_failure: at(State::Completed), Input::Failure => [], State::Completed;
        si_confirmed_ack: at(State::Confirmed), Input::Ack => [], State::Confirmed;
        si_confirmed_invite: at(State::Confirmed), Input::Invite => [], State::Confirmed;
        si_confirmed_timer_i: at(State::Confirmed), Input::Limit => [End], State::Terminated;
        si_accepted_invite: at(State::Accepted), Input::Invite => [Send], State::Accepted;
        si_accepted_invite_acked: acked(), Input::Invite => [], State::Accepted;
        si_accepted_2xx: at(State::Accepted), Input::Success => [Send], State::Accepted;
        si_accepted_2xx_acked: acked(), Input::Success => [], State::Accepted;
        si_accepted_repeat: at(State::Accepted), Input::Repeat => [Send, Start(Repeat, T1 * 2)], State::Accepted;
        si_accepted_ack: at(State::Accepted), Input::Ack => [Deliver], State::Accepted;
        si_accepted_acked: at(State::Accepted), Input::Acked => [Stop(Repeat), Forget], State::Accepted;
        si_accepted_acked_again: acked(), Input::Acked => [], State::Accepted;
        si_accepted_timer_l: at(State::Accepted), Input::Limit => [AckTimeout, End], State::Terminated;
        si_accepted_timer_l_acked: acked(), Input::Limit => [End], State::Terminated;
        si_accepted_transport_error: at(State::Accepted), Input::TransportError => [Gone], State::Accepted;
        si_accepted_1xx: at(State::Accepted), Input::Provisional => [], State::Accepted;
        si_accepted_failure: at(State::Accepted), Input::Failure => [], State::Accepted;
        si_terminated_anything: at(State::Terminated), Input::Invite => [], State::Terminated;
    }

    #[test]
    fn a_2xx_and_a_refusal_are_repeated_at_doubling_intervals_up_to_t2() {
        let timers = Timers::default();
        for input in [Input::Success, Input::Failure] {
            let mut machine = ServerInvite::start(&timers, false);
            machine.on(input, &timers);
            let intervals: Vec<Action> = (0..5).map(|_| machine.on(Input::Repeat, &timers)[1]).collect();
            assert_eq!(
                intervals,
                [1, 2, 4, 4, 4].map(|s| Start(Repeat, Duration::from_secs(s)))
            );
        }
    }
}
