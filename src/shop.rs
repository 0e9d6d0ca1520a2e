//! The shop over HTTP: its address, its answers, and which failures may mend.

use serde::de::DeserializeOwned;
use stage_sdk::StartError;
use std::io::{ErrorKind, Read};
use std::time::Duration;
use ureq::http::{Response, Uri};
use ureq::{Agent, Body, Error};

/// For one answer of the API.
const ANSWER: Duration = Duration::from_secs(15);

/// Between two tries.
const AGAIN: Duration = Duration::from_millis(200);

/// How often an order is sent while its answer does not come.
const TRIES: usize = 3;

pub(crate) struct Shop {
    url: String,
    agent: Agent,
}

/// Why there is no answer, and whether asking again may help.
pub(crate) struct Failed {
    pub(crate) error: StartError,
    pub(crate) may_mend: bool,
}

impl Failed {
    pub(crate) fn for_good(error: StartError) -> Failed {
        Failed { error, may_mend: false }
    }
}

#[derive(serde::Deserialize)]
struct Problem {
    title: String,
    detail: Option<String>,
}

impl Shop {
    pub(crate) fn at(url: &str) -> Result<Shop, StartError> {
        if !url.parse::<Uri>().is_ok_and(|uri| is_shop(&uri)) {
            return Err(StartError::Usage(format!(
                "shop address {url:?} is not one of HTTP; give http://HOST:PORT with --url or STAGE_URL"
            )));
        }
        let config = Agent::config_builder()
            .timeout_global(Some(ANSWER))
            .http_status_as_error(false)
            .build();
        Ok(Shop { url: url.trim_end_matches('/').to_owned(), agent: config.into() })
    }

    pub(crate) fn order_url(&self, order: &str) -> String {
        format!("{}/order/{order}", self.url)
    }

    /// Places an order; the key makes one of what is sent again because no answer came.
    pub(crate) fn place<T: DeserializeOwned>(&self, count: u32) -> Result<T, StartError> {
        let (url, key) = (self.order_url(&count.to_string()), uuid::Uuid::new_v4().to_string());
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.agent.post(&url).header("idempotency-key", &key).send_empty() {
                Ok(answer) => return self.read(answer).map_err(|failed| failed.error),
                Err(error) => error,
            };
            if !may_have_arrived(&error) && tries == 1 {
                return Err(self.unreachable(&error));
            }
            if tries == TRIES {
                return Err(StartError::Runtime(format!(
                    "the shop at {} does not say whether it took the order: {error}; ask again, and nothing is ordered twice, with: curl -X POST -H 'Idempotency-Key: {key}' {url}",
                    self.url
                )));
            }
            std::thread::sleep(AGAIN);
        }
    }

    /// What is there, such as `orders`.
    pub(crate) fn look<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failed> {
        let answer = self.agent.get(format!("{}/{path}", self.url)).call();
        let answer =
            answer.map_err(|error| Failed { error: self.unreachable(&error), may_mend: true })?;
        self.read(answer)
    }

    /// What is told there, for as long as it is, or so long.
    pub(crate) fn listen(
        &self,
        path: &str,
        limit: Option<Duration>,
    ) -> Result<impl Read + use<>, Failed> {
        let request = self.agent.get(format!("{}/{path}", self.url)).config();
        let request = request.timeout_global(limit).timeout_recv_response(Some(ANSWER)).build();
        let answer = request.call();
        let answer =
            answer.map_err(|error| Failed { error: self.unreachable(&error), may_mend: true })?;
        match answer.status().is_success() {
            true => Ok(answer.into_body().into_reader()),
            false => Err(self.read::<()>(answer).err().unwrap_or_else(|| {
                Failed::for_good(StartError::Runtime(format!("{} tells nothing", self.url)))
            })),
        }
    }

    fn unreachable(&self, error: &Error) -> StartError {
        StartError::Runtime(format!("no shop at {}: {error}; open one with: pizza up", self.url))
    }

    fn read<T: DeserializeOwned>(&self, mut answer: Response<Body>) -> Result<T, Failed> {
        let status = answer.status();
        // The first of two equal orders is on its way, or there are too many now.
        let may_mend = !status.is_client_error() || matches!(status.as_u16(), 409 | 429);
        let unreadable = |error| Failed {
            error: StartError::Runtime(format!("{} answered {status}: {error}", self.url)),
            may_mend,
        };
        if status.is_success() {
            return answer.body_mut().read_json().map_err(unreadable);
        }
        let problem: Problem = answer.body_mut().read_json().map_err(unreadable)?;
        let text = problem.detail.unwrap_or(problem.title);
        Err(match may_mend {
            true => Failed { error: StartError::Runtime(text), may_mend },
            false => Failed { error: StartError::Usage(text), may_mend },
        })
    }
}

/// A port that is none is overlooked by the parser: what it understood is not what is written then.
fn is_shop(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let understood = uri.port_u16().map_or(host.to_owned(), |port| format!("{host}:{port}"));
    uri.scheme_str() == Some("http")
        && !host.is_empty()
        && uri.authority().is_some_and(|written| *written == *understood)
        && uri.query().is_none()
}

/// Whether the shop may have had the request; otherwise there was no connection.
fn may_have_arrived(error: &Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof};
    let cut = [BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut, UnexpectedEof];
    match error {
        Error::Io(error) => cut.contains(&error.kind()),
        Error::Timeout(_) | Error::Protocol(_) => true,
        _ => false,
    }
}
