//! What stands still is seen and decided at the shop's own address.

use crate::rig::process::{Process, program};
use crate::rig::until;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use ureq::Agent;

/// It cannot be done while a file is there. The value is the last of a line, and the file the first argument.
const SCRIPT: &str = r#"while read -r line; do
  id=$(printf '%s' "$line" | sed -E 's/^\{"id":([0-9]+),.*/\1/')
  value=$(printf '%s' "$line" | sed -E 's/.*"value":(\{.*\})\}$/\1/')
  if [ -e "$1" ]; then printf '{"id":%s,"retry":"no basil"}\n' "$id"
  else printf '{"id":%s,"value":%s}\n' "$id" "$value"; fi
done
"#;

/// Who fails is held at once: nothing goes on by itself.
const SLOW: &str =
    r#"retry = { policy = "ordered", attempts = 1, backoff = "1h..1h", in_place_for = "1ms" }"#;

const LIMIT: Duration = Duration::from_secs(40);

struct Shop {
    process: Process,
    agent: Agent,
    url: String,
    dir: PathBuf,
}

impl Shop {
    fn open(token: Option<&str>) -> Shop {
        let dir = std::env::temp_dir().join(format!("decide-{:x}", rand::random::<u64>()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("basil.sh"), SCRIPT).unwrap();
        std::fs::write(dir.join("away"), "").unwrap();
        let map = std::fs::read_to_string("topics.toml").unwrap();
        let view = "[stages.view]\ninput = \"pizza-with-veggies\"";
        assert!(map.contains(view));
        let map = map.replace(view, "[stages.view]\ninput = \"pizza-with-basil\"");
        let (script, away) = (dir.join("basil.sh"), dir.join("away"));
        let basil = format!(
            "\n[topics.pizza-with-basil]\npartitions = 4\n[stages.basil]\ninput = \"pizza-with-veggies\"\noutput = \"pizza-with-basil\"\ncommand = [\"sh\", {script:?}, {away:?}]\n{SLOW}\n"
        );
        std::fs::write(dir.join("topics.toml"), map + &basil).unwrap();
        let mut command = Command::new(program("pizza"));
        command.args(["--memory", "--listen", "127.0.0.1:0", "--broker-listen", "127.0.0.1:0"]);
        command.arg("--config").arg(dir.join("topics.toml")).current_dir(&dir);
        command.envs(token.map(|token| ("STAGE_ADMIN_TOKEN", token)));
        let log = dir.join("log");
        let process = Process::start(command, &log);
        let url = until("the shop opens", LIMIT, || {
            let log = std::fs::read_to_string(&log).unwrap();
            log.lines().find_map(|line| Some(line.strip_prefix("pizza shop open: ")?.to_owned()))
        });
        let config = Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(Duration::from_secs(20))).build().into();
        Shop { process, agent, url, dir }
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let mut answer = self.agent.get(format!("{}{path}", self.url)).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
    }

    fn post(&self, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
        let request = self.agent.post(format!("{}{path}", self.url));
        let request = headers.iter().fold(request, |request, (k, v)| request.header(*k, *v));
        let mut answer = request.send_empty().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
    }

    /// The order's id, once so many of its pizzas wait.
    fn order(&self, count: usize) -> (String, Value) {
        let (status, placed) = self.post(&format!("/order/{count}"), &[]);
        assert_eq!(status, 201, "{placed}");
        let id = placed["order_id"].as_str().unwrap().to_owned();
        let key = until("its pizzas wait", LIMIT, || {
            let (_, keys) = self.get("/keys");
            let key = keys["keys"].as_array()?.iter().find(|key| {
                key["key"].as_str().is_some_and(|key| key.contains(&id)) && key["records"] == count
            });
            key.cloned()
        });
        (id, key)
    }

    fn close(mut self) {
        assert!(self.process.stop(Duration::from_secs(12)).success(), "{}", self.dir.display());
        std::fs::remove_dir_all(self.dir).ok();
    }
}

#[test]
fn what_stands_still_is_seen_and_decided_at_the_shop() {
    let shop = Shop::open(None);
    assert_eq!(shop.get("/chain").1["decisions"], "open");
    let (id, key) = shop.order(3);
    assert_eq!((&key["stage"], &key["held"]), (&"basil".into(), &true.into()), "{key}");
    assert_eq!((&key["attempts"], &key["error"]), (&1.into(), &"no basil".into()), "{key}");
    let first = key["first"].as_str().unwrap();
    let decide =
        |first: &str, word: &str| shop.post(&format!("/stages/basil/keys/{first}/{word}"), &[]);

    // Nobody else's page decides, nor a name that is not ours, and only of what waits.
    let path = format!("/stages/basil/keys/{first}/skip");
    assert_eq!(shop.post(&path, &[("origin", "http://evil.example")]).0, 403);
    let (status, told) = shop.post(&path, &[("host", "evil.example")]);
    assert!(status == 403 && told["detail"].as_str().unwrap().contains("STAGE_ADMIN_TOKEN"));
    for wrong in ["pizza-with-veggies-0-4711", "rubbish"] {
        assert_eq!(decide(wrong, "skip").0, 404, "{wrong}");
    }
    assert_eq!(decide(first, "eat").0, 404);
    assert_eq!(shop.post("/stages/oven/keys/a-0-0/skip", &[]).0, 404);
    assert_eq!(shop.post("/stages/view/keys/a-0-0/skip", &[]).0, 404);
    let (place, offset) = first.rsplit_once('-').unwrap();
    let second = format!("{place}-{}", offset.parse::<i64>().unwrap() + 1);
    let (status, told) = decide(&second, "skip");
    assert!(status == 409 && told["detail"].as_str().unwrap().contains("behind"), "{told}");

    // The first is given up, and lies among the dead letters.
    let (status, told) = decide(first, "skip");
    assert_eq!((status, &told["records"], &told["waiting"]), (200, &1.into(), &2.into()));
    assert_eq!(decide(first, "skip").0, 404, "it waits no more");
    let pile = |query: &str| shop.get(&format!("/stages/basil/dead-letters{query}"));
    let letters = until("its dead letter can be read", LIMIT, || {
        let (status, pile) = pile("");
        assert_eq!(status, 200, "{pile}");
        (pile["count"] == 1).then_some(pile)
    });
    let letter = &letters["letters"][0];
    assert!(letter["message"].as_str().unwrap().contains("no basil"), "{letter}");
    assert!(letter["value"].as_str().unwrap().contains(&id), "{letter}");
    assert_eq!((pile("?reason=cheese").1["count"].clone(), pile("?at=1").0), (0.into(), 400));

    // There is basil again: what waits goes on, and what was given up comes back.
    std::fs::remove_file(shop.dir.join("away")).unwrap();
    let next = until("the next is the first now", LIMIT, || {
        let (_, keys) = shop.get("/keys");
        Some(keys["keys"][0]["first"].as_str()?.to_owned())
    });
    let (status, told) = decide(&next, "retry-now");
    assert!(matches!(status, 200 | 202), "{told}");
    let pizzas = |count: usize| {
        until("so many pizzas are finished", LIMIT, || {
            let (_, order) = shop.get(&format!("/order/{id}"));
            (order["pizzas"].as_array()?.len() == count).then_some(order)
        })
    };
    pizzas(2);
    let at = format!("?at={}:{}", letter["partition"], letter["offset"]);
    let replay = |query: &str| shop.post(&format!("/stages/basil/dead-letters/replay{query}"), &[]);
    assert_eq!(replay("?reason=cheese").1["replayed"], 0);
    assert_eq!(replay(&at), (200, serde_json::json!({"replayed": 1, "left": []})));
    assert_eq!(replay("").1["replayed"], 0, "each goes once");
    assert_eq!(pizzas(3)["complete"], true);
    assert_eq!(shop.get("/keys").1["count"], 0);
    assert_eq!(replay("?what=all").0, 400);
    assert_eq!(shop.post("/stages/oven/dead-letters/replay", &[]).0, 404);
    shop.close();
}

#[test]
fn where_there_is_a_token_only_who_has_it_decides() {
    let shop = Shop::open(Some("secret"));
    assert_eq!(shop.get("/chain").1["decisions"], "token");
    let (_, key) = shop.order(2);
    let first = key["first"].as_str().unwrap();
    let release = format!("/stages/basil/keys/{first}/release");
    for path in [release.as_str(), "/stages/basil/dead-letters/replay"] {
        assert_eq!(shop.post(path, &[]).0, 401, "{path}");
        assert_eq!(shop.post(path, &[("authorization", "Bearer wrong")]).0, 401, "{path}");
    }
    let (status, told) = shop.post(&release, &[("authorization", "Bearer secret")]);
    assert_eq!((status, &told["records"], &told["waiting"]), (200, &2.into(), &0.into()));
    let pile = || shop.get("/stages/basil/dead-letters").1;
    until("both can be read", LIMIT, || (pile()["count"] == 2).then_some(()));
    let log = std::fs::read_to_string(shop.dir.join("log")).unwrap();
    assert!(!log.contains("secret"), "{log}");
    shop.close();
}
