//! What the store promises, on each database.

use crate::databases;
use pizza_api::store::{Finished, Placing, Store};
use stage_sdk::sink::{Advance, Refusal};

fn name(prefix: &str) -> String {
    format!("{prefix}{}", uuid::Uuid::new_v4().simple())
}

fn pizza(order: &str, identity: &str, place: i64) -> Finished {
    let body =
        format!(r#"{{"order_id":"{order}","sauce":"","cheese":"","meats":"","veggies":"ü"}}"#);
    Finished { order_id: order.into(), identity: identity.into(), place, body }
}

fn advance(from: Option<&str>, offset: i64, mark: &str) -> Advance {
    Advance { partition: 3, from: from.map(str::to_owned), offset, mark: mark.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_offsets_are_stored_together_or_not_at_all() {
    for (database, url) in databases() {
        let store = Store::open(&url).await.unwrap();
        let (topic, order) = (name("t"), name("o"));
        store.begin_order(&order, 2, None).await.unwrap();
        store.placed(&order).await.unwrap();
        assert_eq!(store.positions(&topic, &[3]).await.unwrap(), [None], "{database}");
        let first = [pizza(&order, "0", 10), pizza(&order, "0", 11)];
        store.write_view(&topic, &first, &[advance(None, 12, "a")]).await.unwrap();
        // A second reader that believes nothing is stored yet, and one with an old mark.
        for stale in [advance(None, 14, "b"), advance(Some("z"), 14, "b")] {
            let refused = store.write_view(&topic, &[pizza(&order, "1", 13)], &[stale]).await;
            assert!(matches!(refused, Err(Refusal::Fenced)), "{database}: {refused:?}");
        }
        let known = store.order(&order).await.unwrap().unwrap();
        assert_eq!(
            known.pizzas.len(),
            1,
            "{database}: the same identity counts once, a fenced one not"
        );
        let more = [pizza(&order, "1", 12), pizza(&order, "2", 13)];
        store.write_view(&topic, &more, &[advance(Some("a"), 14, "b")]).await.unwrap();
        let known = store.order(&order).await.unwrap().unwrap();
        assert_eq!(known.pizzas.len(), 2, "{database}: never more than were ordered");
        assert_eq!(
            store.positions(&topic, &[3]).await.unwrap(),
            [Some((14, "b".into()))],
            "{database}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_idempotency_key_is_one_order() {
    for (database, url) in databases() {
        let store = Store::open(&url).await.unwrap();
        let (key, id) = (name("Key"), name("o"));
        let under_way = async || store.is_under_way(&key).await.unwrap();
        assert!(!under_way().await, "{database}: nobody has asked");
        let begun = store.begin_order(&id, 2, Some(&key)).await.unwrap();
        assert_eq!(begun, Placing::Send(id.clone()), "{database}");
        assert!(under_way().await, "{database}: it is being sent");
        let again = store.begin_order(&name("o"), 2, Some(&key)).await.unwrap();
        assert_eq!(again, Placing::InProgress, "{database}");
        store.failed(&id).await.unwrap();
        assert!(!under_way().await, "{database}: it was not placed");
        let after = store.begin_order(&name("o"), 2, Some(&key)).await.unwrap();
        assert_eq!(after, Placing::Send(id.clone()), "{database}: the same order is sent");
        store.placed(&id).await.unwrap();
        assert!(under_way().await, "{database}: it was placed");
        let placed = store.begin_order(&name("o"), 2, Some(&key)).await.unwrap();
        assert_eq!(placed, Placing::Placed(id.clone()), "{database}");
        let differs = store.begin_order(&name("o"), 3, Some(&key)).await.unwrap();
        assert_eq!(differs, Placing::Differs(2), "{database}");
        let other = store.begin_order(&name("o"), 2, Some(&key.to_uppercase())).await.unwrap();
        assert!(matches!(other, Placing::Send(_)), "{database}: keys are compared with their case");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_orders_are_forgotten_and_young_ones_are_not() {
    for (database, url) in databases() {
        let store = Store::open(&url).await.unwrap();
        let id = name("o");
        store.begin_order(&id, 1, None).await.unwrap();
        store.placed(&id).await.unwrap();
        store.forget(std::time::Duration::from_secs(3_600)).await.unwrap();
        assert!(store.order(&id).await.unwrap().is_some(), "{database}");
        while store.forget(std::time::Duration::ZERO).await.unwrap() > 0 {}
        assert!(store.order(&id).await.unwrap().is_none(), "{database}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_cannot_be_opened_is_told_without_its_password() {
    use pizza_api::store::OpenError;
    for url in [
        "oracle://u:secret@h/d",
        "postgres://u:secret@127.0.0.1:1/d",
        "sqlite:/dev/null/x/y",
        "secret",
    ] {
        match Store::open(url).await {
            Err(OpenError::Usage(text) | OpenError::Away(text)) => {
                assert!(!text.contains("u:secret"), "{text}");
            }
            Ok(_) => panic!("{url} was opened"),
        }
    }
}
