//! For each deliberate fault the smallest schedule that was found to break a rule with it, and only with
//! it. Another way of drawing plans makes others of them: then they are found anew.

use crate::case::Case;
use crate::cut::Cut;
use crate::faults::Fault;
use crate::shrink::shrink;

const KEPT: &str = include_str!("kept.txt");

const HEAD: &str = "# fault, seed, cut, rule; written by SIMULATION_RENEW=1, see kept.rs\n";

const RENEW: &str =
    "SIMULATION_RENEW=1 cargo test -p stage-sdk --release --test simulation kept -- --nocapture";

/// As many of a fault's schedules are shrunk, of which the smallest is kept.
const CHOICE: usize = 8;

struct Kept {
    case: Case,
    rule: String,
}

impl Kept {
    fn read(line: &str) -> Result<Kept, String> {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().ok_or_else(|| format!("kept.txt: {line:?} is too short"));
        let name = word()?;
        let fault = Fault::ALL.into_iter().find(|fault| format!("{fault:?}") == name);
        let fault = Some(fault.ok_or_else(|| format!("kept.txt: there is no fault {name}"))?);
        let seed = word()?.parse().map_err(|error| format!("kept.txt: {line:?}: {error}"))?;
        let cut = Cut::read(word()?)?;
        Ok(Kept { case: Case { seed, cut, fault }, rule: word()?.to_owned() })
    }

    /// The smallest of the first schedules that the fault breaks.
    fn find(fault: Fault) -> String {
        let cases = (0..crate::schedules()).map(|seed| Case::new(seed, Some(fault)));
        let broken = cases.filter_map(|case| Some((case.run(false).err()?.rule, case)));
        let broken = broken.filter(|(rule, _)| fault.rules().contains(rule));
        let small = broken.take(CHOICE).map(|(rule, case)| (rule, shrink(&case, rule)));
        let (rule, case) = small.min_by_key(|(_, case)| case.weight()).expect("it is noticed");
        format!("{fault:?} {} {} {rule}\n", case.seed, case.cut)
    }
}

#[test]
fn kept_counter_examples_break_with_their_fault_alone() {
    if crate::number("SIMULATION_RENEW").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/simulation/kept.txt");
        let lines: String = Fault::ALL.into_iter().map(Kept::find).collect();
        print!("{lines}");
        return std::fs::write(path, HEAD.to_owned() + &lines).expect("kept.txt is written");
    }
    let lines = KEPT.lines().filter(|line| !line.starts_with('#'));
    let kept = lines.map(Kept::read).collect::<Result<Vec<_>, _>>().unwrap();
    for fault in Fault::ALL {
        let one = kept.iter().find(|kept| kept.case.fault == Some(fault));
        let one = one.unwrap_or_else(|| panic!("{fault:?} has no kept schedule\n{RENEW}"));
        let rule = one.case.run(false).err().map(|broken| broken.rule);
        assert!(
            rule.is_some_and(|rule| fault.rules().contains(&rule)),
            "{fault:?} broke {:?}, now {rule:?}; where plans are drawn in another way:\n{RENEW}",
            one.rule
        );
        let ended = Case { fault: None, ..one.case.clone() }.run(false);
        assert!(ended.is_ok(), "without {fault:?}: {ended:?}; {:?}", one.case);
    }
}

#[test]
fn what_breaks_a_rule_becomes_small() {
    let case = Case::new(0, Some(Fault::Empty));
    let rule = case.run(false).expect_err("it is noticed").rule;
    let small = shrink(&case, rule);
    let records = |case: &Case| case.plan().records.iter().map(Vec::len).sum::<usize>();
    let (before, after) = (records(&case), records(&small));
    assert!(before > 2 && after <= 2, "{before} records, then {after}: {}", small.cut);
}

#[test]
fn a_cut_comes_back_from_its_text() {
    for text in ["", "partitions:1,records:3,no-moves,no-operator", "skip:2,chance:7"] {
        assert_eq!(Cut::read(text).map(|cut| cut.to_string()), Ok(text.to_owned()));
    }
    assert!(Cut::read("records").is_err() && Cut::read("no-sense").is_err());
}
