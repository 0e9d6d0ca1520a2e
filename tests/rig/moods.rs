//! What the example `flaky` does with which pizza; the tests know it too.

#![allow(unreachable_pub, reason = "programs and tests use it")]

/// How often this pizza fails before it succeeds: five in a hundred orders have such pizzas.
pub fn failures(order: usize, seq: usize) -> u32 {
    match mixed(order, 0) % 100 {
        0..5 if seq.is_multiple_of(3) => 3,
        _ => 0,
    }
}

/// Whether it is never done: one in two hundred.
pub fn is_hopeless(order: usize, seq: usize) -> bool {
    mixed(order, seq + 1).is_multiple_of(200)
}

fn mixed(order: usize, seq: usize) -> u64 {
    let both = (order as u64) << 32 | seq as u64;
    let mixed = both.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33
}
