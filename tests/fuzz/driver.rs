//! Runs one target until its time is over.

use std::cell::Cell;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Once;
use std::time::{Duration, Instant};

use crate::mutate::Mutator;

/// How long an input may be: longer ones say nothing new and take longer.
const LONGEST: usize = 1 << 16;
/// How many inputs are kept for saying something new.
const KEPT: usize = 20_000;

/// Runs `target` on `corpus` and on mutations of it. What it returns tells apart what happened: an
/// input that makes it say something new is kept, and mutated further.
pub fn fuzz(
    name: &str,
    mut corpus: Vec<Vec<u8>>,
    dictionary: &[&str],
    mut target: impl FnMut(&[u8]) -> String,
) {
    if let Ok(file) = std::env::var("SHIM_FUZZ_REPLAY") {
        println!("{name}: {}", target(&std::fs::read(file).unwrap()));
        return;
    }
    let setting = |name: &str, default| {
        let text = std::env::var(name).ok().filter(|text| !text.is_empty());
        text.map_or(default, |text| text.parse::<u64>().unwrap())
    };
    let (seconds, seed) = (setting("SHIM_FUZZ_SECONDS", 2), setting("SHIM_FUZZ_SEED", 1));
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut mutator = Mutator::new(seed, dictionary);
    let mut said = HashSet::new();
    assert!(!corpus.is_empty(), "{name}: nothing to start from");
    let given = corpus.len();
    let mut runs = 0_u64;
    // Every given input is tried as it is, whatever the time says.
    while runs < given as u64 || Instant::now() < end {
        let as_given = usize::try_from(runs).ok().and_then(|place| corpus.get(place)).cloned();
        let input = match as_given.filter(|_| runs < given as u64) {
            Some(input) => input,
            None => mutator.mutated(&corpus, LONGEST),
        };
        runs += 1;
        let mut run = |input: &[u8]| catch_unwind(AssertUnwindSafe(|| target(input)));
        match run(&input) {
            Ok(says) => {
                let mut hasher = DefaultHasher::new();
                says.hash(&mut hasher);
                if said.insert(hasher.finish()) && corpus.len() < KEPT && runs > given as u64 {
                    corpus.push(input);
                }
            }
            Err(_) => {
                let small = quietly(|| smaller(input, |input| run(input).is_err()));
                let file = keep(name, &small);
                panic!(
                    "{name} broke after {runs} inputs of seed {seed}; replay it:\n  \
                     SHIM_FUZZ_REPLAY={} cargo test --test fuzz {name} -- --nocapture\n  input: {:?}",
                    file.display(),
                    String::from_utf8_lossy(&small)
                );
            }
        }
    }
    println!("{name}: {runs} inputs in {seconds} s, seed {seed}, {} outcomes", said.len());
}

/// Does work whose panics are expected, and would hide all else that is printed.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    thread_local! {
        static QUIET: Cell<bool> = const { Cell::new(false) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                usual(panic);
            }
        }));
    });
    let was_quiet = QUIET.replace(true);
    let done = work();
    QUIET.set(was_quiet);
    done
}

/// Leaves out what is not needed to break it, for a second at most.
fn smaller(mut input: Vec<u8>, mut breaks: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let end = Instant::now() + Duration::from_secs(1);
    let mut length = input.len() / 2;
    while length > 0 {
        let mut start = 0;
        while start < input.len() && Instant::now() < end {
            let mut shorter = input.clone();
            shorter.drain(start..(start + length).min(input.len()));
            if breaks(&shorter) {
                input = shorter;
            } else {
                start += length;
            }
        }
        length /= 2;
    }
    input
}

fn keep(name: &str, input: &[u8]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let file = folder.join(format!("{name}-{:016x}", hasher.finish()));
    std::fs::write(&file, input).unwrap();
    file
}

/// A target that breaks is found, made small, and told how to replay: otherwise this harness
/// would prove nothing.
#[test]
fn the_harness_finds_what_breaks() {
    let target = |input: &[u8]| {
        assert!(!input.windows(4).any(|window| window == b"BOOM"));
        input.len().to_string()
    };
    let corpus = vec![b"{\"quiet\": true}".to_vec()];
    let broken = quietly(|| catch_unwind(|| fuzz("harness", corpus, &["BOOM"], target)));
    if std::env::var_os("SHIM_FUZZ_REPLAY").is_some() {
        return;
    }
    let text = broken.unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains("SHIM_FUZZ_REPLAY=") && text.contains("input: \"BOOM\""), "{text}");
}
