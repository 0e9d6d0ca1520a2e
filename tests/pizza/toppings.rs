//! What lies on the pizzas: the right things, as often as the menu says, and for one seed always
//! the same.

use crate::rig::chain::Chain;
use crate::rig::judge::{Judge, Seen, exactly_once, identity};
use crate::rig::orders::Orders;
use crate::rig::{broker, scaled, until};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// The pizzas are a function of the seed, so this test says the same each time.
const SEED: u64 = 20_261_121;

const ORDERS: usize = 50;

const MEATS: [&str; 6] = ["pepperoni", "sausage", "ham", "anchovies", "salami", "bacon"];
const VEGGIES: [&str; 6] = ["tomato", "olives", "onions", "peppers", "pineapple", "mushrooms"];

/// Entries on the list of nine sauces.
const SAUCES: [(&str, f64); 5] = [
    ("regular", 2.0 / 9.0),
    ("light", 2.0 / 9.0),
    ("extra", 2.0 / 9.0),
    ("alfredo", 2.0 / 9.0),
    ("none", 1.0 / 9.0),
];

/// Entries on the list of seven cheeses.
const CHEESES: [(&str, f64); 4] = [
    ("extra", 2.0 / 7.0),
    ("three cheese", 2.0 / 7.0),
    ("goat cheese", 2.0 / 7.0),
    ("none", 1.0 / 7.0),
];

/// How often a list of meats or vegetables has none to four names. None to four are drawn with
/// equal chance, with replacement from six. Of the 6^4 = 1296 ways to draw four, 6 give one name,
/// 210 two, 720 three and 360 four; of the 216 to draw three 6, 90 and 120; of the 36 to draw two
/// 6 and 30.
const NAMES: [f64; 5] =
    [1296.0 / 6480.0, 1554.0 / 6480.0, 1830.0 / 6480.0, 1440.0 / 6480.0, 360.0 / 6480.0];

/// Upper critical values of the chi-square distribution for alpha = 0.001, by degrees of freedom:
/// NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.6.7.4.
const CRITICAL: [(usize, f64); 4] = [(3, 16.266), (4, 18.467), (19, 43.820), (24, 51.179)];

/// A pizza's toppings, by field.
type Toppings = BTreeMap<String, String>;

fn toppings(seen: &Seen) -> Toppings {
    serde_json::from_slice(seen.value.as_deref().unwrap()).unwrap()
}

/// Bakes pizzas with this seed; half way the stages are killed and started again, if told to.
fn bake(seed: u64, count: usize, restart: bool) -> HashMap<(String, usize), Toppings> {
    let mut chain = Chain::pizza(&broker::shared());
    chain.flags = vec!["--seed".into(), seed.to_string()];
    let mut stages = chain.start_all();
    let mut orders = Orders::new(&chain.brokers, chain.first(), ORDERS);
    let mut judge = Judge::of(&chain.brokers, chain.last());
    if restart {
        orders.write(count / 2);
        orders.flush();
        until("pizzas come out", Duration::from_secs(30), || {
            (judge.look(Duration::from_millis(1)) > 0).then_some(())
        });
        // Some are done, some are under way; the second half follows at once.
        stages.iter_mut().for_each(|stage| stage.kill());
        orders.write(count - count / 2);
        stages = chain.start_all();
    } else {
        orders.write(count);
    }
    orders.flush();
    let seen = judge.expect(count, Duration::from_secs(60));
    exactly_once(chain.last(), seen, &orders.written);
    for stage in &mut stages {
        assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
    }
    seen.iter().map(|seen| (identity(seen), toppings(seen))).collect()
}

/// None, or the names of a list.
fn names(text: &str) -> Vec<&str> {
    if text == "none" { Vec::new() } else { text.split(" & ").collect() }
}

/// Only what is on the menu is on a pizza.
fn on_the_menu(order: &str, pizza: &Toppings) {
    let fields: Vec<&str> = pizza.keys().map(String::as_str).collect();
    assert_eq!(fields, ["cheese", "meats", "order_id", "sauce", "veggies"]);
    assert_eq!(pizza["order_id"], order);
    for (field, menu) in [("sauce", &SAUCES[..]), ("cheese", &CHEESES)] {
        assert!(menu.iter().any(|(name, _)| *name == pizza[field]), "{field}: {}", pizza[field]);
    }
    for (field, menu) in [("meats", MEATS), ("veggies", VEGGIES)] {
        let names = names(&pizza[field]);
        let distinct: BTreeSet<&str> = names.iter().copied().collect();
        assert!(names.iter().all(|name| menu.contains(name)), "{field}: {}", pizza[field]);
        assert_eq!(distinct.len(), names.len(), "{field}: {}", pizza[field]);
        assert!(names.len() <= 4, "{field}: {}", pizza[field]);
    }
}

/// Counts against chances: each cell's square of the distance, over what is expected there.
fn chi_square(what: &str, seen: &[String], chances: &BTreeMap<String, f64>) {
    let total = seen.len() as f64;
    assert!((chances.values().sum::<f64>() - 1.0).abs() < 1e-9, "{what}: chances");
    let mut counts: BTreeMap<&str, f64> = BTreeMap::new();
    for cell in seen {
        assert!(chances.contains_key(cell), "{what}: there is no {cell}");
        *counts.entry(cell).or_default() += 1.0;
    }
    let mut sum = 0.0;
    for (cell, chance) in chances {
        let expected = chance * total;
        assert!(expected >= 5.0, "{what}: too few for {cell}");
        sum += (counts.get(&**cell).unwrap_or(&0.0) - expected).powi(2) / expected;
    }
    let freedom = chances.len() - 1;
    let (_, critical) = CRITICAL.iter().find(|(known, _)| *known == freedom).unwrap();
    eprintln!("{what}: chi-square {sum:.1}, {freedom} degrees of freedom, critical {critical}");
    assert!(sum < *critical, "{what}: chi-square {sum:.1} is over {critical}: {counts:?}");
}

/// The chances of two things that have nothing to do with each other.
fn both<'c>(
    one: impl Iterator<Item = (String, f64)>,
    two: impl Iterator<Item = (String, f64)> + Clone + 'c,
) -> BTreeMap<String, f64> {
    let pairs = one.flat_map(|(a, p)| two.clone().map(move |(b, q)| (format!("{a} | {b}"), p * q)));
    pairs.collect()
}

#[test]
fn toppings_are_as_frequent_as_the_menu_says() {
    let pizzas = bake(SEED, scaled(20_000).max(9_000), false);
    let each = |cell: &dyn Fn(&Toppings) -> String| pizzas.values().map(cell).collect::<Vec<_>>();
    pizzas.iter().for_each(|((order, _), pizza)| on_the_menu(order, pizza));
    let own = |menu: &'static [(&'static str, f64)]| {
        menu.iter().map(|(name, chance)| ((*name).to_owned(), *chance))
    };
    chi_square("sauce", &each(&|pizza| pizza["sauce"].clone()), &own(&SAUCES).collect());
    chi_square("cheese", &each(&|pizza| pizza["cheese"].clone()), &own(&CHEESES).collect());
    let pair = each(&|pizza| format!("{} | {}", pizza["sauce"], pizza["cheese"]));
    chi_square("sauce and cheese", &pair, &both(own(&SAUCES), own(&CHEESES)));
    for (field, menu) in [("meats", MEATS), ("veggies", VEGGIES)] {
        // By symmetry each name is as often the first of its list as any other, and the last.
        let mut chances = BTreeMap::from([("0 ".to_owned(), NAMES[0])]);
        for (count, chance) in NAMES.iter().enumerate().skip(1) {
            chances.extend(menu.map(|name| (format!("{count} {name}"), chance / 6.0)));
        }
        let cell = |last: bool| {
            each(&|pizza| {
                let names = names(&pizza[field]);
                let end = if last { names.last() } else { names.first() };
                format!("{} {}", names.len(), end.unwrap_or(&""))
            })
        };
        chi_square(&format!("{field}, count and first"), &cell(false), &chances);
        chi_square(&format!("{field}, count and last"), &cell(true), &chances);
    }
    let count = || NAMES.iter().enumerate().map(|(count, chance)| (count.to_string(), *chance));
    let pair = each(&|pizza| {
        format!("{} | {}", names(&pizza["meats"]).len(), names(&pizza["veggies"]).len())
    });
    chi_square("meats and veggies", &pair, &both(count(), count()));
}

#[test]
fn one_seed_gives_the_same_pizzas_across_a_restart_and_another_others() {
    let count = scaled(8_000);
    let first = bake(SEED, count, false);
    let again = bake(SEED, count, true);
    assert_eq!(first.len(), again.len());
    for (identity, pizza) in &first {
        assert_eq!(again[identity], *pizza, "{identity:?}");
    }
    let other = bake(SEED + 1, count, false);
    let same = first.iter().filter(|(identity, pizza)| other[*identity] == **pizza).count();
    eprintln!("with another seed {same} of {count} pizzas are the same");
    assert!(same * 10 < count, "another seed gives {same} of {count} pizzas alike");
}
