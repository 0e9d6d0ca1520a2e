//! What stands still is seen and decided at the shop's own address.

use crate::basil::{LIMIT, Shop};
use crate::rig::until;
use serde_json::Value;

/// It cannot be done while the file `away` is there. The value is the last of a line.
const SCRIPT: &str = r#"while read -r line; do
  id=$(printf '%s' "$line" | sed -E 's/^\{"id":([0-9]+),.*/\1/')
  value=$(printf '%s' "$line" | sed -E 's/.*"value":(\{.*\})\}$/\1/')
  if [ -e "$1/away" ]; then printf '{"id":%s,"retry":"no basil"}\n' "$id"
  else printf '{"id":%s,"value":%s}\n' "$id" "$value"; fi
done
"#;

/// Who fails is held at once: nothing goes on by itself.
const SLOW: &str =
    r#"retry = { policy = "ordered", attempts = 1, backoff = "1h..1h", in_place_for = "1ms" }"#;

fn open(token: Option<&str>) -> Shop {
    Shop::open(SCRIPT, &["away"], SLOW, token)
}

/// An order's id, and its key once all of its pizzas wait.
fn waiting(shop: &Shop, count: usize) -> (String, Value) {
    let id = shop.order(count);
    let key = until("its pizzas wait", LIMIT, || {
        let (_, keys) = shop.get("/keys");
        let key = keys["keys"].as_array()?.iter().find(|key| {
            key["key"].as_str().is_some_and(|key| key.contains(&id)) && key["records"] == count
        });
        key.cloned()
    });
    (id, key)
}

#[test]
fn what_stands_still_is_seen_and_decided_at_the_shop() {
    let shop = open(None);
    assert_eq!(shop.get("/chain").1["decisions"], "open");
    let (id, key) = waiting(&shop, 3);
    assert_eq!((&key["stage"], &key["held"]), (&"basil".into(), &true.into()), "{key}");
    assert_eq!((&key["attempts"], &key["error"]), (&1.into(), &"no basil".into()), "{key}");
    let first = key["first"].as_str().unwrap();
    let decide =
        |first: &str, word: &str| shop.post(&format!("/stages/basil/keys/{first}/{word}"), &[]);

    // Nobody else's page decides, nor asks by a name that is not ours, nor who comes by a proxy; and only of what waits.
    let path = format!("/stages/basil/keys/{first}/skip");
    assert_eq!(shop.post(&path, &[("origin", "http://evil.example")]).0, 403);
    assert_eq!(shop.post(&path, &[("host", "evil.example")]).0, 421);
    let (status, told) = shop.post(&path, &[("x-forwarded-for", "203.0.113.9")]);
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
    shop.pizzas(&id, 2);
    let at = format!("?at={}:{}", letter["partition"], letter["offset"]);
    let replay = |query: &str| shop.post(&format!("/stages/basil/dead-letters/replay{query}"), &[]);
    assert_eq!(replay("?reason=cheese").1["replayed"], 0);
    assert_eq!(replay(&at), (200, serde_json::json!({"replayed": 1, "left": []})));
    assert_eq!(replay("").1["replayed"], 0, "each goes once");
    assert_eq!(shop.pizzas(&id, 3)["complete"], true);
    assert_eq!(shop.get("/keys").1["count"], 0);
    assert_eq!(replay("?what=all").0, 400);
    assert_eq!(shop.post("/stages/oven/dead-letters/replay", &[]).0, 404);
    shop.close();
}

#[test]
fn where_there_is_a_token_only_who_has_it_decides() {
    let shop = open(Some("secret"));
    assert_eq!(shop.get("/chain").1["decisions"], "token");
    let (_, key) = waiting(&shop, 2);
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

/// Rejects all. The value is the last of a line.
const STRICT: &str = r#"while read -r line; do
  id=$(printf '%s' "$line" | sed -E 's/^\{"id":([0-9]+),.*/\1/')
  value=$(printf '%s' "$line" | sed -E 's/.*"value":(\{.*\})\}$/\1/')
  if [ -e "$1/away" ]; then printf '{"id":%s,"reject":"no basil"}\n' "$id"
  else printf '{"id":%s,"value":%s}\n' "$id" "$value"; fi
done
"#;

/// A stage that is started at least once has no lane, whatever its route map says.
#[test]
fn what_is_replayed_goes_where_the_stage_reads() {
    let shop = Shop::open_with(&["--delivery", "at-least-once"], STRICT, &["away"], "", None);
    let id = shop.order(5);
    until("all are dead", LIMIT, || {
        let (_, pile) = shop.get("/stages/basil/dead-letters");
        (pile["count"] == 5).then_some(())
    });
    std::fs::remove_file(shop.dir.join("away")).unwrap();
    let replay = "/stages/basil/dead-letters/replay";
    assert_eq!(shop.post(&format!("{replay}?to=retry-lane"), &[]).0, 409);
    let told: Vec<(u16, Value)> = std::thread::scope(|scope| {
        let posts: Vec<_> = (0..4).map(|_| scope.spawn(|| shop.post(replay, &[]))).collect();
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    let replayed: u64 = told.iter().filter_map(|(_, told)| told["replayed"].as_u64()).sum();
    assert_eq!(replayed, 5, "each once: {told:?}");
    let answers = |status| told.iter().filter(|(told, _)| *told == status).count();
    assert_eq!(answers(200) + answers(409), 4, "{told:?}");
    assert_eq!(shop.pizzas(&id, 5)["complete"], true);
    assert_eq!(shop.get("/keys").1["count"], 0);
    shop.close();
}
