use super::*;

#[test]
fn the_header_names_exact_pointers() {
    let mut report = Report::default();
    report.rebase("/data");
    report.note(How::Synthesized, "/mode");
    report.note(How::Dropped, "/schedule/multi/schedules/1");
    assert_eq!(
        report.header().unwrap(),
        "dropped=/data/schedule/multi/schedules/1, synthesized=/data/mode"
    );
    assert_eq!(Report::default().header(), None);
}

#[test]
fn more_than_eight_that_differ_in_an_index_become_one() {
    let mut report = Report::default();
    for item in 0..9 {
        report.note(How::Dropped, &format!("/data/{item}/a"));
    }
    for item in 0..8 {
        report.note(How::Dropped, &format!("/data/{item}/b"));
    }
    let header = report.header().unwrap();
    assert!(header.starts_with("dropped=/data/*/a, dropped=/data/0/b, "), "{header}");
}

proptest::proptest! {
    #[test]
    fn groups_become_what_taking_each_pointer_apart_would_make_of_them(
        items in proptest::collection::vec((0..30_usize, "(/[ab](/[0-3])?)?"), 0..60),
        others in proptest::collection::vec("(/data)?/[0-9]{1,2}(/[ab](/[0-3])?)?", 0..20),
    ) {
        let (mut report, mut part) = (Report::default(), Report::default());
        let mut all = BTreeSet::new();
        for (place, (index, pointer)) in items.iter().enumerate() {
            all.insert(format!("/data/{index}{pointer}"));
            match place % 4 {
                0 => report.rebase_to_item("data", *index),
                1 => drop(report.rebase(&format!("/data/{index}"))),
                2 => {
                    report.rebase("/data");
                    part.rebase(&format!("/{index}"));
                    part.note(How::Dropped, pointer);
                    report.absorb(std::mem::take(&mut part));
                    continue;
                }
                _ => {
                    report.rebase("");
                    part.note(How::Dropped, pointer);
                    let pointer = format!("/data/{index}");
                    report.absorb_at(&pointer, std::mem::take(&mut part));
                    continue;
                }
            }
            report.note(How::Dropped, pointer);
        }
        report.rebase("");
        for pointer in &others {
            report.note(How::Dropped, pointer);
            all.insert(pointer.clone());
        }
        let told: Vec<String> = report.entries().map(|(_, pointer)| pointer).collect();
        proptest::prop_assert_eq!(&told, &all.iter().cloned().collect::<Vec<_>>());
        proptest::prop_assert_eq!(report.general(How::Dropped), generalize(all));
    }

    #[test]
    fn a_base_is_written_as_it_was(base in "(/([0-9]{1,3}|a|))*|/99999999999") {
        let mut report = Report::default();
        report.rebase(&base);
        report.note(How::Dropped, "/a");
        let told = report.entries().map(|(_, pointer)| pointer).collect::<Vec<_>>();
        proptest::prop_assert_eq!(told, [format!("{base}/a")]);
    }
}

#[test]
fn two_indices_are_generalized_in_turn() {
    let mut report = Report::default();
    for item in 0..20 {
        for inner in 0..10 {
            report.note(How::Synthesized, &format!("/data/{item}/override_fields/{inner}/source"));
        }
    }
    assert_eq!(report.header().unwrap(), "synthesized=/data/*/override_fields/*/source");
}

#[test]
fn the_header_is_bounded_and_counts_the_rest() {
    let mut report = Report::default();
    for item in 0..1000 {
        report.note(How::Dropped, &format!("/data/key-{item}, {}", "x".repeat(20)));
    }
    let header = report.header().unwrap();
    assert!(header.len() <= HEADER_LIMIT, "{}", header.len());
    let (_, left) = header.rsplit_once(", +").unwrap();
    assert!(left.parse::<usize>().unwrap() > 900);
    assert!(http::HeaderValue::from_str(&header).is_ok());
}
