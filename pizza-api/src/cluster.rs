//! A data directory belongs to one cluster: offsets and identities of another would mislead.

use stage_sdk::StartError;
use stage_sdk::broker::Broker;
use std::fs;
use std::path::Path;

/// Takes down the cluster in a new data directory, and compares it in an old one.
///
/// # Errors
/// The directory belongs to another cluster, cannot be written, or no broker answers within 30 s.
pub fn belongs(data: &Path, broker: &Broker) -> Result<(), StartError> {
    let id = broker.cluster_id()?;
    let file = data.join("cluster-id");
    match fs::read_to_string(&file) {
        Ok(known) if known == id => Ok(()),
        Ok(known) => Err(StartError::Usage(format!(
            "data directory {} belongs to cluster {known}, and {} is cluster {id}; give another directory with --data, or the brokers it belongs to",
            data.display(),
            broker.servers
        ))),
        Err(_) => {
            // Written whole or not at all.
            let new = data.join("cluster-id.new");
            let written = fs::write(&new, &id).and_then(|()| fs::rename(&new, &file));
            written.map_err(|error| {
                StartError::Usage(format!(
                    "data directory {}: {error}; give a writable one with --data",
                    data.display()
                ))
            })
        }
    }
}
