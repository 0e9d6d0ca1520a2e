//! What the page is told, while it happens.

use crate::databases;
use crate::shop::{Shop, brokers, call, until};
use pizza_api::Running;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A stream of events that somebody reads; each has 20 s to come.
struct Events {
    lines: std::io::Lines<BufReader<TcpStream>>,
}

impl Events {
    fn open(shop: &Running, path: &str, headers: &str) -> Events {
        let address = shop.url().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n").unwrap();
        let mut lines = BufReader::new(stream).lines();
        let status = lines.next().unwrap().unwrap();
        assert!(status.contains(" 200 "), "{status}");
        Events { lines }
    }

    /// The next one; none: the stream has ended.
    fn next(&mut self) -> Option<Value> {
        for line in self.lines.by_ref() {
            let line = line.expect("an event, or the end, within 20 s");
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).unwrap());
            }
            if line == "0" {
                return None;
            }
        }
        None
    }

    /// The first in which this is so, within 60 s.
    fn until(&mut self, what: &str, so: impl Fn(&Value) -> bool) -> Value {
        let (started, mut last) = (Instant::now(), None);
        while started.elapsed() < Duration::from_secs(60) {
            match self.next() {
                Some(event) if so(&event) => return event,
                Some(event) => last = Some(event),
                None => panic!("the stream ended before: {what}; the last was {last:#?}"),
            }
        }
        panic!("not within 60 s: {what}; the last was {last:#?}");
    }
}

fn place(shop: &Running, count: u32) -> String {
    let (status, _, body) = call("POST", shop.url(), &format!("/order/{count}"), &[]);
    assert_eq!(status, 201, "{body}");
    body["order_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_seen_on_its_way() {
    let Some(servers) = brokers() else { return };
    for (_, url) in databases() {
        let mut shop = Shop::new(&servers).await;
        let (first, last) = (shop.first(), format!("{}-last", shop.name));
        let running = shop.open(&url).await;
        let before = place(&running, 2);
        let mut events = Events::open(&running, "/events", "");
        let id = place(&running, 3);
        let walk = |event: &Value, id: &str| {
            let orders = event["orders"].as_array().unwrap();
            let order = orders.iter().find(|order| order["id"] == id)?;
            let reached = |topic: &str| order["reached"][topic].as_i64();
            Some((reached(&first)?, reached(&last)?, order["complete"].as_bool()?))
        };
        let stage = |event: &Value, at: usize| {
            let stage = &event["stages"][at];
            (stage["lag"].as_i64(), stage["instances"].as_i64())
        };
        events.until("both orders are in the first topic", |event| {
            walk(event, &before) == Some((2, 0, false)) && walk(event, &id) == Some((3, 0, false))
        });
        // The mark of the first order's transaction may be among them.
        let waiting =
            events.until("nobody works", |event| matches!(stage(event, 0), (Some(5 | 6), Some(0))));
        let rate = |event: &Value, at: usize| event["topics"][at]["records_per_second"].as_f64();
        assert_eq!(waiting["topics"][0]["name"], first.as_str());
        assert_eq!(rate(&waiting, 1), Some(0.0), "{waiting:#}");

        shop.copy();
        let done = events.until("all is done", |event| {
            walk(event, &before) == Some((2, 2, true)) && walk(event, &id) == Some((3, 3, true))
        });
        assert_eq!(done["trouble"], Value::Null);
        events.until("somebody works, and the view has read all", |event| {
            stage(event, 0).1 == Some(1) && stage(event, 1) == (Some(0), Some(1))
        });
        events.until("what came is counted", |event| {
            rate(event, 1) > Some(0.0) && event["topics"][1]["age_ms"]["p99"].as_u64().is_some()
        });
        events.until("it does not go on coming", |event| rate(event, 1) == Some(0.0));
        running.stop().await;
        assert!(events.next().is_none_or(|_| events.next().is_none()), "the shop is closed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_followed_to_its_end() {
    let Some(servers) = brokers() else { return };
    let mut shop = Shop::new(&servers).await;
    let running = shop.open("sqlite::memory:").await;
    let id = place(&running, 4);
    let path = format!("/order/{id}/events");
    let mut events = Events::open(&running, &path, "");
    events.until("it is in the first topic", |event| event["reached"][shop.first()] == 4);
    shop.copy();
    let done = events.until("it is complete", |event| event["complete"] == true);
    assert_eq!((&done["id"], &done["count"]), (&id.as_str().into(), &4.into()));
    assert_eq!(events.next(), None, "after the last event the stream ends");

    // Its mark is that of the numbers.
    let (status, _, _) = call("GET", running.url(), &path, &[("Last-Event-ID", "4-4-complete")]);
    assert_eq!(status, 204);
    let mut again = Events::open(&running, &path, "Last-Event-ID: 4-4\r\n");
    assert_eq!(again.next().unwrap()["complete"], true);
    assert_eq!(again.next(), None);
    let (status, headers, body) = call("GET", running.url(), "/order/4711/events", &[]);
    assert_eq!((status, &*headers["content-type"]), (404, "application/problem+json"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_records_of_an_order_belong_to_one_trace() {
    let Some(servers) = brokers() else { return };
    let shop = Shop::new(&servers).await;
    let running = shop.open("sqlite::memory:").await;
    let parents = |count: usize, headers: &[(&str, &str)]| {
        let (status, _, body) = call("POST", running.url(), &format!("/order/{count}"), headers);
        assert_eq!(status, 201, "{body}");
        let path = format!("/topics/{}/records?limit={count}", shop.first());
        let (_, _, all) = call("GET", running.url(), &path, &[]);
        let parent = |record: &Value| {
            let headers = record["headers"].as_array().unwrap();
            let of_name = |name: &str| {
                let mut all = headers.iter().filter(|header| header["name"] == name);
                all.next().map(|header| header["value"].as_str().unwrap().to_owned())
            };
            (of_name("traceparent").unwrap(), of_name("tracestate"))
        };
        all["records"].as_array().unwrap().iter().map(parent).collect::<Vec<_>>()
    };
    let given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    let clients = parents(3, &[("traceparent", given), ("tracestate", "a=b")]);
    assert_eq!(clients, vec![(given.to_owned(), Some("a=b".to_owned())); 3]);
    let own = parents(3, &[]);
    assert!(own.iter().all(|parent| *parent == own[0] && parent.0 != given), "{own:?}");
    let others = parents(3, &[("traceparent", "rubbish"), ("tracestate", "a=b")]);
    assert!(others[0].0.starts_with("00-") && others[0].1.is_none(), "{others:?}");
    assert_ne!(own[0], others[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_shows_its_newest_records() {
    let Some(servers) = brokers() else { return };
    let shop = Shop::new(&servers).await;
    let running = shop.open("sqlite::memory:").await;
    let get = |path: &str| call("GET", running.url(), path, &[]);
    let first = format!("/topics/{}/records", shop.first());
    assert_eq!(get(&first).2["records"], Value::Array(vec![]), "an empty topic");
    let ids = [place(&running, 30), place(&running, 2)];
    let (status, _, all) = get(&first);
    assert_eq!((status, all["records"].as_array().unwrap().len()), (200, 20), "{all:#}");
    let newest = &all["records"][0];
    assert_eq!(newest["key"], format!("{:?}", ids[1]), "{newest:#}");
    assert!(newest["value"].as_str().unwrap().contains(&ids[1]), "{newest:#}");
    let header = &newest["headers"][0];
    assert_eq!((&header["name"], &header["value"]), (&"pizza-seq".into(), &"1".into()));
    assert_eq!(newest["cut"], false);
    let three = get(&format!("{first}?limit=3")).2;
    assert_eq!(three["records"].as_array().unwrap()[..], all["records"].as_array().unwrap()[..3]);
    for (path, status) in [
        (format!("{first}?limit=0"), 400),
        (format!("{first}?limit=101"), 400),
        ("/topics/none/records".to_owned(), 404),
        // A topic of the broker that is not of the chain is nobody's business.
        (format!("/topics/{}-last.view.dlq/records", shop.name), 404),
    ] {
        let (got, _, body) = get(&path);
        assert_eq!(got, status, "{path}: {body}");
    }
    let (status, _, chain) = get("/chain");
    assert_eq!((status, &chain["stages"][0]["name"]), (200, &"copy".into()), "{chain:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_has_a_limit_and_ends_with_the_shop() {
    let Some(servers) = brokers() else { return };
    let shop = Shop::new(&servers).await;
    let running = shop.open("sqlite::memory:").await;
    let mut all: Vec<Events> = (0..100).map(|_| Events::open(&running, "/events", "")).collect();
    let (status, headers, _) = call("GET", running.url(), "/events", &[]);
    assert_eq!((status, headers.contains_key("retry-after")), (503, true));
    all.truncate(99);
    // That it has gone is noticed with the next event.
    until("a place is free", || {
        let address = running.url().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        BufReader::new(stream).lines().next().unwrap().unwrap().contains(" 200 ")
    })
    .await;
    let started = Instant::now();
    running.stop().await;
    for events in &mut all {
        while events.next().is_some() {}
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_somebody_else_orders_nothing() {
    let Some(servers) = brokers() else { return };
    let shop = Shop::new(&servers).await;
    let running = shop.open("sqlite::memory:").await;
    let order = |origin: &str| call("POST", running.url(), "/order/1", &[("Origin", origin)]);
    let (status, headers, body) = order("http://evil.example");
    assert_eq!((status, &*headers["content-type"]), (403, "application/problem+json"), "{body}");
    assert!(body["detail"].as_str().unwrap().contains("evil.example"), "{body}");
    assert_eq!(call("GET", running.url(), "/orders", &[]).2["orders"], Value::Array(vec![]));
    assert_eq!(order(running.url()).0, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_there_and_loads_nothing_from_elsewhere() {
    let Some(servers) = brokers() else { return };
    let shop = Shop::new(&servers).await;
    let running = shop.open("sqlite::memory:").await;
    for (path, kind) in
        [("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")]
    {
        let (status, headers, body) = call("GET", running.url(), path, &[]);
        assert_eq!(status, 200, "{path}");
        assert!(headers["content-type"].starts_with(kind), "{path}: {headers:?}");
        assert!(headers["content-security-policy"].contains("default-src 'self'"), "{headers:?}");
        assert!(body.as_str().is_some_and(|text| text.len() > 500), "{path}");
    }
    assert_eq!(call("POST", running.url(), "/", &[]).0, 405);
}
