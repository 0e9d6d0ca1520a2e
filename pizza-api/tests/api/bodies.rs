//! What clients send besides a path, and what the problem document says of it.

use crate::databases;
use crate::shop::{Shop, brokers, call};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Places an order with a chunked body of so many KiB, and leaves out its end if told; gives the
/// answer's head and body.
fn chunked(url: &str, kibibytes: usize, end: &str) -> String {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
    let head = "POST /order/1 HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked";
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    write!(stream, "{head}\r\nHost: {address}\r\n\r\n{}{end}", chunk.repeat(kibibytes)).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_length_has_the_same_limit() {
    let Some(servers) = brokers() else { return };
    let (_, database) = databases().remove(0);
    let shop = Shop::new(&servers).await;
    let running = shop.open(&database).await;
    let url = running.url().to_owned();
    let small = chunked(&url, 3, "0\r\n\r\n");
    assert!(small.starts_with("HTTP/1.1 201 "), "{small}");
    // It has no end: the limit does not wait for one.
    let large = chunked(&url, 5, "");
    assert!(large.starts_with("HTTP/1.1 413 "), "{large}");
    assert!(large.contains("application/problem+json") && large.contains("4096"), "{large}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_names_what_it_is_about() {
    let Some(servers) = brokers() else { return };
    let (_, database) = databases().remove(0);
    let shop = Shop::new(&servers).await;
    let running = shop.open(&database).await;
    let (status, _, body) = call("GET", running.url(), "/order/no-such", &[]);
    assert_eq!((status, body["instance"].as_str()), (404, Some("/order/no-such")), "{body}");
    let (status, _, body) = call("GET", running.url(), "/orders?limt=5", &[]);
    let detail = body["detail"].as_str().unwrap();
    assert!(status == 400 && detail.contains("limt") && detail.contains("limit"), "{body}");
    let key = ("Idempotency-Key", "with space");
    for (headers, says) in [(&[key][..], "visible ASCII"), (&[key, key][..], "given 2 times")] {
        let (status, _, body) = call("POST", running.url(), "/order/1", headers);
        let detail = body["detail"].as_str().unwrap();
        assert!(status == 400 && detail.contains(says), "{body}");
        assert!(!detail.contains("1 times"), "{body}");
    }
    running.stop().await;
}
