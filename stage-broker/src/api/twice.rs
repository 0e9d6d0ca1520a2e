//! What a request names more than once is refused, whatever is asked of it: one answer a name.

use std::collections::BTreeSet;

/// The names that are there more than once.
pub(super) fn named_twice<N: Ord + Clone>(names: impl Iterator<Item = N>) -> BTreeSet<N> {
    let mut known = BTreeSet::new();
    names.filter(|name| !known.insert(name.clone())).collect()
}
