//! Groups and offsets deleted.

use super::*;

const NOBODY: Who<'static> = Who { member: "", instance: None, generation: -1 };

impl Desk {
    fn delete(&mut self) -> Result<(), ResponseError> {
        let step = self.groups.delete("g");
        self.follow(step)
    }

    fn delete_offsets(&mut self, partitions: &[(&str, i32)]) -> Committed {
        let step = self.groups.delete_offsets(self.now, "g", partitions);
        self.follow(step)
    }
}

#[test]
fn only_an_empty_group_is_deleted() {
    let mut desk = Desk::new();
    assert_eq!(desk.delete(), Err(ResponseError::GroupIdNotFound));
    let one = desk.alone();
    assert_eq!(desk.delete(), Err(ResponseError::NonEmptyGroup));
    desk.join(joining(&one));
    assert_eq!(desk.delete(), Err(ResponseError::NonEmptyGroup));
    desk.leave(&one).unwrap();
    assert_eq!(desk.delete(), Ok(()));
    assert_eq!(desk.state(), None);
}

#[test]
fn nothing_is_left_of_it() {
    let mut desk = Desk::new();
    desk.commit(NOBODY, &[offset("t", 0, 5)]).unwrap();
    desk.commit_in(7, NOBODY, &[offset("u", 0, 5)]).unwrap();
    desk.delete().unwrap();
    assert!(desk.written.is_empty());
    assert!(desk.groups.open.is_empty());
    desk.end(7, true);
    assert_eq!((desk.fetch("u", true), desk.state()), (Ok(-1), None));
    let token = desk.join(joining(""));
    assert_eq!(desk.joined(token).generation, 1);
}

#[test]
fn offsets_of_topics_that_nobody_consumes_are_deleted() {
    let mut desk = Desk::new();
    let one = desk.alone();
    desk.commit(who(&one, 1), &[offset("t", 0, 5), offset("u", 0, 6)]).unwrap();
    let consumed = Err(ResponseError::GroupSubscribedToTopic);
    assert_eq!(
        desk.delete_offsets(&[("t", 0), ("u", 0), ("u", 9)]),
        Ok(vec![consumed, Ok(()), Ok(())])
    );
    assert_eq!((desk.fetch("t", false), desk.fetch("u", false)), (Ok(5), Ok(-1)));
    desk.restart();
    assert_eq!((desk.fetch("t", false), desk.fetch("u", false)), (Ok(5), Ok(-1)));
    assert_eq!(desk.delete_offsets(&[("t", 0)]), Ok(vec![consumed]), "also after a restart");
}

#[test]
fn in_an_empty_group_any_offset_is_deleted() {
    let mut desk = Desk::new();
    let one = desk.alone();
    desk.commit(who(&one, 1), &[offset("t", 0, 5)]).unwrap();
    desk.leave(&one).unwrap();
    desk.commit_in(7, NOBODY, &[offset("t", 0, 9)]).unwrap();
    assert_eq!(desk.delete_offsets(&[("t", 0)]), Ok(vec![Ok(())]));
    assert_eq!(desk.fetch("t", true), Ok(-1), "also what is in a transaction");
}

#[test]
fn if_nobody_can_tell_what_is_consumed_nothing_is_deleted() {
    let mut desk = Desk::new();
    let strange = vec![Protocol { name: "range".into(), metadata: owned("?") }];
    let token = desk.join(Join { protocols: strange, ..joining("") });
    desk.joined(token);
    let results = desk.delete_offsets(&[("t", 0)]);
    assert_eq!(results, Ok(vec![Err(ResponseError::GroupSubscribedToTopic)]));
}

#[test]
fn groups_of_other_kinds_keep_their_offsets_while_they_have_members() {
    let mut desk = Desk::new();
    assert_eq!(desk.delete_offsets(&[("t", 0)]), Err(ResponseError::GroupIdNotFound));
    let token = desk.join(Join { protocol_type: "connect".into(), ..joining("") });
    let one = desk.joined(token).member;
    assert_eq!(desk.delete_offsets(&[("t", 0)]), Err(ResponseError::NonEmptyGroup));
    desk.leave(&one).unwrap();
    assert_eq!(desk.delete_offsets(&[("t", 0)]), Ok(vec![Ok(())]));
}

#[test]
fn of_a_deleted_topic_nobody_has_offsets() {
    let mut desk = Desk::new();
    let one = desk.alone();
    desk.commit(who(&one, 1), &[offset("t", 0, 5), offset("t", 1, 5), offset("u", 0, 6)]).unwrap();
    desk.commit_in(7, NOBODY, &[offset("t", 2, 9)]).unwrap();
    let step = desk.groups.topic_deleted(desk.now, "t");
    desk.follow(step);
    desk.end(7, true);
    let left = desk.groups.fetch("g", None, false);
    assert_eq!(left.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["u"]);
}
