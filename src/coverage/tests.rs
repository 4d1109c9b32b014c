use super::*;

#[test]
fn coverage_every_difference_is_closed_or_waived() {
    let coverage = Coverage::of(&Rules::embedded().unwrap());
    println!("{coverage}");
    assert_eq!(coverage.mistakes, Vec::<String>::new(), "\n{coverage}");
    let open: Vec<&str> = coverage.open().map(|difference| difference.id.as_str()).collect();
    assert!(open.is_empty(), "{} differences are open:\n{coverage}", open.len());
}
