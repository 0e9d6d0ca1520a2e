//! Where our own broker may answer differently than Apache Kafka, and why. What is listed has to
//! differ, so that the list stays true.

use crate::engine::{Engine, engine};

const SESSIONS: &str =
    "no fetch sessions: every answer has session id 0, as Kafka's when it has no room";
const INTERNAL: &str = "offsets are kept beside the log, not in an internal topic";
const BY_ID: &str = "Produce ends with version 11, below the second transaction protocol";
const COMPRESSION: &str = "batches stay as they came; a topic that wants another is not made";

/// Conversation, why.
const PERMITTED: &[(&str, &str)] = &[
    ("log::compression::a_topic_may_have_a_compression_of_its_own", COMPRESSION),
    ("log::fetch_sessions::a_partition_can_be_forgotten", SESSIONS),
    ("log::fetch_sessions::a_session_answers_what_changed", SESSIONS),
    ("log::fetch_sessions::a_session_can_be_ended", SESSIONS),
    ("log::fetch_sessions::an_epoch_out_of_turn_is_refused", SESSIONS),
    ("log::produce::a_topic_is_named_by_its_id", BY_ID),
    ("log::produce::an_unknown_topic_id_is_refused", BY_ID),
    ("topics::metadata::the_topic_of_the_offsets_is_internal", INTERNAL),
    ("transactions::add::offsets_are_a_partition_of_the_transaction", INTERNAL),
];

/// Why this conversation differs on the engine at hand, if it may.
pub(crate) fn permitted(conversation: &str) -> Option<&'static str> {
    if engine() == Engine::Kafka {
        return None;
    }
    let found = PERMITTED.iter().find(|(name, _)| *name == conversation);
    found.map(|(_, why)| *why)
}
