//! The API, on every database that is here, with a real broker.
//!
//! `STAGE_TEST_BROKERS`, `STAGE_TEST_POSTGRES` and `STAGE_TEST_MYSQL` say where those are.

#![allow(unreachable_pub, reason = "a test program exports nothing")]

mod bodies;
mod edges;
mod kitchen;
#[path = "../../../tests/rig/machine.rs"]
mod machine;
mod orders;
mod shop;
mod store;

/// SQLite always; the others where their URL is given. The test has them for itself: what one forgets, and which orders
/// are the newest, is what another has in them.
fn databases() -> Vec<(&'static str, String)> {
    machine::alone();
    let file = std::env::temp_dir().join(format!("orders-{}.sqlite", uuid::Uuid::new_v4()));
    let mut all = vec![("SQLite", format!("sqlite:{}", file.display()))];
    for (name, variable) in [("PostgreSQL", "STAGE_TEST_POSTGRES"), ("MariaDB", "STAGE_TEST_MYSQL")]
    {
        match std::env::var(variable) {
            Ok(url) if !url.is_empty() => all.push((name, url)),
            _ => eprintln!("!!!!!! {name} IS SKIPPED: {variable} is not set !!!!!!"),
        }
    }
    all
}
