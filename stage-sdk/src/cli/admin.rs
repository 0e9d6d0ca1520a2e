//! Where running stages are looked at and steered, on a command line.

use crate::admin::Endpoint;
use crate::service::StartError;
use clap::Args;
use std::net::SocketAddr;

/// Flags of the admin endpoint.
#[derive(Args, Clone, Debug, Default)]
pub struct AdminArgs {
    /// Serve metrics, health, and levers over HTTP here; STAGE_ADMIN_TOKEN is what changes then need [default: nowhere]
    #[arg(long, env = "STAGE_ADMIN", value_name = "HOST:PORT", value_parser = super::address)]
    pub admin: Option<SocketAddr>,
}

impl AdminArgs {
    /// Opens the endpoint, if it is wanted, and says on stderr where it is. The token is read from the
    /// environment only: a command line can be seen by others.
    ///
    /// # Errors
    /// As those of [`Endpoint::open`], or the token cannot be sent in a header.
    pub fn open(&self) -> Result<Option<Endpoint>, StartError> {
        let Some(address) = self.admin else { return Ok(None) };
        let endpoint = Endpoint::open(address, admin_token()?)?;
        eprintln!("admin endpoint: http://{}", endpoint.address());
        Ok(Some(endpoint))
    }
}

/// What changes need, as `STAGE_ADMIN_TOKEN` has it; none: it is not set, or empty.
///
/// # Errors
/// It has characters that no header may have.
pub fn admin_token() -> Result<Option<String>, StartError> {
    let wrong = || {
        StartError::Usage("STAGE_ADMIN_TOKEN has characters that no header may have: give it letters, digits and signs, and no line end".into())
    };
    let Some(token) = std::env::var_os("STAGE_ADMIN_TOKEN") else { return Ok(None) };
    let token = token.into_string().map_err(|_| wrong())?;
    match token.chars().all(|letter| letter.is_ascii_graphic()) {
        true => Ok(Some(token).filter(|token| !token.is_empty())),
        false => Err(wrong()),
    }
}
