use plimsoll_bundle::local::{Check, HealthSpec, Probe, WarmUpSpec};
use proptest::prelude::*;

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn probe(every_ms: u64, failures: u32) -> Probe {
    Probe {
        check: Check::Alive,
        every_ms,
        timeout_ms: 100,
        failures,
    }
}

fn rules() -> Rules {
    Rules {
        health: Some(HealthSpec {
            startup: probe(1000, 1),
            readiness: probe(2000, 2),
            liveness: probe(10_000, 3),
            start_within_ms: 30_000,
        }),
        warm_up: Some(WarmUpSpec {
            requests: vec!["/".into()],
            within_ms: 5000,
        }),
        drain: ms(30_000),
        grace: ms(10_000),
        restart: RestartPolicy::default(),
        once: false,
    }
}

/// A machine that is told things and says what it does, in words.
struct Told {
    machine: Machine,
    now: Duration,
}

impl Told {
    fn new(rules: Rules) -> Self {
        Self {
            machine: Machine::new(rules),
            now: ms(1_000_000),
        }
    }

    fn tell(&mut self, event: Event) -> Vec<Action> {
        self.machine.step(self.now, 40, event)
    }

    fn later(&mut self, by: u64) -> Vec<Action> {
        self.now += ms(by);
        self.tell(Event::Tick)
    }

    fn yes(&mut self, question: Question) -> Vec<Action> {
        self.tell(Event::Answered(question, Ok(())))
    }

    fn no(&mut self, question: Question) -> Vec<Action> {
        self.tell(Event::Answered(question, Err("no".into())))
    }

    fn ready(rules: Rules) -> Self {
        let mut told = Self::new(rules);
        told.tell(Event::Start);
        told.tell(Event::Spawned);
        told.yes(Question::Startup);
        told.yes(Question::WarmUp);
        assert_eq!(told.machine.state(), &State::Ready);
        told
    }
}

fn died() -> Event {
    Event::Exited(ExitReason::Code { code: 1 })
}

fn announced(actions: &[Action], what: &Announcement) -> bool {
    actions.contains(&Action::Announce(what.clone()))
}

#[test]
fn it_is_ready_after_startup_and_warm_up_and_not_before() {
    let mut told = Told::new(rules());
    assert_eq!(told.tell(Event::Start), [Action::Spawn]);
    assert_eq!(told.tell(Event::Spawned), [Action::Ask(Question::Startup)]);
    assert_eq!(told.no(Question::Startup), []);
    assert_eq!(told.later(25), [Action::Ask(Question::Startup)]);
    assert_eq!(told.yes(Question::Startup), [Action::Ask(Question::WarmUp)]);
    assert_eq!(told.machine.state(), &State::WarmingUp);
    assert_eq!(
        told.yes(Question::WarmUp),
        [Action::Announce(Announcement::Ready)]
    );
}

#[test]
fn startup_is_asked_ever_more_slowly_up_to_the_interval_of_the_orders() {
    let mut told = Told::new(rules());
    told.tell(Event::Start);
    told.tell(Event::Spawned);
    let mut waits = Vec::new();
    for _ in 0..8 {
        told.no(Question::Startup);
        let due = told.machine.deadline().unwrap();
        waits.push(u64::try_from(due.saturating_sub(told.now).as_millis()).unwrap());
        told.now = due;
        assert_eq!(told.tell(Event::Tick), [Action::Ask(Question::Startup)]);
    }
    assert_eq!(waits, [25, 50, 100, 200, 400, 800, 1000, 1000]);
}

#[test]
fn readiness_withdraws_traffic_after_its_failures_and_restarts_nothing() {
    let mut told = Told::ready(rules());
    assert_eq!(told.later(2000), [Action::Ask(Question::Readiness)]);
    assert_eq!(told.no(Question::Readiness), []);
    told.later(2000);
    let unready = Action::Announce(Announcement::Unready("no".into()));
    assert_eq!(told.no(Question::Readiness), [unready]);
    assert_eq!(told.machine.state(), &State::Unready);
    told.later(2000);
    assert_eq!(
        told.yes(Question::Readiness),
        [Action::Announce(Announcement::Ready)]
    );
    assert_eq!(told.machine.restarts(), 0);
}

#[test]
fn liveness_restarts_after_its_failures_in_a_row_and_a_success_forgives() {
    let mut told = Told::ready(rules());
    for answer in [false, false, true, false, false] {
        let asked = told.later(10_000);
        assert!(
            asked.contains(&Action::Ask(Question::Liveness)),
            "{asked:?}"
        );
        told.yes(Question::Readiness);
        if answer {
            told.yes(Question::Liveness);
        } else {
            assert_eq!(told.no(Question::Liveness), []);
        }
    }
    told.later(10_000);
    let actions = told.no(Question::Liveness);
    assert!(actions.contains(&Action::Terminate), "{actions:?}");
    assert_eq!(told.machine.state(), &State::Ending);
    told.tell(died());
    assert_eq!(told.machine.state(), &State::Backoff);
    assert_eq!(told.later(40), [Action::Spawn]);
}

#[test]
fn a_start_that_takes_too_long_is_ended_and_tried_again() {
    let mut told = Told::new(rules());
    told.tell(Event::Start);
    told.tell(Event::Spawned);
    let actions = told.later(30_000);
    assert!(actions.contains(&Action::Terminate), "{actions:?}");
    told.tell(died());
    assert_eq!(told.machine.restarts(), 1);
}

#[test]
fn a_drain_ends_by_itself_and_sooner_when_it_is_told_to_stop() {
    let mut told = Told::ready(rules());
    assert!(announced(&told.tell(Event::Drain), &Announcement::Draining));
    assert_eq!(told.tell(Event::Drain), []);
    assert!(told.later(30_000).contains(&Action::Terminate));
    let mut told = Told::ready(rules());
    told.tell(Event::Drain);
    assert_eq!(told.tell(Event::Stop), [Action::Terminate]);
    assert!(announced(&told.tell(died()), &Announcement::Stopped));
}

#[test]
fn one_that_dies_while_draining_is_not_started_again() {
    let mut told = Told::ready(rules());
    told.tell(Event::Drain);
    assert!(announced(&told.tell(died()), &Announcement::Stopped));
    assert_eq!(told.machine.deadline(), None);
}

#[test]
fn force_rises_until_nothing_more_can_be_done() {
    let mut told = Told::ready(rules());
    assert_eq!(told.tell(Event::Stop), [Action::Terminate]);
    assert_eq!(told.later(10_000), [Action::Kill]);
    assert_eq!(told.later(5_000), [Action::Destroy]);
    told.later(5_000);
    assert!(matches!(told.machine.state(), State::Failed { .. }));
}

#[test]
fn a_stop_while_it_is_being_started_ends_it_as_soon_as_it_is_there() {
    let mut told = Told::new(rules());
    told.tell(Event::Start);
    assert_eq!(told.tell(Event::Stop), []);
    assert_eq!(told.tell(Event::Spawned), [Action::Terminate]);
    let mut told = Told::new(rules());
    told.tell(Event::Start);
    told.tell(Event::Stop);
    let actions = told.tell(Event::SpawnFailed("no".into()));
    assert!(announced(&actions, &Announcement::Stopped));
}

#[test]
fn a_crash_loop_waits_ever_longer_and_is_given_up_with_the_reason() {
    let mut told = Told::new(rules());
    told.tell(Event::Start);
    let mut waits = Vec::new();
    loop {
        told.tell(Event::Spawned);
        told.tell(died());
        let Some(due) = told.machine.deadline() else {
            break;
        };
        waits.push(u64::try_from(due.saturating_sub(told.now).as_millis()).unwrap());
        told.now = due;
        told.tell(Event::Tick);
    }
    assert_eq!(
        waits,
        [
            40, 140, 240, 440, 840, 1640, 3240, 6440, 12_840, 15_040, 15_040
        ]
    );
    let State::Failed { reason } = told.machine.state() else {
        panic!("{:?}", told.machine.state());
    };
    assert_eq!(reason, "ended with code 1");
    // A person may try again, with a clean slate.
    assert_eq!(told.tell(Event::Start), [Action::Spawn]);
    told.tell(Event::Spawned);
    told.tell(died());
    assert_eq!(told.machine.state(), &State::Backoff);
}

#[test]
fn being_ready_for_long_enough_forgives_earlier_failures() {
    let mut told = Told::new(rules());
    told.tell(Event::Start);
    for _ in 0..40 {
        told.tell(Event::Spawned);
        told.yes(Question::Startup);
        told.yes(Question::WarmUp);
        told.later(10_000);
        told.tell(died());
        let wait = told.machine.deadline().unwrap().saturating_sub(told.now);
        assert_eq!(wait, ms(40));
        told.later(40);
    }
}

#[test]
fn one_without_questions_is_ready_as_soon_as_it_runs_and_a_job_is_not_repeated() {
    let mut told = Told::new(Rules {
        health: None,
        warm_up: None,
        once: true,
        ..rules()
    });
    told.tell(Event::Start);
    assert!(announced(&told.tell(Event::Spawned), &Announcement::Ready));
    assert_eq!(told.machine.deadline(), None);
    assert!(announced(&told.tell(died()), &Announcement::Stopped));
}

#[test]
fn one_that_was_adopted_is_asked_at_once_and_not_warmed_up_again() {
    let mut told = Told::new(rules());
    assert_eq!(told.tell(Event::Adopted), [Action::Ask(Question::Startup)]);
    assert!(announced(
        &told.yes(Question::Startup),
        &Announcement::Ready
    ));
}

/// What the world does next.
#[derive(Debug, Clone)]
enum Step {
    Start,
    Stop,
    Drain,
    SpawnWell,
    SpawnBadly,
    Answer(Question, bool),
    Die,
    Wait(u64),
    ToDeadline,
}

fn step() -> impl Strategy<Value = Step> {
    let question = prop_oneof![
        Just(Question::Startup),
        Just(Question::WarmUp),
        Just(Question::Readiness),
        Just(Question::Liveness),
    ];
    prop_oneof![
        2 => Just(Step::Start),
        1 => Just(Step::Stop),
        1 => Just(Step::Drain),
        4 => Just(Step::SpawnWell),
        1 => Just(Step::SpawnBadly),
        8 => (question, prop::bool::weighted(0.7)).prop_map(|(question, well)| Step::Answer(question, well)),
        1 => Just(Step::Die),
        2 => (0_u64..40_000).prop_map(Step::Wait),
        4 => Just(Step::ToDeadline),
    ]
}

/// A world in which a process is there or not, and questions are open or not. It checks what must always hold.
struct World {
    machine: Machine,
    now: Duration,
    spawning: bool,
    alive: bool,
    open: Vec<Question>,
    /// Since the last spawn: startup was answered well, and so was warm-up.
    passed: (bool, bool),
}

impl World {
    fn new(rules: Rules) -> Self {
        Self {
            machine: Machine::new(rules),
            now: ms(1),
            spawning: false,
            alive: false,
            open: Vec::new(),
            passed: (false, false),
        }
    }

    fn event(&mut self, event: Event) {
        let actions = self.machine.step(self.now, 7, event);
        for action in actions {
            match action {
                Action::Spawn => {
                    assert!(
                        !self.alive && !self.spawning,
                        "two processes for one replica"
                    );
                    self.spawning = true;
                    self.passed = (false, false);
                    self.open.clear();
                }
                Action::Ask(question) => {
                    assert!(self.alive, "a question to nobody");
                    assert!(!self.open.contains(&question), "{question:?} twice");
                    self.open.push(question);
                }
                Action::Announce(Announcement::Ready) => {
                    assert_eq!(self.passed, (true, true), "ready too early");
                }
                Action::Terminate | Action::Kill | Action::Destroy | Action::Announce(_) => {}
            }
        }
        self.check();
    }

    fn check(&self) {
        let moves_by_itself = self.machine.deadline().is_some();
        let moved_from_outside = self.spawning || !self.open.is_empty();
        let at_rest = matches!(
            self.machine.state(),
            State::Idle | State::Stopped | State::Failed { .. }
        );
        assert!(
            moves_by_itself || moved_from_outside || at_rest,
            "no way out of {:?}",
            self.machine.state()
        );
        if at_rest && !matches!(self.machine.state(), State::Failed { .. }) {
            assert!(
                !self.alive && !self.spawning,
                "at rest over a living process"
            );
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            // The loop starts nothing over what was given up and still lives.
            Step::Start if self.alive && matches!(self.machine.state(), State::Failed { .. }) => {}
            Step::Start => self.event(Event::Start),
            Step::Stop => self.event(Event::Stop),
            Step::Drain => self.event(Event::Drain),
            Step::SpawnWell if self.spawning => {
                self.spawning = false;
                self.alive = true;
                self.event(Event::Spawned);
            }
            Step::SpawnBadly if self.spawning => {
                self.spawning = false;
                self.event(Event::SpawnFailed("no".into()));
            }
            Step::Answer(question, well) if self.open.contains(question) => {
                self.open.retain(|open| open != question);
                match question {
                    Question::Startup => self.passed.0 |= well,
                    Question::WarmUp => self.passed.1 |= well,
                    Question::Readiness | Question::Liveness => {}
                }
                let answer = if *well { Ok(()) } else { Err("no".into()) };
                self.event(Event::Answered(*question, answer));
            }
            Step::Die if self.alive => {
                self.alive = false;
                self.open.clear();
                self.event(died());
            }
            Step::Wait(by) => {
                self.now += ms(*by);
                self.event(Event::Tick);
            }
            Step::ToDeadline => {
                if let Some(due) = self.machine.deadline() {
                    self.now = self.now.max(due);
                    self.event(Event::Tick);
                }
            }
            Step::SpawnWell | Step::SpawnBadly | Step::Answer(..) | Step::Die => {}
        }
    }
}

proptest! {
    #[test]
    fn there_is_one_process_at_most_a_way_out_of_every_state_and_no_early_readiness(
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut world = World::new(rules());
        for step in &steps {
            world.take(step);
        }
    }

    #[test]
    fn a_stop_always_ends_even_of_a_process_that_does_not_die(
        steps in prop::collection::vec(step(), 0..80), stubborn: bool,
    ) {
        let mut world = World::new(rules());
        for step in &steps {
            world.take(step);
        }
        world.take(&Step::Stop);
        for _ in 0..12 {
            if world.spawning {
                world.take(&Step::SpawnWell);
            }
            if !stubborn {
                world.take(&Step::Die);
            }
            world.take(&Step::ToDeadline);
        }
        let ended = matches!(
            world.machine.state(),
            State::Stopped | State::Failed { .. }
        );
        prop_assert!(ended, "{:?}", world.machine.state());
    }
}
