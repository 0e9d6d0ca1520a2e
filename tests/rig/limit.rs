//! What a topic takes, changed under a running stage: limits are read at its start, so only the
//! broker knows.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

/// Sets `max.message.bytes`, and everything else of the topic back to its default.
pub fn limit(brokers: &str, topic: &str, bytes: usize) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let bytes = bytes.to_string();
    let alter = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("max.message.bytes", &bytes);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(admin.alter_configs([&alter], &AdminOptions::new())).unwrap();
}
