//! The way to the collector.

use super::Settings;
use crate::service::StartError;
use prost::Message;
use std::collections::BTreeSet;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Uri;

/// For a request; a program's end waits for four: those under way, and the last of each kind.
const TIME: Duration = Duration::from_millis(1_200);

/// The way to the collector.
pub(super) struct Collector {
    agent: Agent,
    endpoint: String,
    headers: Vec<(String, String)>,
    /// Paths whose last request it did not take, which is said.
    away: BTreeSet<&'static str>,
}

impl Collector {
    /// # Errors
    /// The endpoint is no address, or a header cannot be sent.
    pub(super) fn new(settings: &Settings) -> Result<Collector, StartError> {
        let endpoint = settings.endpoint.trim_end_matches('/').to_owned();
        let uri = endpoint.parse::<Uri>().ok();
        if !uri.is_some_and(|uri| uri.scheme_str() == Some("http") && uri.host().is_some()) {
            return Err(StartError::Usage(format!(
                "the collector is {endpoint:?}; give its address as http://HOST:4318 (it speaks no TLS with us: where it is far, let one on this machine pass it on)"
            )));
        }
        for (name, value) in &settings.headers {
            let is_name = ureq::http::HeaderName::try_from(name).is_ok();
            if !is_name || ureq::http::HeaderValue::try_from(value).is_err() {
                return Err(StartError::Usage(format!(
                    "header {name:?} of the collector cannot be sent: its name or its value has characters that none may have"
                )));
            }
        }
        // Who is sent elsewhere, to a page to log in at for example, has delivered nothing.
        let config = Agent::config_builder().timeout_global(Some(TIME)).max_redirects(0);
        let (agent, headers) = (config.build().into(), settings.headers.clone());
        Ok(Collector { agent, endpoint, headers, away: BTreeSet::new() })
    }

    /// Whether it did not take the last request to this path.
    pub(super) fn is_away(&self, path: &str) -> bool {
        self.away.contains(path)
    }

    /// Has it take this; what it does not take is lost, which is said the first time.
    pub(super) fn post(&mut self, path: &'static str, message: &impl Message) {
        let request = self.agent.post(format!("{}{path}", self.endpoint));
        let request = request.header("content-type", "application/x-protobuf");
        let request = self.headers.iter().fold(request, |request, (k, v)| request.header(k, v));
        let sent = request.send(message.encode_to_vec().as_slice());
        let trouble = match sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(answer.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        let collector = &self.endpoint;
        match trouble {
            None if self.away.remove(path) => {
                tracing::warn!(collector, path, "the collector takes what we send again");
            }
            Some(error) if self.away.insert(path) => {
                tracing::warn!(
                    error,
                    collector,
                    path,
                    "the collector does not take what we send: it is dropped until it does"
                );
            }
            _ => {}
        }
    }
}

/// Headers as OpenTelemetry's variable has them: `name=value,name=value`, with `%20` for a space.
///
/// # Errors
/// One of them has no `=`. Their text is in none.
pub(super) fn headers(text: &str) -> Result<Vec<(String, String)>, StartError> {
    let given = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim().to_owned(), decoded(value.trim())?))
    };
    given.map(pair).collect::<Option<_>>().ok_or_else(|| {
        StartError::Usage("OTEL_EXPORTER_OTLP_HEADERS cannot be read; give it name=value, several with commas, and other signs as %20".to_owned())
    })
}

fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_told_to_nobody() {
        let read = headers("api-key=a%20secret, x=1,").unwrap();
        assert_eq!(read, [("api-key".into(), "a secret".into()), ("x".into(), "1".into())]);
        assert_eq!(headers("").unwrap(), []);
        for wrong in ["secret", "k=secret%2", "k=secret%zz", "k=secret%ff"] {
            let error = headers(wrong).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let settings = Settings { headers: read, ..Settings::default() };
        assert!(!format!("{settings:?}").contains("a secret"));
    }

    #[test]
    fn an_endpoint_is_an_http_address() {
        let open = |endpoint: &str, headers: &[(&str, &str)]| {
            let headers = headers.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
            let endpoint = endpoint.to_owned();
            Collector::new(&Settings { endpoint, headers, ..Settings::default() }).map(drop)
        };
        assert!(open("http://127.0.0.1:4318/", &[("k", "v")]).is_ok());
        for wrong in ["https://collector:4318", "127.0.0.1:4318", "collector", "", "http://"] {
            assert!(open(wrong, &[]).unwrap_err().to_string().contains("http://HOST"), "{wrong}");
        }
        assert!(open("http://h:1", &[("k", "line\nend")]).is_err());
        assert!(open("http://h:1", &[("a name", "v")]).is_err());
    }
}
