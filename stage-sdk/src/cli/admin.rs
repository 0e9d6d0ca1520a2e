//! Where running stages are looked at and steered, and who is told of them, on a command line.

use crate::admin::Endpoint;
use crate::service::{Service, StartError};
use clap::Args;
use std::net::SocketAddr;

/// Flags of the admin endpoint, and with the feature `otel` of the exporter.
#[derive(Args, Clone, Debug, Default)]
pub struct AdminArgs {
    /// Serve metrics, health, and levers over HTTP here; STAGE_ADMIN_TOKEN is what changes then need [default: nowhere]
    #[arg(long, env = "STAGE_ADMIN", value_name = "HOST:PORT", value_parser = super::address)]
    pub admin: Option<SocketAddr>,

    /// Export metrics and spans to the OpenTelemetry collector here, as http://HOST:4318; OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME and OTEL_METRIC_EXPORT_INTERVAL are heeded [default: nowhere]
    #[cfg(feature = "otel")]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp: Option<String>,
}

/// Where services are looked at; they end with the last of their services and this.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    endpoint: Option<Endpoint>,
    #[cfg(feature = "otel")]
    otel: Option<crate::otel::Otel>,
}

impl AdminArgs {
    /// Opens what is wanted: the admin endpoint, and says on stderr where it is; the exporter. The token is read from
    /// the environment only: a command line can be seen by others.
    ///
    /// # Errors
    /// As those of [`Endpoint::open`], or the token cannot be sent in a header; or what the exporter is told is wrong.
    pub fn open(&self) -> Result<Watch, StartError> {
        let endpoint = match self.admin {
            None => None,
            Some(address) => {
                let endpoint = Endpoint::open(address, admin_token()?)?;
                eprintln!("admin endpoint: http://{}", endpoint.address());
                Some(endpoint)
            }
        };
        Ok(Watch {
            endpoint,
            #[cfg(feature = "otel")]
            otel: self.otel()?,
        })
    }

    #[cfg(feature = "otel")]
    fn otel(&self) -> Result<Option<crate::otel::Otel>, StartError> {
        use crate::otel::{Otel, Settings};
        let endpoint = self.otlp.as_deref().filter(|endpoint| !endpoint.is_empty());
        endpoint.map(|endpoint| Otel::open(&Settings::from_env(endpoint)?)).transpose()
    }
}

impl Watch {
    /// The service is looked at here, once it starts.
    pub fn over(&self, service: &mut Service) {
        service.admin.clone_from(&self.endpoint);
        #[cfg(feature = "otel")]
        service.otel.clone_from(&self.otel);
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
