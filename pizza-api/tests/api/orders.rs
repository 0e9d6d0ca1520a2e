//! Orders over HTTP.

use crate::databases;
use crate::shop::{CLOSED, Shop, brokers, call, until};
use pizza_api::store::{Placing, Store};
use sqlx::Connection;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

fn place(url: &str, count: u32) -> String {
    let (status, headers, body) = call("POST", url, &format!("/order/{count}"), &[]);
    assert_eq!(status, 201, "{body}");
    let id = body["order_id"].as_str().unwrap().to_owned();
    assert_eq!(headers["location"], format!("/order/{id}"));
    assert_eq!(body.as_object().unwrap().len(), 1);
    id
}

fn complete(url: &str, id: &str) -> bool {
    let (status, _, body) = call("GET", url, &format!("/order/{id}"), &[]);
    status == 200 && body["complete"] == true
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_comes_back_complete_from_any_instance_and_after_a_restart() {
    let Some(servers) = brokers() else { return };
    for (database, url) in databases() {
        let mut shop = Shop::new(&servers).await;
        let first = shop.open(&url).await;
        let id = place(first.url(), 7);
        let (status, _, body) = call("GET", first.url(), &format!("/order/{id}"), &[]);
        assert_eq!(
            (status, &body["count"], &body["complete"]),
            (200, &7.into(), &false.into()),
            "{database}"
        );
        // Restarted in mid-order: with SQLite one instance at a time, else a second beside it.
        let second = if database == "SQLite" {
            first.stop().await;
            let second = shop.open(&url).await;
            shop.copy();
            second
        } else {
            let second = shop.open(&url).await;
            shop.copy();
            until("the first answers", || complete(first.url(), &id)).await;
            let other = place(first.url(), 3);
            until("the second answers for the first", || complete(second.url(), &other)).await;
            first.stop().await;
            second
        };
        until("the order is complete", || complete(second.url(), &id)).await;
        let (_, _, body) = call("GET", second.url(), &format!("/order/{id}"), &[]);
        let pizzas = body["pizzas"].as_array().unwrap();
        assert_eq!(pizzas.len(), 7, "{database}");
        let fields: Vec<&String> = pizzas[0].as_object().unwrap().keys().collect();
        assert_eq!(fields, ["order_id", "sauce", "cheese", "meats", "veggies"], "{database}");
        let (_, _, body) = call("GET", second.url(), "/orders?limit=1000", &[]);
        let listed =
            body["orders"].as_array().unwrap().iter().any(|order| order["id"] == id.as_str());
        assert!(listed, "{database}");
        second.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_posts_with_one_idempotency_key_are_one_order() {
    let Some(servers) = brokers() else { return };
    for (database, url) in databases() {
        let shop = Shop::new(&servers).await;
        let running = shop.open(&url).await;
        let key = uuid::Uuid::new_v4().to_string();
        let post = |count: u32| {
            let (url, key) = (running.url().to_owned(), key.clone());
            std::thread::spawn(move || {
                call("POST", &url, &format!("/order/{count}"), &[("Idempotency-Key", &key)])
            })
        };
        let both = [post(2), post(2)].map(|thread| thread.join().unwrap());
        assert_eq!(both.each_ref().map(|answer| answer.0), [201, 201], "{database}");
        assert_eq!(both[0].2, both[1].2, "{database}");
        let third = post(3).join().unwrap();
        assert_eq!(third.0, 422, "{database}: {}", third.2);
        let bad = call("POST", running.url(), "/order/1", &[("Idempotency-Key", "two words")]);
        assert_eq!(bad.0, 400, "{database}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_with_field_value_and_limit() {
    let Some(servers) = brokers() else { return };
    let (_, url) = databases().remove(0);
    let shop = Shop::new(&servers).await;
    let running = shop.open(&url).await;
    for count in ["0", "-1", "1001", "abc", "1.5", "99999999999999999999", "+5", "%00"] {
        let (status, headers, body) = call("POST", running.url(), &format!("/order/{count}"), &[]);
        assert_eq!((status, &body["status"]), (400, &400.into()), "{count}: {body}");
        assert_eq!(headers["content-type"], "application/problem+json");
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains("count") && detail.contains("1000"), "{detail}");
    }
    let (status, _, body) = call("GET", running.url(), "/order/17", &[]);
    assert_eq!(
        (status, body["detail"].as_str()),
        (404, Some("Order not found, perhaps it's not ready yet."))
    );
    for limit in ["0", "1001", "x"] {
        assert_eq!(call("GET", running.url(), &format!("/orders?limit={limit}"), &[]).0, 400);
    }
    assert_eq!(call("GET", running.url(), "/nowhere", &[]).0, 404);
    for (method, path) in [("DELETE", "/order/1"), ("POST", "/orders"), ("PUT", "/healthz")] {
        let (status, headers, _) = call(method, running.url(), path, &[]);
        assert_eq!(status, 405, "{method} {path}");
        assert!(headers.contains_key("allow"), "{method} {path}");
    }
    assert_eq!(call("GET", running.url(), "/healthz", &[]).0, 200);
    assert!(
        call("GET", running.url(), "/metrics", &[])
            .2
            .as_str()
            .unwrap()
            .contains("pizza_broker_up 1")
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_an_order_is_refused_in_time_and_the_shop_lives() {
    let (_, url) = databases().remove(0);
    let Some(servers) = brokers() else { return };
    let mut shop = Shop::new(&servers).await;
    shop.servers = CLOSED.to_owned();
    let running = shop.open(&url).await;
    let started = Instant::now();
    let (status, headers, _) = call("POST", running.url(), "/order/1", &[]);
    assert_eq!(status, 503);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(headers.contains_key("retry-after"));
    assert_eq!(call("GET", running.url(), "/readyz", &[]).0, 503);
    assert_eq!(call("GET", running.url(), "/healthz", &[]).0, 200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_orders_than_are_taken_in_a_second_come_again_later() {
    let Some(servers) = brokers() else { return };
    let mut shop = Shop::new(&servers).await;
    shop.orders_per_second = NonZeroU32::new(2);
    let (_, url) = databases().remove(0);
    let running = shop.open(&url).await;
    let order = || call("POST", running.url(), "/order/1", &[]);
    let refused = (0..20).map(|_| order()).find(|(status, ..)| *status == 429);
    let (_, headers, body) = refused.expect("a 429 among 20 orders");
    assert_eq!(headers["content-type"], "application/problem+json", "{body}");
    assert_eq!(headers["retry-after"], "1", "{body}");
    assert!(body["detail"].as_str().unwrap().contains("2 orders a second"), "{body}");
    // Under its key an order is placed once: who asks again is told so, also while there is no leave.
    let keyed = || call("POST", running.url(), "/order/1", &[("idempotency-key", "k")]);
    until("there is leave for it", || keyed().0 == 201).await;
    let placed = keyed().2;
    let refused = (0..20).map(|_| order()).find(|(status, ..)| *status == 429);
    assert!(refused.is_some() && keyed().0 == 201 && keyed().2 == placed, "{placed}");
    // Who is refused has cost the database nothing.
    let is_refused = |key: &String| {
        call("POST", running.url(), "/order/1", &[("idempotency-key", key)]).0 == 429
    };
    let refused = (0..20).map(|number| format!("other-{number}")).find(is_refused).expect("a 429");
    let store = Store::open(&url).await.unwrap();
    let begun = store.begin_order("mine", 1, Some(&refused)).await.unwrap();
    assert_eq!(begun, Placing::Send("mine".into()), "{refused}");
    until("there is leave again", || order().0 == 201).await;
    let (status, _, body) = call("GET", running.url(), "/orders", &[]);
    assert_eq!(status, 200, "only orders are limited: {body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_the_view_is_behind_is_a_metric() {
    let Some(servers) = brokers() else { return };
    let (database, url) = databases().remove(0);
    assert_eq!(database, "SQLite");
    let mut shop = Shop::new(&servers).await;
    let running = shop.open(&url).await;
    let lag = || -> Option<u64> {
        let (_, _, metrics) = call("GET", running.url(), "/metrics", &[]);
        let mut lines = metrics.as_str()?.lines();
        lines.find_map(|line| line.strip_prefix("pizza_view_lag_records "))?.parse().ok()
    };
    until("it is not behind", || lag() == Some(0)).await;
    let id = place(running.url(), 20);
    let mut another = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut another).await.unwrap();
    shop.copy();
    until("all pizzas wait for the database", || lag() == Some(20)).await;
    sqlx::raw_sql("ROLLBACK").execute(&mut another).await.unwrap();
    until("it is not behind any more", || lag() == Some(0)).await;
    assert!(complete(running.url(), &id));
    running.stop().await;
}
