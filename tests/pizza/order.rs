//! `pizza order` at a shop that does not always answer.

use crate::rig::process::program;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

const PLACED: &str = r#"201 Created|{"order_id":"77"}"#;
const AWAY: &str = r#"503 Service Unavailable|{"title":"Away","detail":"the broker is away"}"#;
const DONE: &str = r#"200 OK|{"id":"77","count":1,"complete":true,"pizzas":[{"sauce":"light"}]}"#;

/// No answer: the connection just ends.
const NONE: &str = "";

/// A shop that gives these answers, one a connection; in the end it gives the requests' heads.
fn shop(answers: &'static [&'static str]) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = move |text: &str| {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(&stream).lines().map(Result::unwrap);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        if let Some((status, body)) = text.split_once('|') {
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close");
            stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
        }
        head.join("\n").to_lowercase()
    };
    (url, std::thread::spawn(move || answers.iter().map(|text| answer(text)).collect()))
}

fn order(url: &str, more: &[&str]) -> Output {
    let mut command = Command::new(program("pizza"));
    command.args(["order", "1", "--url", url]).args(more).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn an_order_whose_answer_is_lost_is_sent_again_under_its_key() {
    let (url, heads) = shop(&[NONE, PLACED]);
    let output = order(&url, &[]);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "77\n"));
    let heads = heads.join().unwrap();
    let key = |head: &String| {
        head.lines().find(|line| line.starts_with("idempotency-key: ")).map(str::to_owned)
    };
    assert!(key(&heads[0]).is_some(), "{heads:?}");
    assert_eq!(key(&heads[0]), key(&heads[1]));
}

#[test]
fn an_order_that_is_never_answered_says_how_to_ask_again() {
    let (url, heads) = shop(&[NONE, NONE, NONE]);
    let output = order(&url, &[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("curl -X POST -H 'Idempotency-Key: "), "{said}");
    heads.join().unwrap();
}

#[test]
fn watching_outlasts_a_shop_that_is_away() {
    let (url, heads) = shop(&[PLACED, NONE, AWAY, DONE]);
    let output = order(&url, &["--watch"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("order 77"), "the order can be found again: {said}");
    assert!(text(&output.stdout).contains("light"));
    heads.join().unwrap();
}

#[test]
fn watching_ends_in_time_and_names_the_order() {
    let (url, heads) = shop(&[PLACED, AWAY]);
    let output = order(&url, &["--watch", "--timeout", "0"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the broker is away") && said.contains("/order/77"), "{said}");
    heads.join().unwrap();
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let (url, heads) = shop(&[PLACED, DONE]);
    let mut command = Command::new(program("pizza"));
    command.args(["order", "1", "--watch", "--url", &url]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    drop(process.stdout.take());
    let output = process.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "order 77\n");
    heads.join().unwrap();
}

#[test]
fn no_shop_at_all_is_told_at_once() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [format!("http://{free}"), "http://no.such.host.invalid:8094".to_owned()] {
        let output = order(&url, &[]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("no shop at {url}")) && said.contains("pizza up"), "{said}");
    }
}

#[test]
fn an_address_that_is_none_of_a_shop_is_refused() {
    for url in ["nonsense", "", "https://127.0.0.1:8094", "127.0.0.1:8094", "http://", "http://h:x"]
    {
        let output = order(url, &[]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{url:?}: {said}");
        assert!(said.contains(&format!("{url:?}")), "{said}");
        assert!(said.contains("http://HOST:PORT"), "{said}");
    }
    let mut unset = Command::new(program("pizza"));
    let output = unset.args(["order", "1"]).env("STAGE_URL", "").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}
