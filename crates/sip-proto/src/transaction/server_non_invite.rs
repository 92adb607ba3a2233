//! Non-INVITE server transaction (RFC 3261 §17.2.2 with RFC 4320).

use super::{Action, Actions, Slot, linger};
use crate::Timers;

/// Where the transaction stands (RFC 3261 figure 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not answered.
    Trying,
    /// 100 was sent.
    Proceeding,
    /// Answered; copies of the request get the answer again.
    Completed,
    /// Over.
    Terminated,
}

/// What a machine is told. The user can't send a provisional response: 100 goes out by itself when RFC 4320 §4.1 asks for
/// it, the others are forbidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The request came again.
    Request,
    /// The user answers 200–699, but not 408 (RFC 4320 §4.2).
    Final,
    /// [`Slot::Repeat`] fired: the client's timer E has reached T2.
    Repeat,
    /// [`Slot::Limit`] fired: the client gave up (its timer F) in Trying and Proceeding, timer J in Completed.
    Limit,
    /// The transport could not send.
    TransportError,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct ServerNonInvite {
    state: State,
    reliable: bool,
}

impl ServerNonInvite {
    /// Begins: a request came.
    pub fn start(timers: &Timers, reliable: bool) -> (Self, Actions) {
        let mut actions = Actions::new();
        actions.extend([
            Action::Start(Slot::Repeat, timers.e_reaches_t2()),
            Action::Start(Slot::Limit, timers.transaction()),
        ]);
        (
            Self {
                state: State::Trying,
                reliable,
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
            State::Trying => match input {
                Input::Repeat => {
                    self.state = State::Proceeding;
                    Actions::from_iter([Action::SendTrying])
                }
                Input::Final => self.complete(timers),
                Input::Limit => self.give_up(),
                Input::Request | Input::TransportError => Actions::new(),
            },
            State::Proceeding => match input {
                Input::Request => Actions::from_iter([Action::Send]),
                Input::Final => self.complete(timers),
                Input::Limit => self.give_up(),
                Input::TransportError => Actions::from_iter([Action::Gone]),
                Input::Repeat => Actions::new(),
            },
            State::Completed => match input {
                Input::Request => Actions::from_iter([Action::Send]),
                Input::Limit => {
                    self.state = State::Terminated;
                    Actions::from_iter([Action::End])
                }
                Input::TransportError => Actions::from_iter([Action::Gone]),
                Input::Final | Input::Repeat => Actions::new(),
            },
            State::Terminated => Actions::new(),
        }
    }

    fn complete(&mut self, timers: &Timers) -> Actions {
        self.state = if self.reliable {
            State::Terminated
        } else {
            State::Completed
        };
        let mut actions = Actions::from_iter([Action::Send, Action::Stop(Slot::Repeat), Action::Forget]);
        linger(&mut actions, (!self.reliable).then(|| timers.transaction()));
        actions
    }

    fn give_up(&mut self) -> Actions {
        self.state = State::Terminated;
        Actions::from_iter([Action::Gone, Action::End])
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::rows;
    use super::Action::*;
    use super::Slot::*;
    use super::*;

    fn at(state: State) -> ServerNonInvite {
        ServerNonInvite {
            state,
            reliable: false,
        }
    }
    fn reliable(state: State) -> ServerNonInvite {
        ServerNonInvite {
            state,
            reliable: true,
        }
    }
    const T1X64: Duration = Duration::from_secs(32);

    rows! {
        sn_trying_request: at(State::Trying), Input::Request => [], State::Trying;
        sn_trying_e_at_t2: at(State::Trying), Input::Repeat => [SendTrying], State::Proceeding;
        sn_trying_final: at(State::Trying), Input::Final
            => [Send, Stop(Repeat), Forget, Start(Limit, T1X64)], State::Completed;
        sn_trying_final_reliable: reliable(State::Trying), Input::Final
            => [Send, Stop(Repeat), Forget, End], State::Terminated;
        sn_trying_client_gave_up: at(State::Trying), Input::Limit => [Gone, End], State::Terminated;
        sn_trying_transport_error: at(State::Trying), Input::TransportError => [], State::Trying;
        sn_proceeding_request: at(State::Proceeding), Input::Request => [Send], State::Proceeding;
        sn_proceeding_final: at(State::Proceeding), Input::Final
            => [Send, Stop(Repeat), Forget, Start(Limit, T1X64)], State::Completed;
        sn_proceeding_final_reliable: reliable(State::Proceeding), Input::Final
            => [Send, Stop(Repeat), Forget, End], State::Terminated;
        sn_proceeding_client_gave_up: at(State::Proceeding), Input::Limit => [Gone, End], State::Terminated;
        sn_proceeding_transport_error: at(State::Proceeding), Input::TransportError => [Gone], State::Proceeding;
        sn_completed_request: at(State::Completed), Input::Request => [Send], State::Completed;
        sn_completed_final: at(State::Completed), Input::Final => [], State::Completed;
        sn_completed_timer_j: at(State::Completed), Input::Limit => [End], State::Terminated;
        sn_completed_transport_error: at(State::Completed), Input::TransportError => [Gone], State::Completed;
        sn_terminated_anything: at(State::Terminated), Input::Request => [], State::Terminated;
    }

    #[test]
    fn sn_start() {
        let (machine, actions) = ServerNonInvite::start(&Timers::default(), false);
        assert_eq!(
            actions.to_vec(),
            [Start(Repeat, Duration::from_millis(3500)), Start(Limit, T1X64)]
        );
        assert_eq!(machine.state(), State::Trying);
    }
}
