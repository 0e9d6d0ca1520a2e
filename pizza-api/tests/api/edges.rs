//! Input at the edges of what is taken.

use crate::databases;
use crate::shop::{Shop, brokers, call, until};
use pizza_api::store::{Finished, Placing, Store};
use stage_sdk::sink::Advance;
use std::time::{Duration, Instant};

fn name(prefix: &str) -> String {
    format!("{prefix}{}", uuid::Uuid::new_v4().simple())
}

fn pizza(order: &str, identity: &str, body: &str) -> Finished {
    Finished { order_id: order.into(), identity: identity.into(), place: 1, body: body.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_compared_by_bytes() {
    for (database, url) in databases() {
        let store = Store::open(&url).await.unwrap();
        let base = name("o");
        let ids = [base.clone(), base.to_uppercase(), base.replace('o', "ö")];
        for id in &ids {
            let begun = store.begin_order(id, 1, None).await;
            assert!(matches!(begun, Ok(Placing::Send(_))), "{database} {id}: {begun:?}");
            store.placed(id).await.unwrap();
            store.write_view(&base, &[pizza(id, "0", "{}")], &[]).await.unwrap();
        }
        for id in &ids {
            let order = store.order(id).await.unwrap();
            assert_eq!(order.map(|o| o.pizzas.len()), Some(1), "{database} {id}");
        }
        for other in [format!("{base} "), format!("{base}\0"), format!(" {base}")] {
            assert_eq!(store.order(&other).await.unwrap(), None, "{database} {other:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_comes_back_whole() {
    for (database, url) in databases() {
        let store = Store::open(&url).await.unwrap();
        let id = name("o");
        store.begin_order(&id, 1, None).await.unwrap();
        store.placed(&id).await.unwrap();
        let body = format!("{:?}", "🍕".repeat(20_000));
        store.write_view(&id, &[pizza(&id, "0", &body)], &[]).await.unwrap();
        let order = store.order(&id).await.unwrap().unwrap();
        assert!(order.pizzas == [body], "{database}: {} bytes came back", order.pizzas[0].len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_open_the_same_new_database_at_once() {
    for round in 0..10 {
        let file = std::env::temp_dir().join(name("at-once-")).join("o.sqlite");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let url = format!("sqlite:{}", file.display());
        let all = (0..8).map(|_| {
            let url = url.clone();
            tokio::spawn(async move { Store::open(&url).await.map(|_| ()) })
        });
        for opened in futures::future::join_all(all).await {
            let opened = opened.unwrap();
            assert!(opened.is_ok(), "round {round}: {opened:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_at_once_with_one_key_are_one_order() {
    for (database, url) in databases() {
        let store = Store::open(&url).await.unwrap();
        for _ in 0..30 {
            let key = name("k");
            let all = (0..16).map(|_| {
                let (store, key) = (store.clone(), key.clone());
                tokio::spawn(async move { store.begin_order(&name("o"), 2, Some(&key)).await })
            });
            let all = futures::future::join_all(all).await;
            let all: Vec<Placing> = all.into_iter().map(|begun| begun.unwrap().unwrap()).collect();
            let sent = all.iter().filter(|begun| matches!(begun, Placing::Send(_))).count();
            assert_eq!(sent, 1, "{database}: {all:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advance_of_two_readers_at_once_counts_once() {
    for (database, url) in databases() {
        let store = Store::open(&url).await.unwrap();
        for _ in 0..20 {
            let topic = name("t");
            let all = (0..6).map(|n| {
                let (store, topic) = (store.clone(), topic.clone());
                tokio::spawn(async move {
                    let mark = format!("m{n}");
                    let to = Advance { partition: 0, from: None, offset: n, mark };
                    store.write_view(&topic, &[], &[to]).await.is_ok()
                })
            });
            let all = futures::future::join_all(all).await;
            let won = all.into_iter().filter(|won| *won.as_ref().unwrap()).count();
            assert_eq!(won, 1, "{database}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_is_a_problem_document() {
    let Some(servers) = brokers() else { return };
    for (database, url) in databases() {
        let shop = Shop::new(&servers).await;
        let running = shop.open(&url).await;
        let long = "9".repeat(3_000);
        for (method, path, expected) in [
            ("GET", "/order/%00", 404),
            ("GET", "/order/%ff", 400),
            ("POST", "/order/%ff", 400),
            ("POST", &format!("/order/{long}"), 400),
            ("GET", &format!("/order/{long}"), 404),
            ("GET", "/orders?limit=1&limit=2", 400),
            ("GET", "/orders?limit=%ff", 400),
            ("GET", "/orders?limit=", 400),
            ("GET", &format!("/orders?limit={long}"), 400),
            ("GET", "/order/", 404),
            ("PATCH", "/metrics", 405),
        ] {
            let (status, headers, body) = call(method, running.url(), path, &[]);
            let shown = &path[..path.len().min(40)];
            assert_eq!(status, expected, "{database} {method} {shown}: {body}");
            assert_eq!(headers["content-type"], "application/problem+json", "{method} {shown}");
            assert!(body["detail"].as_str().unwrap().len() < 300, "{method} {shown}: {body}");
        }
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_without_a_broker_takes_five_seconds_at_most() {
    let (_, url) = databases().remove(0);
    let Some(servers) = brokers() else { return };
    let mut shop = Shop::new(&servers).await;
    shop.servers = crate::shop::CLOSED.to_owned();
    let running = shop.open(&url).await;
    let store = Store::open(&url).await.unwrap();
    store.begin_order(&name("o"), 1, None).await.unwrap();
    // A client that keeps its connection open.
    let address = running.url().trim_start_matches("http://").to_owned();
    let _idle = std::net::TcpStream::connect(address).unwrap();
    until("not ready", || call("GET", running.url(), "/readyz", &[]).0 == 503).await;
    let started = Instant::now();
    running.stop().await;
    assert!(started.elapsed() < Duration::from_millis(5_500), "{:?}", started.elapsed());
}
