//! Offsets committed and fetched.

use super::*;

const NOBODY: Who<'static> = Who { member: "", instance: None, generation: -1 };

#[test]
fn what_is_committed_can_be_fetched() {
    let mut desk = Desk::new();
    let one = desk.alone();
    let new = NewOffset { leader_epoch: 3, metadata: Some("m"), ..offset("t", 1, 42) };
    assert_eq!(desk.commit(who(&one, 1), &[new, offset("u", 0, 7)]), Ok(vec![Ok(()), Ok(())]));
    let fetched = desk.groups.fetch("g", Some(&[("t", vec![1, 2])]), false);
    let found = FetchedOffset {
        partition: 1,
        offset: 42,
        leader_epoch: 3,
        metadata: "m".into(),
        error: None,
    };
    let none = FetchedOffset {
        partition: 2,
        offset: -1,
        leader_epoch: -1,
        metadata: String::new(),
        error: None,
    };
    assert_eq!(fetched, [FetchedTopic { name: "t".into(), partitions: vec![found, none] }]);
    let all = desk.groups.fetch("g", None, false);
    assert_eq!(all.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["t", "u"]);
}

#[test]
fn a_group_that_nobody_knows_has_no_offsets() {
    let desk = Desk::new();
    assert_eq!(desk.groups.fetch("g", None, true), []);
    assert_eq!(desk.fetch("t", true), Ok(-1));
}

#[test]
fn somebody_without_a_group_makes_one() {
    let mut desk = Desk::new();
    assert_eq!(desk.commit(NOBODY, &[offset("t", 0, 5)]), Ok(vec![Ok(())]));
    assert_eq!((desk.fetch("t", false), desk.state()), (Ok(5), Some(State::Empty)));
    desk.restart();
    assert_eq!((desk.fetch("t", false), desk.state()), (Ok(5), Some(State::Empty)));
}

#[test]
fn a_member_of_a_group_that_nobody_knows_is_refused() {
    let mut desk = Desk::new();
    let refused = desk.commit(who("x", 1), &[offset("t", 0, 5)]);
    assert_eq!(refused, Err(ResponseError::GroupIdNotFound));
    assert!(desk.groups.all.is_empty());
}

#[test]
fn only_members_of_the_present_generation_commit() {
    let mut desk = Desk::new();
    let one = desk.alone();
    for (who, error) in [
        (NOBODY, ResponseError::UnknownMemberId),
        (who("x", 1), ResponseError::UnknownMemberId),
        (who("x", -1), ResponseError::UnknownMemberId),
        (who(&one, 0), ResponseError::IllegalGeneration),
        (who(&one, 2), ResponseError::IllegalGeneration),
        (who(&one, -1), ResponseError::IllegalGeneration),
    ] {
        assert_eq!(desk.commit(who, &[offset("t", 0, 5)]), Err(error), "{who:?}");
    }
    assert_eq!(desk.fetch("t", false), Ok(-1));
}

#[test]
fn in_an_empty_group_anybody_commits_but_members() {
    let mut desk = Desk::new();
    let one = desk.alone();
    desk.leave(&one).unwrap();
    assert_eq!(
        desk.commit(who(&one, 1), &[offset("t", 0, 5)]),
        Err(ResponseError::UnknownMemberId)
    );
    assert_eq!(desk.commit(NOBODY, &[offset("t", 0, 6)]), Ok(vec![Ok(())]));
}

#[test]
fn while_members_come_back_they_can_still_commit() {
    let mut desk = Desk::new();
    let one = desk.alone();
    desk.join(joining(""));
    assert_eq!(desk.commit(who(&one, 1), &[offset("t", 0, 5)]), Ok(vec![Ok(())]));
}

#[test]
fn while_the_leader_assigns_nobody_commits() {
    let mut desk = Desk::new();
    let token = desk.join(joining(""));
    let one = desk.joined(token).member;
    let refused = desk.commit(who(&one, 1), &[offset("t", 0, 5)]);
    assert_eq!(refused, Err(ResponseError::RebalanceInProgress));
}

#[test]
fn metadata_has_a_limit_and_the_others_pass() {
    let mut desk = Desk::new();
    // Kafka counts UTF-16 units: a smiley is two.
    let (fits, smiles) = ("m".repeat(4_096), "\u{1f600}".repeat(2_048));
    let (long, grins) = ("m".repeat(4_097), "\u{1f600}".repeat(2_049));
    let with =
        |partition, metadata| NewOffset { metadata: Some(metadata), ..offset("t", partition, 5) };
    let too_large = Err(ResponseError::OffsetMetadataTooLarge);
    let results =
        desk.commit(NOBODY, &[with(0, &fits), with(1, &long), with(2, &smiles), with(3, &grins)]);
    assert_eq!(results, Ok(vec![Ok(()), too_large, Ok(()), too_large]));
    assert_eq!(desk.groups.fetch("g", None, false)[0].partitions.len(), 2);
}

#[test]
fn offsets_may_go_back() {
    let mut desk = Desk::new();
    desk.commit(NOBODY, &[offset("t", 0, 5)]).unwrap();
    desk.commit(NOBODY, &[offset("t", 0, 2)]).unwrap();
    assert_eq!(desk.fetch("t", false), Ok(2));
}
