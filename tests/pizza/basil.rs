//! A shop with a stage of somebody's own at the end of the chain: a program for `sh`.

use crate::rig::process::{Process, program};
use crate::rig::until;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use ureq::Agent;

pub(crate) const LIMIT: Duration = Duration::from_secs(40);

pub(crate) struct Shop {
    pub(crate) process: Process,
    pub(crate) url: String,
    /// What the program may look at; it is its first argument.
    pub(crate) dir: PathBuf,
    agent: Agent,
}

impl Shop {
    /// A shop that is open. `files`: which are there already; `more`: of the stage's table.
    pub(crate) fn open(script: &str, files: &[&str], more: &str, token: Option<&str>) -> Shop {
        Shop::open_with(&[], script, files, more, token)
    }

    /// The same, with these flags.
    pub(crate) fn open_with(
        flags: &[&str],
        script: &str,
        files: &[&str],
        more: &str,
        token: Option<&str>,
    ) -> Shop {
        let dir = std::env::temp_dir().join(format!("basil-{:x}", rand::random::<u64>()));
        std::fs::create_dir_all(&dir).unwrap();
        files.iter().for_each(|file| std::fs::write(dir.join(file), "").unwrap());
        let path = dir.join("basil.sh");
        std::fs::write(&path, script).unwrap();
        let map = std::fs::read_to_string("topics.toml").unwrap();
        let view = "[stages.view]\ninput = \"pizza-with-veggies\"";
        assert!(map.contains(view));
        let map = map.replace(view, "[stages.view]\ninput = \"pizza-with-basil\"");
        let basil = format!(
            "\n[topics.pizza-with-basil]\npartitions = 4\n[stages.basil]\ninput = \"pizza-with-veggies\"\noutput = \"pizza-with-basil\"\ncommand = [\"sh\", {path:?}, {dir:?}]\n{more}\n"
        );
        std::fs::write(dir.join("topics.toml"), map + &basil).unwrap();
        let mut command = Command::new(program("pizza"));
        command.args(["--memory", "--listen", "127.0.0.1:0", "--broker-listen", "127.0.0.1:0"]);
        command.args(flags).arg("--config").arg(dir.join("topics.toml")).current_dir(&dir);
        command.envs(token.map(|token| ("STAGE_ADMIN_TOKEN", token)));
        let log = dir.join("log");
        let process = Process::start(command, &log);
        let url = until("the shop opens", LIMIT, || {
            let log = std::fs::read_to_string(&log).unwrap();
            log.lines().find_map(|line| Some(line.strip_prefix("pizza shop open: ")?.to_owned()))
        });
        let config = Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(Duration::from_secs(20))).build().into();
        Shop { process, url, dir, agent }
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let mut answer = self.agent.get(format!("{}{path}", self.url)).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
    }

    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = headers.iter().fold(request, |request, (k, v)| request.header(*k, *v));
        let mut answer = request.send_empty().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
    }

    /// The id of a new order.
    pub(crate) fn order(&self, count: usize) -> String {
        let (status, placed) = self.post(&format!("/order/{count}"), &[]);
        assert_eq!(status, 201, "{placed}");
        placed["order_id"].as_str().unwrap().to_owned()
    }

    /// The order, once so many of its pizzas are finished.
    pub(crate) fn pizzas(&self, id: &str, count: usize) -> Value {
        until("so many pizzas are finished", LIMIT, || {
            let (_, order) = self.get(&format!("/order/{id}"));
            (order["pizzas"].as_array()?.len() == count).then_some(order)
        })
    }

    pub(crate) fn close(mut self) {
        assert!(self.process.stop(Duration::from_secs(12)).success(), "{}", self.dir.display());
        std::fs::remove_dir_all(self.dir).ok();
    }
}
