//! The deciding half of a worker against a model of Kafka: two workers of one group, transactions
//! whose markers come late and in any order, and everything that goes wrong, in simulated time.
//! An oracle looks at every step.
//!
//! A schedule follows from its seed. `SIMULATION_SEED=n` runs that one and tells what happens;
//! `SIMULATION_SCHEDULES=n` says how many there are (400,000; without optimization 20,000).

mod agenda;
mod batches;
mod broker;
mod commit;
mod coordinator;
mod courier;
mod faults;
mod group;
mod handlers;
mod hands;
mod inbox;
mod input;
mod judge;
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
mod plan;
mod policy;
mod positions;
mod reader;
mod run;
mod transaction;
mod trouble;
mod turn;
mod world;

use faults::Fault;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn schedules() -> u64 {
    let usual = if cfg!(debug_assertions) { 20_000 } else { 400_000 };
    number("SIMULATION_SCHEDULES").unwrap_or(usual)
}

fn replay(test: &str, seed: u64) -> String {
    format!(
        "SIMULATION_SEED={seed} cargo test -p stage-sdk --release --test simulation {test} -- --exact --nocapture"
    )
}

#[test]
fn no_schedule_breaks_a_rule() {
    let test = "no_schedule_breaks_a_rule";
    if let Some(seed) = number("SIMULATION_SEED") {
        let ended = run::one(seed, None, true);
        assert!(ended.is_ok(), "seed {seed}: {ended:?}");
        return;
    }
    match run::many(schedules(), None) {
        Ok(counts) => {
            // A model that never meets with something says nothing about it.
            let missing = counts.missing();
            assert!(counts.schedules < 10_000 || missing.is_empty(), "never happened: {missing:?}");
        }
        Err(found) => {
            panic!("seed {}: {}\n{}", found.seed, found.broken, replay(test, found.seed))
        }
    }
}

/// The oracle must notice the fault, and as one of these rules broken.
fn is_noticed(test: &str, fault: Fault, rules: &[&str]) {
    if let Some(seed) = number("SIMULATION_SEED") {
        let broken = run::one(seed, Some(fault), true).err();
        println!("{}", broken.map_or("nothing".to_owned(), |broken| broken.to_string()));
        return;
    }
    let found = run::many(schedules(), Some(fault)).err();
    let found = found.unwrap_or_else(|| panic!("{fault:?} was not noticed"));
    println!(
        "{fault:?} noticed with seed {}: {}\n{}",
        found.seed,
        found.broken,
        replay(test, found.seed)
    );
    assert!(rules.contains(&found.broken.rule), "{fault:?}: {:?}", found.broken);
}

#[test]
fn a_commit_without_offsets_is_noticed() {
    let rules = ["no output without its offset"];
    is_noticed("a_commit_without_offsets_is_noticed", Fault::Empty, &rules);
}

#[test]
fn an_added_partition_begun_at_its_end_is_noticed() {
    let rules = ["nothing is lost", "everything ends"];
    is_noticed("an_added_partition_begun_at_its_end_is_noticed", Fault::Latest, &rules);
}

#[test]
fn a_blind_resend_is_noticed() {
    is_noticed("a_blind_resend_is_noticed", Fault::Blind, &["no output twice"]);
}

#[test]
fn a_purge_taken_for_a_refusal_is_noticed() {
    let rules = ["no healthy record in the dead letters"];
    is_noticed("a_purge_taken_for_a_refusal_is_noticed", Fault::Purge, &rules);
}

#[test]
fn a_commit_of_a_lost_partition_is_noticed() {
    let rules = ["nothing finished is taken back", "nothing is lost"];
    is_noticed("a_commit_of_a_lost_partition_is_noticed", Fault::Lost, &rules);
}

#[test]
fn finished_taken_for_unfinished_is_noticed() {
    let rules = ["nothing finished is run again", "nothing is lost"];
    is_noticed("finished_taken_for_unfinished_is_noticed", Fault::Inverted, &rules);
}

#[test]
fn a_lane_read_without_its_hidden_end_is_noticed() {
    // An old note is taken for the last: whichever rule meets it first.
    let rules = [
        "attempts survive",
        "everything ends",
        "no attempt before its time",
        "no output twice",
        "nothing finished is run again",
        "order per key",
        "a command and what comes of it are one",
    ];
    is_noticed("a_lane_read_without_its_hidden_end_is_noticed", Fault::Barrier, &rules);
}

#[test]
fn a_policy_that_leaves_what_waits_is_noticed() {
    let rules = ["everything ends", "order per key"];
    is_noticed("a_policy_that_leaves_what_waits_is_noticed", Fault::Unasked, &rules);
}

#[test]
fn release_out_of_order_is_noticed() {
    is_noticed("release_out_of_order_is_noticed", Fault::Order, &["order per key"]);
}

#[test]
fn an_effect_without_its_answer_is_noticed() {
    // Or nobody ever answers it: whichever rule meets it first.
    let rules = ["a command and what comes of it are one", "everything ends"];
    is_noticed("an_effect_without_its_answer_is_noticed", Fault::Unanswered, &rules);
}

#[test]
fn an_answer_before_its_effect_is_noticed() {
    let rules = ["a command and what comes of it are one"];
    is_noticed("an_answer_before_its_effect_is_noticed", Fault::Sooner, &rules);
}
