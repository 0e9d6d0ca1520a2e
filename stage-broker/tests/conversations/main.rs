//! Requests and the answers Kafka gives to them, over plain TCP. Each conversation holds on Apache
//! Kafka, and on our own broker; where an answer may differ, `differences.rs` says why.
//!
//! Topics, groups and transactional ids have names that nobody else uses.

#[macro_use]
mod talk;

mod line;

mod engine;

mod process;

mod batch;
mod codec;
mod stored;

mod said;

/// Requests as a word or two.
mod ask {
    pub(crate) mod config;
    pub(crate) mod fetch;
    pub(crate) mod group;
    pub(crate) mod offsets;
    pub(crate) mod produce;
    pub(crate) mod topic;
    pub(crate) mod transaction;
}

mod differences;

/// What is below all requests.
mod wire {
    mod api_versions;
    mod frames;
}

/// Topics: made, found, deleted.
mod topics {
    mod create;
    mod delete;
    mod metadata;
    mod partitions;
}

/// Records: written, read, and where they are.
mod log {
    mod produce;
    mod refused_batches;
    mod sequences;
    mod timestamps;

    mod compaction;
    mod compression;

    mod fetch;
    mod fetch_limits;
    mod fetch_sessions;
    mod long_poll;
    mod read_committed;

    mod delete_records;
    mod leader_epochs;
    mod list_offsets;
}

/// Consumer groups, the classic protocol.
mod groups {
    mod coordinator;

    mod heartbeat;
    mod join;
    mod leave;
    mod static_members;
    mod sync;
    mod time;

    mod offset_commit;
    mod offset_delete;
    mod offset_fetch;

    mod admin;
}

/// Looking at a cluster, and its settings.
mod admin {
    mod alter_configs;
    mod cluster;
    mod describe_configs;
}

/// Transactions, the first protocol.
mod transactions {
    mod init;

    mod add;
    mod end;
    mod offsets;
    mod produce;
    mod time_out;

    mod describe;
}

/// Random requests of several producers, against a model of what the logs have to hold.
mod model {
    mod dice;
    mod log;
    mod read;
    mod run;
    mod writer;
}

// Other systems cannot change the limits of a process that runs.
#[cfg(target_os = "linux")]
mod disk_fails;
mod disk_full;
