//! The trace of an order.

use crate::new_stage::Place;
use crate::rig::until;
use serde_json::Value;
use std::time::Duration;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn an_order_has_one_trace_through_all_stages() {
    let place = Place::new();
    let (mut shop, url) = place.open();
    let order = ureq::post(format!("{url}/order/2")).header("traceparent", PARENT);
    assert_eq!(order.send_empty().unwrap().status(), 201);
    let path = format!("{url}/topics/pizza-with-veggies/records");
    let records = until("both pizzas are in the last topic", Duration::from_secs(40), || {
        let all: Value = ureq::get(&path).call().ok()?.body_mut().read_json().ok()?;
        let records = all["records"].as_array()?.clone();
        (records.len() == 2).then_some(records)
    });
    for record in records {
        let headers = record["headers"].as_array().unwrap();
        let mut parents = headers.iter().filter(|header| header["name"] == "traceparent");
        assert_eq!(parents.next().unwrap()["value"], PARENT, "{record:#}");
        assert!(parents.next().is_none(), "once: {record:#}");
    }
    assert!(shop.stop(Duration::from_secs(12)).success());
}
