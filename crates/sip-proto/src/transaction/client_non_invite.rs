//! Non-INVITE client transaction (RFC 3261 §17.1.2).

use std::time::Duration;

use super::{Action, Actions, Slot, linger};
use crate::Timers;

/// Where the transaction stands (RFC 3261 figure 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Sent, nothing heard.
    Trying,
    /// A provisional response came.
    Proceeding,
    /// A final response came; copies of it are absorbed.
    Completed,
    /// Over.
    Terminated,
}

/// What a machine is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// 100–199.
    Provisional,
    /// 200–699.
    Final,
    /// [`Slot::Repeat`] fired: timer E.
    Repeat,
    /// [`Slot::Limit`] fired: timer F in Trying and Proceeding, K in Completed.
    Limit,
    /// The transport could not send.
    TransportError,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct ClientNonInvite {
    state: State,
    reliable: bool,
    interval: Duration,
}

impl ClientNonInvite {
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
                state: State::Trying,
                reliable,
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
            State::Trying | State::Proceeding => self.waiting(input, timers),
            State::Completed => self.completed(input),
            State::Terminated => Actions::new(),
        }
    }

    fn waiting(&mut self, input: Input, timers: &Timers) -> Actions {
        let mut actions = Actions::new();
        match input {
            Input::Provisional => {
                // Timer E runs on, but at T2 (§17.1.2.2): the server is there.
                self.interval = timers.t2;
                self.state = State::Proceeding;
                actions.push(Action::Deliver);
            }
            Input::Final => {
                actions.extend([Action::Stop(Slot::Repeat), Action::Deliver, Action::Forget]);
                self.state = if self.reliable {
                    State::Terminated
                } else {
                    State::Completed
                };
                linger(&mut actions, (!self.reliable).then_some(timers.t4));
            }
            Input::Repeat => {
                self.interval = timers.backoff(self.interval);
                actions.extend([Action::Send, Action::Start(Slot::Repeat, self.interval)]);
            }
            Input::Limit => self.end(&mut actions, Action::Timeout),
            Input::TransportError => self.end(&mut actions, Action::Failed),
        }
        actions
    }

    fn completed(&mut self, input: Input) -> Actions {
        let mut actions = Actions::new();
        match input {
            Input::Limit => {
                self.state = State::Terminated;
                actions.push(Action::End);
            }
            Input::Provisional | Input::Final | Input::Repeat | Input::TransportError => {}
        }
        actions
    }

    fn end(&mut self, actions: &mut Actions, news: Action) {
        self.state = State::Terminated;
        actions.extend([news, Action::End]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows;
    use super::Action::*;
    use super::Slot::*;
    use super::*;

    fn at(state: State) -> ClientNonInvite {
        ClientNonInvite {
            state,
            reliable: false,
            interval: T1,
        }
    }
    fn reliable(state: State) -> ClientNonInvite {
        ClientNonInvite {
            reliable: true,
            ..at(state)
        }
    }
    const T1: Duration = Duration::from_millis(500);
    const T2: Duration = Duration::from_secs(4);
    const T4: Duration = Duration::from_secs(5);
    const T1X64: Duration = Duration::from_secs(32);

    rows! {
        cn_trying_1xx: at(State::Trying), Input::Provisional => [Deliver], State::Proceeding;
        cn_trying_final: at(State::Trying), Input::Final
            => [Stop(Repeat), Deliver, Forget, Start(Limit, T4)], State::Completed;
        cn_trying_final_reliable: reliable(State::Trying), Input::Final
            => [Stop(Repeat), Deliver, Forget, End], State::Terminated;
        cn_trying_timer_e: at(State::Trying), Input::Repeat => [Send, Start(Repeat, T1 * 2)], State::Trying;
        cn_trying_timer_f: at(State::Trying), Input::Limit => [Timeout, End], State::Terminated;
        cn_trying_transport_error: at(State::Trying), Input::TransportError => [Failed, End], State::Terminated;
        cn_proceeding_1xx: at(State::Proceeding), Input::Provisional => [Deliver], State::Proceeding;
        cn_proceeding_final: at(State::Proceeding), Input::Final
            => [Stop(Repeat), Deliver, Forget, Start(Limit, T4)], State::Completed;
        cn_proceeding_final_reliable: reliable(State::Proceeding), Input::Final
            => [Stop(Repeat), Deliver, Forget, End], State::Terminated;
        cn_proceeding_timer_e: ClientNonInvite { interval: T2, ..at(State::Proceeding) }, Input::Repeat
            => [Send, Start(Repeat, T2)], State::Proceeding;
        cn_proceeding_timer_f: at(State::Proceeding), Input::Limit => [Timeout, End], State::Terminated;
        cn_proceeding_transport_error: at(State::Proceeding), Input::TransportError => [Failed, End], State::Terminated;
        cn_completed_final: at(State::Completed), Input::Final => [], State::Completed;
        cn_completed_1xx: at(State::Completed), Input::Provisional => [], State::Completed;
        cn_completed_timer_k: at(State::Completed), Input::Limit => [End], State::Terminated;
        cn_completed_transport_error: at(State::Completed), Input::TransportError => [], State::Completed;
        cn_terminated_anything: at(State::Terminated), Input::Final => [], State::Terminated;
    }

    #[test]
    fn cn_start() {
        let (machine, actions) = ClientNonInvite::start(&Timers::default(), false);
        assert_eq!(actions.to_vec(), [Send, Start(Repeat, T1), Start(Limit, T1X64)]);
        assert_eq!(machine.state(), State::Trying);
    }

    #[test]
    fn cn_start_reliable() {
        let (_, actions) = ClientNonInvite::start(&Timers::default(), true);
        assert_eq!(actions.to_vec(), [Send, Start(Limit, T1X64)]);
    }

    #[test]
    fn timer_e_doubles_up_to_t2() {
        let timers = Timers::default();
        let (mut machine, _) = ClientNonInvite::start(&timers, false);
        let intervals: Vec<Action> = (0..5).map(|_| machine.on(Input::Repeat, &timers)[1]).collect();
        assert_eq!(
            intervals,
            [1, 2, 4, 4, 4].map(|s| Start(Repeat, Duration::from_secs(s)))
        );
    }

    #[test]
    fn after_a_provisional_response_timer_e_is_t2() {
        let timers = Timers::default();
        let (mut machine, _) = ClientNonInvite::start(&timers, false);
        machine.on(Input::Provisional, &timers);
        assert_eq!(
            machine.on(Input::Repeat, &timers).to_vec(),
            [Send, Start(Repeat, T2)]
        );
    }
}
