//! The deciding half of a worker against a model of Kafka: two workers of one group, transactions
//! whose markers come late and in any order, and everything that goes wrong, in simulated time.
//! An oracle looks at every step.
//!
//! A schedule follows from its seed. `SIMULATION_SEED=n` runs that one and tells what happens;
//! `SIMULATION_CUT=...` leaves a part of it out (`cut.rs`), which is how one that breaks a rule is
//! shown; `SIMULATION_SCHEDULES=n` says how many there are (400,000; without optimization 20,000), and
//! `SIMULATION_FIRST=n` with which seed they begin (0).

mod agenda;
mod batches;
mod broker;
mod case;
mod commit;
mod coordinator;
mod courier;
mod cut;
mod faults;
mod group;
mod handlers;
mod hands;
mod inbox;
mod input;
mod judge;
mod kept;
mod lane;
mod levers;
mod limits;
mod logs;
mod member;
mod membership;
mod operator;
mod oracle;
mod order;
mod outcomes;
mod parts;
mod plan;
mod policy;
mod positions;
mod reader;
mod record;
mod run;
mod shrink;
mod transaction;
mod trouble;
mod turn;
mod world;

use case::Case;
use faults::Fault;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn schedules() -> u64 {
    let usual = if cfg!(debug_assertions) { 20_000 } else { 400_000 };
    number("SIMULATION_SCHEDULES").unwrap_or(usual)
}

#[test]
fn no_schedule_breaks_a_rule() {
    let test = "no_schedule_breaks_a_rule";
    if let Some(case) = Case::asked(None) {
        let ended = case.run(true);
        assert!(ended.is_ok(), "{case:?}: {ended:?}");
        return;
    }
    match run::many(schedules(), None) {
        Ok(counts) => {
            // A model that never meets with something says nothing about it.
            let missing = counts.missing();
            assert!(counts.schedules < 10_000 || missing.is_empty(), "never happened: {missing:?}");
        }
        Err(found) => {
            let small = shrink::shrink(&found.case, found.broken.rule);
            let (seed, broken) = (found.case.seed, found.broken);
            panic!("seed {seed}: {broken}\nin small: {}", small.replay(test))
        }
    }
}

/// The oracle must notice the fault, and as one of its rules broken.
fn is_noticed(test: &str, fault: Fault) {
    if let Some(case) = Case::asked(Some(fault)) {
        let broken = case.run(true).err();
        println!("{}", broken.map_or("nothing".to_owned(), |broken| broken.to_string()));
        return;
    }
    let found = run::many(schedules(), Some(fault)).err();
    let found = found.unwrap_or_else(|| panic!("{fault:?} was not noticed"));
    println!("{fault:?} noticed: {}\n{}", found.broken, found.case.replay(test));
    assert!(fault.rules().contains(&found.broken.rule), "{fault:?}: {:?}", found.broken);
}

#[test]
fn a_commit_without_offsets_is_noticed() {
    is_noticed("a_commit_without_offsets_is_noticed", Fault::Empty);
}

#[test]
fn an_added_partition_begun_at_its_end_is_noticed() {
    is_noticed("an_added_partition_begun_at_its_end_is_noticed", Fault::Latest);
}

#[test]
fn a_blind_resend_is_noticed() {
    is_noticed("a_blind_resend_is_noticed", Fault::Blind);
}

#[test]
fn a_purge_taken_for_a_refusal_is_noticed() {
    is_noticed("a_purge_taken_for_a_refusal_is_noticed", Fault::Purge);
}

#[test]
fn a_commit_of_a_lost_partition_is_noticed() {
    is_noticed("a_commit_of_a_lost_partition_is_noticed", Fault::Lost);
}

#[test]
fn finished_taken_for_unfinished_is_noticed() {
    is_noticed("finished_taken_for_unfinished_is_noticed", Fault::Inverted);
}

#[test]
fn a_lane_read_without_its_hidden_end_is_noticed() {
    is_noticed("a_lane_read_without_its_hidden_end_is_noticed", Fault::Barrier);
}

#[test]
fn a_policy_that_leaves_what_waits_is_noticed() {
    is_noticed("a_policy_that_leaves_what_waits_is_noticed", Fault::Unasked);
}

#[test]
fn a_look_that_begins_anew_is_noticed() {
    is_noticed("a_look_that_begins_anew_is_noticed", Fault::Anew);
}

#[test]
fn release_out_of_order_is_noticed() {
    is_noticed("release_out_of_order_is_noticed", Fault::Order);
}

#[test]
fn an_effect_without_its_answer_is_noticed() {
    is_noticed("an_effect_without_its_answer_is_noticed", Fault::Unanswered);
}

#[test]
fn an_answer_before_its_effect_is_noticed() {
    is_noticed("an_answer_before_its_effect_is_noticed", Fault::Sooner);
}
