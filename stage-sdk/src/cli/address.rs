//! An address to listen on.

use std::net::{SocketAddr, ToSocketAddrs};

/// Parses `HOST:PORT`; a name that has several addresses gives one of IPv4, where it has one.
///
/// ```
/// let listen = stage_sdk::cli::address("127.0.0.1:8094").unwrap();
/// assert_eq!(listen.port(), 8094);
/// ```
///
/// # Errors
/// It is none, or the host has no address.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_none() {
        return Err("expected HOST:PORT, for example localhost:8094 or 0.0.0.0:8094".to_owned());
    }
    let found: Vec<SocketAddr> = text
        .to_socket_addrs()
        .map_err(|error| format!("the host has no address: {error}; give one such as 127.0.0.1"))?
        .collect();
    let first = found.iter().find(|address| address.is_ipv4()).or_else(|| found.first());
    first.copied().ok_or_else(|| "the host has no address; give one such as 127.0.0.1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn names_and_numbers_are_addresses_and_others_say_what_is_expected() {
        assert_eq!(address("localhost:18094"), Ok(([127, 0, 0, 1], 18094).into()));
        assert_eq!(address("0.0.0.0:80"), Ok(([0, 0, 0, 0], 80).into()));
        assert!(address("[::1]:80").unwrap().is_ipv6());
        for wrong in ["localhost", "8094", "localhost:many", "localhost:70000", ""] {
            assert!(address(wrong).unwrap_err().contains("HOST:PORT"), "{wrong:?}");
        }
        assert!(address("no.such.host.invalid:1").unwrap_err().contains("no address"));
    }
}
