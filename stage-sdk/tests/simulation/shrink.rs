//! Makes a schedule that breaks a rule small: simpler ones are tried that are part of it, and one that
//! still breaks this rule takes its place, until none does.

use crate::case::Case;

/// Schedules that are tried at most.
const TRIES: usize = 50_000;

/// Simpler ones go another way from the first thing left out on: so many ways are tried of each.
const CHANCES: usize = 40;

/// The smallest schedule found that breaks the rule as this one does.
pub(crate) fn shrink(case: &Case, rule: &str) -> Case {
    let (mut best, mut tries) = (case.clone(), 0);
    while let Some(simpler) = simpler(&best, rule, &mut tries) {
        best = simpler;
    }
    // What says nothing any more, since something else is left out too.
    while let Some(cut) = best.cut.less().into_iter().find(|cut| {
        let case = Case { cut: cut.clone(), ..best };
        case.weight() <= best.weight() && case.breaks(rule)
    }) {
        best = Case { cut, ..best };
    }
    best
}

fn simpler(best: &Case, rule: &str, tries: &mut usize) -> Option<Case> {
    for cut in best.cut.more(|| best.plan()) {
        let chances = (1..=CHANCES).map(|chance| cut.with("chance", chance));
        for cut in std::iter::once(cut.clone()).chain(chances) {
            *tries += 1;
            let case = Case { cut, ..*best };
            if *tries > TRIES {
                return None;
            } else if case.breaks(rule) {
                return Some(case);
            }
        }
    }
    None
}
