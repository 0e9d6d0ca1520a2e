//! The whole shop in one process, with a broker that goes away and comes back.

use crate::rig::broker::Own;
use crate::rig::process::{Process, program};
use crate::rig::{scaled, until};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const URL: &str = "http://127.0.0.1";

pub(crate) struct Shop {
    process: Process,
    port: u16,
    dir: PathBuf,
}

impl Shop {
    pub(crate) fn open(brokers: &str, port: u16, dir: &Path) -> Shop {
        std::fs::create_dir_all(dir).unwrap();
        let mut command = Command::new(program("pizza"));
        command.args(["--brokers", brokers, "--listen", &format!("127.0.0.1:{port}"), "--data"]);
        command.arg(dir.join("data"));
        let log = dir.join(format!("log-{:x}", rand::random::<u32>()));
        let shop = Shop { process: Process::start(command, &log), port, dir: dir.into() };
        let opened = || std::fs::read_to_string(&log).unwrap().contains("pizza shop open");
        until("the shop opens", Duration::from_secs(40), || opened().then_some(()));
        shop
    }

    /// `pizza order`, as somebody at a terminal would.
    fn order(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(program("pizza"))
            .args(["order", "--url", &format!("{URL}:{}", self.port)])
            .args(args)
            .output()
            .unwrap();
        // What it says besides an order goes to stderr.
        let text = if output.status.success() { output.stdout } else { output.stderr };
        (output.status.code(), String::from_utf8(text).unwrap())
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn orders_are_refused_while_the_broker_is_away_and_taken_after() {
    let broker = Own::start();
    let dir = std::env::temp_dir().join(format!("shop-{:x}", rand::random::<u64>()));
    let mut shop = Shop::open(&broker.address, free_port(), &dir);
    let (code, text) = shop.order(&["20", "--watch", "--json", "--timeout", "30"]);
    assert_eq!(code, Some(0), "{text}");
    let order: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(order["pizzas"].as_array().unwrap().len(), 20);
    let topped =
        |field: &str| order["pizzas"][7][field].as_str().is_some_and(|text| !text.is_empty());
    assert!(["sauce", "cheese", "meats", "veggies"].into_iter().all(topped), "{order}");

    broker.stop();
    let started = Instant::now();
    let (code, text) = shop.order(&["3"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    std::thread::sleep(Duration::from_secs(scaled(30).max(8) as u64));
    broker.start_again();
    until("an order is taken again", Duration::from_secs(30), || {
        (shop.order(&["5", "--watch", "--timeout", "20"]).0 == Some(0)).then_some(())
    });
    assert!(!shop.process.has_ended());

    // Another instance of the same shop finds the orders again.
    assert!(shop.process.stop(Duration::from_secs(10)).success(), "{}", dir.display());
    let mut shop = Shop::open(&broker.address, shop.port, &shop.dir);
    let id = order["id"].as_str().unwrap();
    let url = format!("{URL}:{}/order/{id}", shop.port);
    let mut answer = ureq::get(&url).call().unwrap();
    let again: serde_json::Value = answer.body_mut().read_json().unwrap();
    assert_eq!(again, order);
    assert!(shop.process.stop(Duration::from_secs(10)).success());
    std::fs::remove_dir_all(&dir).unwrap();
}
