//! An operator at a stage's admin endpoint.

use super::process::Process;
use super::until;
use serde_json::Value;
use std::time::Duration;
use ureq::Agent;

pub struct Admin {
    agent: Agent,
    pub url: String,
}

/// The flags of a stage that has one.
pub fn flags() -> Vec<String> {
    vec!["--admin".into(), "127.0.0.1:0".into()]
}

impl Admin {
    /// That of a process, once it says where it is.
    pub fn of(process: &Process) -> Admin {
        let url = until("the admin endpoint opens", Duration::from_secs(20), || {
            let log = std::fs::read_to_string(&process.log).unwrap();
            let line = log.lines().rev().find_map(|line| line.strip_prefix("admin endpoint: "));
            line.map(str::to_owned)
        });
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(5)));
        Admin { agent: config.build().into(), url }
    }

    /// Status, content type and body.
    pub fn get(&self, path: &str) -> (u16, String, String) {
        read(self.agent.get(format!("{}{path}", self.url)).call())
    }

    pub fn post(&self, path: &str, body: &str) -> (u16, String) {
        let (status, _, body) = self.post_with(path, body, &[("content-type", "application/json")]);
        (status, body)
    }

    pub fn post_with(
        &self,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> (u16, String, String) {
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = headers.iter().fold(request, |request, (k, v)| request.header(*k, *v));
        read(request.send(body))
    }

    /// The sum of all values of a metric whose labels have this in them; none: there is no such line.
    pub fn metric(&self, name: &str, label: &str) -> Option<f64> {
        let (status, kind, text) = self.get("/metrics");
        assert_eq!((status, kind.as_str()), (200, "text/plain; version=0.0.4"));
        let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
        let values = lines.filter(|line| line.contains(label));
        let values = values.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap());
        values.reduce(|a, b| a + b)
    }

    /// Waits for a metric to be so.
    pub fn until(&self, name: &str, is: impl Fn(f64) -> bool) {
        let mut last = None;
        let limit = Duration::from_secs(60);
        let started = std::time::Instant::now();
        while !last.is_some_and(&is) {
            assert!(started.elapsed() < limit, "{name} is {last:?}");
            last = self.metric(name, "");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// How the partitions stand.
    pub fn partitions(&self) -> Vec<Value> {
        let (status, _, text) = self.get("/partitions");
        assert_eq!(status, 200, "{text}");
        let all: Value = serde_json::from_str(&text).unwrap();
        all["partitions"].as_array().unwrap().clone()
    }
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, String, String) {
    let mut answer = answer.unwrap();
    let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    let body = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), kind.unwrap_or_default(), body)
}
