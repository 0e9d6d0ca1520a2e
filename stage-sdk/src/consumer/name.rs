//! The name that the group gave us, its member id.

use rdkafka::types::RDKafka;
use rdkafka_sys::{rd_kafka_mem_free, rd_kafka_memberid};

/// Whether we have one: from the end of a join until leaving is on its way.
///
/// rdkafka has no call for it.
#[allow(unsafe_code)]
pub(super) fn has_name(client: *mut RDKafka) -> bool {
    // SAFETY: the pointer is that of a live consumer, which the caller keeps for the whole call; both
    // functions may be called from any thread. The text is ours, ends with a zero byte, and is freed
    // once, by the allocator that made it.
    unsafe {
        let name = rd_kafka_memberid(client);
        let has_name = !name.is_null() && *name != 0;
        rd_kafka_mem_free(client, name.cast());
        has_name
    }
}
